"""Where one is signed in, and how to end it there."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.sessions import Session
from streamtime.auth.sign_in import SessionKind
from streamtime.formatting import age_text, time_iso
from streamtime.http.requests import PageRequest, require_account_management
from streamtime.http.services import Services
from streamtime.http.templates import Templates

BASE_PATH = "/settings/sessions"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as the page shows it."""

    id: str
    device: str
    is_client: bool
    address: str
    is_current: bool
    used_text: str
    used_iso: str
    since_text: str
    since_iso: str


@get(BASE_PATH, include_in_schema=False)
async def sessions_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The one that asks first, then the others, the one used last first."""
    now = services.clock.now_ms()
    found = [
        _view(one, caller, now) for one in await services.sessions.list_for_user(require_account_management(caller))
    ]
    found.sort(key=lambda view: not view.is_current)
    return templates.page(request, "pages/sessions.html", title="Sessions", nav="settings", sessions=found)


@post(BASE_PATH + "/end-others", include_in_schema=False)
async def end_others(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], services: NamedDependency[Services]
) -> Redirect:
    """End all but the one that asks."""
    await services.sessions.end_others(actor, require_account_management(caller), except_id=_own(caller))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{session:str}/end", include_in_schema=False)
async def end_session(
    session: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """End one. Whoever ends the one that asks has signed out."""
    await services.sessions.end(actor, session, of_user=require_account_management(caller))
    return Redirect(BASE_PATH, status_code=303)


def _own(caller: Caller) -> int | None:
    return caller.credential_id if caller.auth_method in {AuthMethod.COOKIE, AuthMethod.ACCESS} else None


def _view(session: Session, caller: Caller, now_ms: int) -> SessionView:
    here = session.id == _own(caller)
    # When it was used is written now and then: of the one that asks it is known.
    used = now_ms if here else session.last_used_at_ms
    return SessionView(
        id=session.public_id,
        device=session.device,
        is_client=session.kind is SessionKind.CLIENT,
        address=session.address,
        is_current=here,
        used_text=age_text(used, now_ms),
        used_iso=time_iso(used),
        since_text=age_text(session.created_at_ms, now_ms),
        since_iso=time_iso(session.created_at_ms),
    )
