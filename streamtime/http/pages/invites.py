"""Invitations (the admin page), and registration with an invitation or, where it is open, with approval."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor
from streamtime.auth.registration import Applicant, Invite, NewInvite, RegistrationMode
from streamtime.clock import Clock
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.formatting import age_text, time_iso
from streamtime.http.middleware.authentication import new_cookie
from streamtime.http.pages.people import role_of
from streamtime.http.public_urls import AlternateUrl, LinkBase, link_base, qr_svg
from streamtime.http.requests import Form, PageRequest, account_id, client_info_of, is_secure, read_form, require_admin
from streamtime.http.services import AccountServices, AuthServices, HttpSettings
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/admin/people/invites"
DAYS = 7
"""Default lifetime of an invitation, in days."""


@dataclass(frozen=True, slots=True)
class InviteView:
    """An invitation in the list."""

    id: str
    label: str
    role: Role
    uses: int
    max_uses: int
    made_by: str
    since_text: str
    since_iso: str
    until_iso: str
    days_left: int
    is_valid: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class NewInviteLink:
    """The link of an invitation just created; shown once."""

    address: str
    alternate_urls: list[AlternateUrl]
    base: LinkBase
    qr: str

    @classmethod
    def for_path(cls, base: LinkBase, path: str) -> "NewInviteLink":
        """Return the link for a path."""
        return cls(base.url(path), base.alternate_urls(path), base, qr_svg(base.url(path)))


@get(BASE_PATH, include_in_schema=False)
async def invites_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show all invitations, and the form for a new one."""
    require_admin(caller)
    return await _page(request, templates, accounts, clock)


@post(BASE_PATH, include_in_schema=False)
async def create_invite(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Create an invitation. Its link is shown once, on the resulting page."""
    require_admin(caller)
    fields = await read_form(request, "label", "role", "uses", "days")
    try:
        new = NewInvite(role_of(fields["role"]), _number(fields, "uses"), _number(fields, "days"), fields["label"])
        _, token = await accounts.invites.create(new, actor, by_user=account_id(caller))
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _page(request, templates, accounts, clock, form=form, status=400)
    except Conflict:  # registration is closed; the page says so instead of showing the form
        return await _page(request, templates, accounts, clock, status=409)
    made = NewInviteLink.for_path(link_base(request, settings), f"/join/{token}")
    return await _page(request, templates, accounts, clock, made=made)


@post(BASE_PATH + "/{invite:str}/revoke", include_in_schema=False)
async def revoke_invite(
    invite: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
) -> Redirect:
    """Revoke an invitation."""
    require_admin(caller)
    await accounts.invites.revoke(invite, actor)
    return Redirect(BASE_PATH, status_code=303)


def _number(fields: dict[str, str], name: str) -> int:
    text = fields[name].strip()
    if not text.isascii() or not text.isdigit() or len(text) > 6:  # noqa: PLR2004  # more digits than any limit has
        raise Invalid("That is not a number.", field=name)
    return int(text)


async def _page(
    request: PageRequest,
    templates: Templates,
    accounts: AccountServices,
    clock: Clock,
    *,
    form: Form | None = None,
    made: NewInviteLink | None = None,
    status: int = 200,
) -> Response[str]:
    now = clock.now_ms()
    blank: Form = {"label": "", "role": Role.MEMBER.value, "uses": "1", "days": str(DAYS), "errors": {}}
    return templates.page(
        request,
        "pages/invites.html",
        confidential=True,
        title=gettext("Invitations"),
        nav="admin",
        status=status,
        invites=[_view(invite, now) for invite in await accounts.invites.list_all()],
        mode=accounts.registration.mode.value,
        form=form or blank,
        made=made,
    )


def _view(invite: Invite, now_ms: int) -> InviteView:
    return InviteView(
        id=invite.public_id,
        label=invite.label,
        role=invite.role,
        uses=invite.uses,
        max_uses=invite.max_uses,
        made_by=invite.made_by,
        since_text=age_text(invite.created_at_ms, now_ms),
        since_iso=time_iso(invite.created_at_ms),
        until_iso=time_iso(invite.expires_at_ms),
        days_left=max(0, -(-(invite.expires_at_ms - now_ms) // 86_400_000)),
        is_valid=invite.is_valid(now_ms),
        revoked=invite.revoked_at_ms is not None,
    )


BLANK: Form = {"name": "", "display_name": "", "errors": {}}


@get("/join/{token:str}", include_in_schema=False)
async def join_page(
    request: PageRequest,
    token: FromPath[str],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the registration form of an invitation."""
    await accounts.registration.require_invite(token)
    return _form(request, templates, BLANK, status=200, action=f"/join/{token}")


@post("/join/{token:str}", include_in_schema=False)
async def join(
    request: PageRequest,
    token: FromPath[str],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Create an account with an invitation, and sign in to it."""
    fields = await read_form(request, "name", "display_name", "password")
    applicant = Applicant(fields["name"].strip(), fields["display_name"], fields["password"])
    try:
        created = await accounts.registration.register_with_invite(token, applicant, client_info_of(request))
    except (Invalid, Conflict) as error:
        return _again(request, templates, fields, error, action=f"/join/{token}")
    session = await auth.sign_in.sign_in_with_password(created.name, applicant.password, client_info_of(request))
    return Redirect("/library", status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


@get("/register", include_in_schema=False)
async def register_page(
    request: PageRequest, accounts: NamedDependency[AccountServices], templates: NamedDependency[Templates]
) -> Response[str]:
    """Show the form of open registration."""
    if accounts.registration.mode is not RegistrationMode.OPEN:
        raise NotFound
    return _form(request, templates, BLANK, status=200, action="/register")


@post("/register", include_in_schema=False)
async def register(
    request: PageRequest, accounts: NamedDependency[AccountServices], templates: NamedDependency[Templates]
) -> Response[str]:
    """Create an account that waits for approval."""
    fields = await read_form(request, "name", "display_name", "password")
    applicant = Applicant(fields["name"].strip(), fields["display_name"], fields["password"])
    try:
        created = await accounts.registration.register(applicant, client_info_of(request))
    except (Invalid, Conflict) as error:
        return _again(request, templates, fields, error, action="/register")
    return templates.page(request, "pages/registered.html", title=gettext("Thank you"), name=created.name)


def _again(
    request: PageRequest, templates: Templates, fields: dict[str, str], error: Invalid | Conflict, *, action: str
) -> Response[str]:
    taken = isinstance(error, Conflict)
    field = "name" if isinstance(error, Conflict) else error.field or ""
    form: Form = {"name": fields["name"], "display_name": fields["display_name"], "errors": {field: error.message}}
    return _form(request, templates, form, status=409 if taken else 400, action=action)


def _form(request: PageRequest, templates: Templates, form: Form, *, status: int, action: str) -> Response[str]:
    return templates.page(
        request,
        "pages/join.html",
        confidential=True,
        title=gettext("Your account"),
        status=status,
        form=form,
        action=action,
    )
