"""API tokens: made here and shown once, with what they may do and when they were used; revoked here."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller, TokenScope
from streamtime.auth.api_tokens import ApiToken
from streamtime.auth.audit import Actor
from streamtime.errors import Conflict, Invalid
from streamtime.formatting import age_text, time_iso
from streamtime.http.requests import Form, PageRequest, read_form, require_account_management
from streamtime.http.services import Services
from streamtime.http.templates import Templates

BASE_PATH = "/settings/tokens"


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as the page shows it."""

    id: str
    label: str
    scope: TokenScope
    since_text: str
    since_iso: str
    used_text: str
    used_iso: str


@get(BASE_PATH, include_in_schema=False)
async def tokens_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Those in use, and the form for another."""
    return await _page(request, templates, services, require_account_management(caller))


@post(BASE_PATH, include_in_schema=False)
async def create_token(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Make one. Its secret is on the page that answers, and nowhere afterwards."""
    user_id = require_account_management(caller)
    fields = await read_form(request, "label", "scope")
    try:
        made = await services.api_tokens.create(actor, user_id, fields["label"], _scope(fields["scope"]))
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _page(request, templates, services, user_id, form=form, status=400)
    except Conflict as error:
        form = {**fields, "errors": {"": error.message}}
        return await _page(request, templates, services, user_id, form=form, status=409)
    return await _page(request, templates, services, user_id, secret=made.secret, label=made.token.label)


@post(BASE_PATH + "/{token:str}/revoke", include_in_schema=False)
async def revoke_token(
    token: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """It is refused from the next request on."""
    await services.api_tokens.revoke(actor, token, of_user=require_account_management(caller))
    return Redirect(BASE_PATH, status_code=303)


async def _page(
    request: PageRequest,
    templates: Templates,
    services: Services,
    user_id: int,
    *,
    form: Form | None = None,
    status: int = 200,
    secret: str = "",
    label: str = "",
) -> Response[str]:
    now = services.clock.now_ms()
    found = [_view(token, now) for token in await services.api_tokens.list_for_user(user_id)]
    return templates.page(
        request,
        "pages/tokens.html",
        confidential=True,
        title="API tokens",
        nav="settings",
        status=status,
        tokens=found,
        form=form or {"label": "", "scope": TokenScope.READ.value, "errors": {}},
        secret=secret,
        label=label,
    )


def _scope(text: str) -> TokenScope:
    try:
        return TokenScope(text)
    except ValueError:
        raise Invalid("Choose what the token may do.", field="scope") from None


def _view(token: ApiToken, now_ms: int) -> TokenView:
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
