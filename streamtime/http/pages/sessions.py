"""The settings pages of sessions and API tokens: list, create and revoke."""

from dataclasses import dataclass
from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller, TokenScope
from streamtime.auth.api_tokens import ApiToken
from streamtime.auth.audit import Actor
from streamtime.auth.sessions import Session
from streamtime.auth.sign_in import SessionKind
from streamtime.clock import Clock
from streamtime.errors import Conflict, Invalid
from streamtime.formatting import age_text, time_iso
from streamtime.http.public_urls import absolute_url
from streamtime.http.requests import Form, PageRequest, read_form, require_account_management
from streamtime.http.secret_paths import feed_path
from streamtime.http.services import AuthServices, HttpSettings
from streamtime.http.templates import Templates
from streamtime.translation import gettext

TOKENS = "/settings/tokens"


@dataclass(frozen=True, slots=True)
class TokenView:
    """An API token in the list."""

    id: str
    label: str
    scope: TokenScope
    since_text: str
    since_iso: str
    used_text: str
    used_iso: str


@get(TOKENS, include_in_schema=False)
async def tokens_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    chosen: Annotated[str, QueryParameter(name="scope", max_length=20)] = TokenScope.READ.value,
) -> Response[str]:
    """Show the caller's API tokens, and the form for a new one, in which `scope` is chosen."""
    form: Form = {"label": "", "scope": chosen, "errors": {}}
    return await _tokens(request, templates, auth, clock, require_account_management(caller), form=form)


@post(TOKENS, include_in_schema=False)
async def create_token(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Create a token. Its secret is shown once, on the resulting page."""
    user_id = require_account_management(caller)
    fields = await read_form(request, "label", "scope")
    try:
        created = await auth.api_tokens.create(actor, user_id, fields["label"], _scope(fields["scope"]))
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _tokens(request, templates, auth, clock, user_id, form=form, status=400)
    except Conflict as error:
        form = {**fields, "errors": {"": error.message}}
        return await _tokens(request, templates, auth, clock, user_id, form=form, status=409)
    token = created.token
    feed_url = absolute_url(request, settings, feed_path(created.secret)) if token.scope is TokenScope.FEED else ""
    return await _tokens(
        request, templates, auth, clock, user_id, secret=created.secret, label=token.label, feed_url=feed_url
    )


@post(TOKENS + "/{token:str}/revoke", include_in_schema=False)
async def revoke_token(
    token: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
) -> Redirect:
    """Revoke a token, effective from the next request."""
    await auth.api_tokens.revoke(actor, token, of_user=require_account_management(caller))
    return Redirect(TOKENS, status_code=303)


async def _tokens(
    request: PageRequest,
    templates: Templates,
    auth: AuthServices,
    clock: Clock,
    user_id: int,
    *,
    form: Form | None = None,
    status: int = 200,
    secret: str = "",
    label: str = "",
    feed_url: str = "",
) -> Response[str]:
    now = clock.now_ms()
    found = [_token_view(token, now) for token in await auth.api_tokens.list_for_user(user_id)]
    return templates.page(
        request,
        "pages/tokens.html",
        confidential=True,
        title=gettext("API tokens"),
        nav="settings",
        status=status,
        tokens=found,
        form=form or {"label": "", "scope": TokenScope.READ.value, "errors": {}},
        secret=secret,
        label=label,
        feed_url=feed_url,
    )


def _scope(text: str) -> TokenScope:
    try:
        return TokenScope(text)
    except ValueError:
        raise Invalid("Choose what the token may do.", field="scope") from None


def _token_view(token: ApiToken, now_ms: int) -> TokenView:
    used = token.last_used_at_ms
    return TokenView(
        id=token.public_id,
        label=token.label,
        scope=token.scope,
        since_text=age_text(token.created_at_ms, now_ms),
        since_iso=time_iso(token.created_at_ms),
        used_text="" if used is None else age_text(used, now_ms),
        used_iso="" if used is None else time_iso(used),
    )


SESSIONS = "/settings/sessions"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session in the list."""

    id: str
    device: str
    is_client: bool
    address: str
    is_current: bool
    used_text: str
    used_iso: str
    since_text: str
    since_iso: str


@get(SESSIONS, include_in_schema=False)
async def sessions_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the caller's sessions: the current one first, then the others, most recently used first."""
    now = clock.now_ms()
    found = [
        _session_view(one, caller, now) for one in await auth.sessions.list_for_user(require_account_management(caller))
    ]
    found.sort(key=lambda view: not view.is_current)
    return templates.page(request, "pages/sessions.html", title=gettext("Sessions"), nav="settings", sessions=found)


@post(SESSIONS + "/end-others", include_in_schema=False)
async def end_others(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], auth: NamedDependency[AuthServices]
) -> Redirect:
    """End all sessions except the current one."""
    await auth.sessions.end_others(actor, require_account_management(caller), except_id=_current_session_id(caller))
    return Redirect(SESSIONS, status_code=303)


@post(SESSIONS + "/{session:str}/end", include_in_schema=False)
async def end_session(
    session: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
) -> Redirect:
    """End a session. Ending the current one signs the caller out."""
    await auth.sessions.end(actor, session, of_user=require_account_management(caller))
    return Redirect(SESSIONS, status_code=303)


def _current_session_id(caller: Caller) -> int | None:
    return caller.credential_id if caller.auth_method in {AuthMethod.COOKIE, AuthMethod.ACCESS} else None


def _session_view(session: Session, caller: Caller, now_ms: int) -> SessionView:
    is_current = session.id == _current_session_id(caller)
    # The last use is written to the database only periodically, but the current session is in use now.
    used = now_ms if is_current else session.last_used_at_ms
    return SessionView(
        id=session.public_id,
        device=session.device,
        is_client=session.kind is SessionKind.CLIENT,
        address=session.address,
        is_current=is_current,
        used_text=age_text(used, now_ms),
        used_iso=time_iso(used),
        since_text=age_text(session.created_at_ms, now_ms),
        since_iso=time_iso(session.created_at_ms),
    )
