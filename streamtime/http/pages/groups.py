"""The groups of the caller: a list, and the page of one with its people. All groups for administrators."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.auth.groups import Group
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.http.grantees import people_like
from streamtime.http.requests import Form, PageRequest, account_id, read_form
from streamtime.http.services import AccountServices, SharingServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import owner_href, picture_href
from streamtime.translation import gettext

BASE_PATH = "/groups"


@get(BASE_PATH, include_in_schema=False)
async def groups_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
    every: FromQuery[str] = "",
) -> Response[str]:
    """Show the groups of the caller; with `every=yes`, for administrators, those of all accounts."""
    return await _list(request, caller, sharing, templates, every=every == "yes")


@post(BASE_PATH, include_in_schema=False)
async def make_group(
    request: PageRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Make a group and show it, or show the list again with the error."""
    owner_id, fields = account_id(caller), await read_form(request, "name")
    try:
        created = await sharing.groups.create(owner_id, fields["name"])
    except (Invalid, Conflict) as error:
        form: Form = {**fields, "errors": {"name": error.message}}
        return await _list(request, caller, sharing, templates, form=form)
    return Redirect(f"{BASE_PATH}/{created}", status_code=303)


@get(BASE_PATH + "/{group:str}", include_in_schema=False)
async def group_page(
    request: PageRequest,
    group: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the people of a group, and the forms that change it."""
    account_id(caller)
    found = await sharing.groups.require(caller, group)
    return await _one(request, found, caller, accounts, sharing, templates, {"name": "", "person": "", "errors": {}})


@post(BASE_PATH + "/{group:str}", include_in_schema=False)
async def change_group(
    request: PageRequest,
    group: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Rename the group, add or remove a person; or show the page again with the error."""
    account_id(caller)
    found = await sharing.groups.require(caller, group)
    fields = await read_form(request, "name", "person", "remove")
    try:
        if fields["remove"]:
            await sharing.groups.remove_member(found, await accounts.users.by_name(fields["remove"]), actor)
        elif fields["name"]:
            await sharing.groups.rename(found, fields["name"])
        else:
            person = await accounts.users.by_name(fields["person"].strip().removeprefix("@"))
            await accounts.profile_visibility.require(caller, person)
            await sharing.groups.add_member(found, person, actor)
    except (Invalid, Conflict, NotFound) as error:
        form: Form = {**fields, "errors": {"name" if fields["name"] else "person": error.message}}
        return await _one(request, found, caller, accounts, sharing, templates, form)
    return Redirect(f"{BASE_PATH}/{group}", status_code=303)


@get(BASE_PATH + "/{group:str}/delete", include_in_schema=False)
async def delete_group_page(
    request: PageRequest,
    group: FromPath[str],
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask for confirmation."""
    account_id(caller)
    found = await sharing.groups.require(caller, group)
    title = gettext("Delete the group")
    return templates.page(request, "pages/group-delete.html", title=title, nav="groups", group=found)


@post(BASE_PATH + "/{group:str}/delete", include_in_schema=False)
async def delete_group(
    group: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> Redirect:
    """Delete a group."""
    account_id(caller)
    await sharing.groups.delete(await sharing.groups.require(caller, group), actor)
    return Redirect(BASE_PATH, status_code=303)


async def _list(
    request: PageRequest,
    caller: Caller,
    sharing: SharingServices,
    templates: Templates,
    *,
    every: bool = False,
    form: Form | None = None,
) -> Response[str]:
    owner_id, every = account_id(caller), every and caller.is_admin
    found = await (sharing.groups.list_all() if every else sharing.groups.list_for_owner(owner_id))
    return templates.page(
        request,
        "pages/groups.html",
        title=gettext("Groups"),
        nav="groups",
        status=400 if form else 200,
        groups=found,
        every=every,
        form=form or {"name": "", "errors": {}},
    )


async def _one(
    request: PageRequest,
    group: Group,
    caller: Caller,
    accounts: AccountServices,
    sharing: SharingServices,
    templates: Templates,
    form: Form,
) -> Response[str]:
    members = await sharing.groups.members(group)
    there = {each.name for each in members}
    views = [
        {
            "name": each.name,
            "text": each.shown_name,
            "href": owner_href(each.name),
            "picture": picture_href(each.public_id, each.picture_version),
        }
        for each in members
    ]
    return templates.page(
        request,
        "pages/group.html",
        title=group.name,
        nav="groups",
        status=400 if form["errors"] else 200,
        group=group,
        members=views,
        people=[each for each in await people_like("", caller, accounts) if each.name not in there],
        form=form,
    )
