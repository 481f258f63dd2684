"""/api/v1/groups: groups of people to share with."""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.auth.groups import Group
from streamtime.errors import Forbidden
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.requests import account_id
from streamtime.http.services import AccountServices, SharingServices

GROUPS = "/api/v1/groups"
GROUP = GROUPS + "/{group:str}"


class GroupBody(msgspec.Struct):
    """A group. `owner` made it and decides who is in it; `members` counts its people."""

    id: str
    name: str
    owner: str
    members: int
    created_at: str


class GroupList(msgspec.Struct):
    """Groups in the order of their names."""

    items: list[GroupBody]


class GroupDetail(GroupBody):
    """A group with the user names of its people."""

    people: list[str]


class GroupRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The name of a group."""

    name: Annotated[str, msgspec.Meta(max_length=1_000)]


@get(GROUPS, responses=problems(401, 403), tags=["groups"], summary="List your groups")
async def list_groups(
    caller: NamedDependency[Caller], sharing: NamedDependency[SharingServices], every: FromQuery[bool] = False
) -> GroupList:
    """Those of the caller. With `every`, for administrators, those of all accounts."""
    owner_id = account_id(caller)
    if every and not caller.is_admin:
        raise Forbidden("Only administrators may see the groups of all accounts.")
    found = await (sharing.groups.list_all() if every else sharing.groups.list_for_owner(owner_id))
    return GroupList([GroupBody(**_fields(each)) for each in found])


@post(GROUPS, responses=problems(401, 403, 409, 413), tags=["groups"], summary="Make a group")
async def create_group(
    data: JSONBody[GroupRequest], caller: NamedDependency[Caller], sharing: NamedDependency[SharingServices]
) -> GroupDetail:
    """An empty one. Only its owner and administrators see it."""
    created = await sharing.groups.create(account_id(caller), data.name)
    return await _detail(created, caller, sharing)


@get(GROUP, responses=problems(401, 404), tags=["groups"], summary="Get a group")
async def get_group(
    group: FromPath[str], caller: NamedDependency[Caller], sharing: NamedDependency[SharingServices]
) -> GroupDetail:
    """One group of the caller; for administrators, of any account."""
    account_id(caller)
    return await _detail(group, caller, sharing)


@patch(GROUP, responses=problems(401, 403, 404, 409, 413), tags=["groups"], summary="Rename a group")
async def patch_group(
    group: FromPath[str],
    data: JSONBody[GroupRequest],
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
) -> GroupDetail:
    """Its people stay."""
    account_id(caller)
    await sharing.groups.rename(await sharing.groups.require(caller, group), data.name)
    return await _detail(group, caller, sharing)


@delete(GROUP, responses=problems(401, 403, 404), tags=["groups"], summary="Delete a group")
async def delete_group(
    group: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> None:
    """What was shared with the group is not shared with its people any more, effective immediately."""
    account_id(caller)
    await sharing.groups.delete(await sharing.groups.require(caller, group), actor)


@put(
    GROUP + "/members/{person:str}",
    status_code=204,
    responses=problems(401, 403, 404, 409),
    tags=["groups"],
    summary="Add a person to a group",
)
async def add_member(
    group: FromPath[str],
    person: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
) -> None:
    """By user name. They may watch what is shared with the group. Without effect if they are in it."""
    account_id(caller)
    found = await sharing.groups.require(caller, group)
    added = await accounts.users.by_name(person)
    await accounts.profile_visibility.require(caller, added)
    await sharing.groups.add_member(found, added, actor)


@delete(
    GROUP + "/members/{person:str}",
    responses=problems(401, 403, 404),
    tags=["groups"],
    summary="Remove a person from a group",
)
async def remove_member(
    group: FromPath[str],
    person: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
) -> None:
    """By user name. Players of what they may not watch any more stop at the next segment."""
    account_id(caller)
    found = await sharing.groups.require(caller, group)
    await sharing.groups.remove_member(found, await accounts.users.by_name(person), actor)


async def _detail(group: str, caller: Caller, sharing: SharingServices) -> GroupDetail:
    found = await sharing.groups.require(caller, group)
    return GroupDetail(**_fields(found), people=[each.name for each in await sharing.groups.members(found)])


def _fields(group: Group) -> dict[str, Any]:
    return {
        "id": group.public_id,
        "name": group.name,
        "owner": group.owner_name,
        "members": group.members,
        "created_at": time_iso(group.created_at_ms),
    }
