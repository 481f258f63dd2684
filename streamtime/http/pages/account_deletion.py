"""Deleting an account: by an administrator, who decides about its videos, or by its owner, with the password."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, Invalid, NotFound, Unauthenticated
from streamtime.http.middleware.authentication import expired_session_cookie
from streamtime.http.requests import Form, PageRequest, client_info_of, is_secure, read_form, require_account_management
from streamtime.http.services import AccountServices, AuthServices, StorageServices
from streamtime.http.templates import Templates
from streamtime.http.views.people import people_views, person_view
from streamtime.translation import gettext

PEOPLE = "/admin/people"
OWN = "/settings/account"


@get(PEOPLE + "/{person:str}/delete", include_in_schema=False)
async def delete_person_page(
    request: PageRequest,
    account: NamedDependency[User],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask whether to delete or transfer the videos."""
    return await _ask(request, account, caller, accounts, storage, clock, templates, {"errors": {}}, status=200)


@post(PEOPLE + "/{person:str}/delete", include_in_schema=False)
async def delete_person(
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
    """Delete the account, and delete or transfer its videos."""
    fields = await read_form(request, "videos", "heir")
    try:
        new_owner = await _new_owner(fields["heir"], accounts) if fields["videos"] == "hand" else None
        await database.write(
            lambda tx: accounts.deletion.delete(
                tx, account, actor, new_owner=new_owner, delete_videos=fields["videos"] == "delete"
            )
        )
    except Invalid as error:
        return await _ask(
            request,
            account,
            caller,
            accounts,
            storage,
            clock,
            templates,
            _form_with_error(fields, error.message),
            status=400,
        )
    except Conflict as error:
        return await _ask(
            request,
            account,
            caller,
            accounts,
            storage,
            clock,
            templates,
            _form_with_error(fields, error.message),
            status=409,
        )
    return Redirect(PEOPLE, status_code=303)


@get(OWN, include_in_schema=False)
async def own_account_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show what is deleted with the caller's account, and the form."""
    require_account_management(caller)
    return await _own(request, caller, accounts, templates, {"errors": {}}, status=200)


@post(OWN, include_in_schema=False)
async def delete_own_account(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Delete the caller's account and all its videos, after checking the password."""
    require_account_management(caller)
    fields = await read_form(request, "password")
    found = await accounts.users.by_name(caller.name)
    try:
        await auth.passwords.verify(found.name, fields["password"], client_info_of(request))
        await database.write(lambda tx: accounts.deletion.delete(tx, found, actor, delete_videos=True))
    except Unauthenticated:
        form: Form = {"errors": {"password": gettext("That is not your password.")}}
        return await _own(request, caller, accounts, templates, form, status=400)
    except Conflict as error:
        return await _own(request, caller, accounts, templates, {"errors": {"": error.message}}, status=409)
    return Redirect("/explore", status_code=303, cookies=[expired_session_cookie(secure=is_secure(request))])


async def _new_owner(public_id: str, accounts: AccountServices) -> User:
    try:
        return await accounts.users.by_public_id(public_id)
    except NotFound:
        raise Invalid("Choose the new owner of the videos.", field="heir") from None


def _form_with_error(fields: dict[str, str], message: str) -> Form:
    return {**fields, "errors": {"": message}}


async def _ask(
    request: PageRequest,
    found: User,
    caller: Caller,
    accounts: AccountServices,
    storage: StorageServices,
    clock: Clock,
    templates: Templates,
    form: Form,
    *,
    status: int,
) -> Response[str]:
    candidates = [
        view
        for view in await people_views(caller, accounts, storage, clock)
        if view.id != found.public_id and view.role is not Role.VIEWER and view.state == "active"
    ]
    return templates.page(
        request,
        "pages/person-delete.html",
        title=gettext("Delete this account?"),
        nav="admin",
        status=status,
        person=await person_view(found, caller, accounts, storage, clock),
        videos=await accounts.deletion.count_videos(found),
        candidates=sorted(candidates, key=lambda view: not view.is_self),
        form={"videos": "hand", "heir": "", **form},
    )


async def _own(
    request: PageRequest, caller: Caller, accounts: AccountServices, templates: Templates, form: Form, *, status: int
) -> Response[str]:
    found = await accounts.users.by_name(caller.name)
    return templates.page(
        request,
        "pages/account.html",
        title=gettext("Delete my account"),
        nav="settings",
        status=status,
        videos=await accounts.deletion.count_videos(found),
        has_password=await accounts.users.has_password(caller.name),
        form=form,
    )
