"""The admin pages of accounts: list, create, role, quota, disable, approve, end sessions, reset password."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, Invalid
from streamtime.http.requests import Form, PageRequest, read_form, require_admin
from streamtime.http.services import AccountServices, AuthServices, StorageServices
from streamtime.http.templates import Templates
from streamtime.http.views.people import GIGABYTE, people_views, person_view
from streamtime.translation import gettext

BASE_PATH = "/admin/people"
MAX_QUOTA_BYTES = 1 << 62


@get(BASE_PATH, include_in_schema=False)
async def people_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show all accounts; those that wait for approval first."""
    require_admin(caller)
    people = await people_views(caller, accounts, storage, clock)
    return templates.page(
        request,
        "pages/people.html",
        title=gettext("People"),
        nav="admin",
        awaiting=[person for person in people if person.state == "awaiting"],
        people=[person for person in people if person.state != "awaiting"],
    )


@get(BASE_PATH + "/new", include_in_schema=False)
async def new_person_page(
    request: PageRequest, caller: NamedDependency[Caller], templates: NamedDependency[Templates]
) -> Response[str]:
    """Show the form for a new account."""
    require_admin(caller)
    return _new(request, templates, {"name": "", "role": Role.MEMBER.value, "errors": {}}, status=200)


@post(BASE_PATH + "/new", include_in_schema=False)
async def create_person(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Create an account."""
    require_admin(caller)
    fields = await read_form(request, "name", "password", "role")
    form = {"name": fields["name"], "role": fields["role"]}
    try:
        role = role_of(fields["role"])
        created = await accounts.users.create(fields["name"].strip(), fields["password"], role, actor=actor)
    except Invalid as error:
        return _new(request, templates, {**form, "errors": {error.field or "": error.message}}, status=400)
    except Conflict as error:
        return _new(request, templates, {**form, "errors": {"name": error.message}}, status=409)
    return Redirect(f"{BASE_PATH}/{created.public_id}", status_code=303)


@get(BASE_PATH + "/{person:str}", include_in_schema=False)
async def person_page(
    request: PageRequest,
    account: NamedDependency[User],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show one account and its actions."""
    return await _person(request, account, caller, accounts, storage, clock, templates)


@post(BASE_PATH + "/{person:str}/role", include_in_schema=False)
async def set_role(
    request: PageRequest,
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Set the role of an account."""
    role = role_of((await read_form(request, "role"))["role"])
    await database.write(lambda tx: accounts.administration.set_role(tx, account, role, actor))
    return Redirect(f"{BASE_PATH}/{account.public_id}", status_code=303)


@post(BASE_PATH + "/{person:str}/quota", include_in_schema=False)
async def set_quota(
    request: PageRequest,
    account: NamedDependency[User],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Set the quota of an account."""
    fields = await read_form(request, "kind", "gigabytes")
    try:
        quota = quota_of(fields["kind"], fields["gigabytes"])
    except Invalid as error:
        form: Form = {"errors": {"gigabytes": error.message}, **fields}
        return await _person(request, account, caller, accounts, storage, clock, templates, form=form, status=400)
    await database.write(lambda tx: accounts.administration.set_quota(tx, account, quota, actor))
    return Redirect(f"{BASE_PATH}/{account.public_id}", status_code=303)


@post(BASE_PATH + "/{person:str}/disable", include_in_schema=False)
async def disable(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Disable an account, from its next request on."""
    return await _set_enabled(account, actor, accounts, database, enabled=False)


@post(BASE_PATH + "/{person:str}/enable", include_in_schema=False)
async def enable(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Enable a disabled account."""
    return await _set_enabled(account, actor, accounts, database, enabled=True)


@post(BASE_PATH + "/{person:str}/approve", include_in_schema=False)
async def approve(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Approve an account that waits."""
    await database.write(lambda tx: accounts.administration.approve(tx, account, actor))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{person:str}/sign-out", include_in_schema=False)
async def sign_out(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> Redirect:
    """End all sessions of an account."""
    await database.write(lambda tx: accounts.administration.end_sessions(tx, account, actor))
    return Redirect(f"{BASE_PATH}/{account.public_id}", status_code=303)


@post(BASE_PATH + "/{person:str}/password", include_in_schema=False)
async def reset_password(
    request: PageRequest,
    account: NamedDependency[User],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Set a generated password, which is shown once, on the resulting page."""
    password = await accounts.administration.reset_password(account, actor)
    return await _person(request, account, caller, accounts, storage, clock, templates, new_password=password)


@post(BASE_PATH + "/{person:str}/second-factor", include_in_schema=False)
async def disable_second_factor(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Disable the second factor of an account whose owner has lost it."""
    await database.write(lambda tx: auth.second_factor.admin_disable(tx, account, actor))
    return Redirect(f"{BASE_PATH}/{account.public_id}", status_code=303)


def role_of(text: str) -> Role:
    """Parse the role in a form.

    Raises:
        Invalid: there is no such role.
    """
    try:
        return Role(text)
    except ValueError:
        raise Invalid("Choose a role.", field="role") from None


def quota_of(kind: str, gigabytes: str) -> int | None:
    """Parse the quota in a form, in bytes. None: the default, 0: no limit.

    Raises:
        Invalid: the number of gigabytes is not valid.
    """
    if kind in {"default", "none"}:
        return None if kind == "default" else 0
    try:
        count = float(gigabytes.replace(",", "."))
        size = int(count * GIGABYTE)
    except (ValueError, OverflowError):
        size = 0
    if not 0 < size <= MAX_QUOTA_BYTES:
        raise Invalid("Enter a number of gigabytes greater than 0, such as 500 or 1.5.", field="gigabytes")
    return size


async def _set_enabled(
    account: User, actor: Actor, accounts: AccountServices, database: Database, *, enabled: bool
) -> Redirect:
    await database.write(lambda tx: accounts.administration.set_enabled(tx, account, actor, enabled=enabled))
    return Redirect(f"{BASE_PATH}/{account.public_id}", status_code=303)


def _new(request: PageRequest, templates: Templates, form: Form, *, status: int) -> Response[str]:
    return templates.page(
        request, "pages/person-new.html", title=gettext("New account"), nav="admin", status=status, form=form
    )


async def _person(
    request: PageRequest,
    found: User,
    caller: Caller,
    accounts: AccountServices,
    storage: StorageServices,
    clock: Clock,
    templates: Templates,
    *,
    form: Form | None = None,
    new_password: str = "",
    status: int = 200,
) -> Response[str]:
    view = await person_view(found, caller, accounts, storage, clock)
    kind = "default" if view.quota is None else "own" if view.quota else "none"
    return templates.page(
        request,
        "pages/person.html",
        title=view.name,
        nav="admin",
        status=status,
        person=view,
        form=form or {"kind": kind, "gigabytes": view.quota_gigabytes, "errors": {}},
        secret=new_password,
    )
