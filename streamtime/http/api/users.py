"""/api/v1/admin/users: accounts, for those who run the server."""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor
from streamtime.auth.users import User
from streamtime.database.transaction import Transaction
from streamtime.errors import Forbidden, Invalid
from streamtime.http.problems import problems
from streamtime.http.requests import require_signed_in
from streamtime.http.services import Services
from streamtime.http.views.people import PersonView, people_views, person_view

BASE_PATH = "/api/v1/admin/users"


class UserBody(msgspec.Struct):
    """An account. `state` is `active`, `disabled` or `awaiting` (approval); `picture` an address; sizes in bytes.

    `second_factor` says whether signing in asks for a code too. `quota` is null where the configuration decides, and 0
    where there is no limit.
    """

    id: str
    name: str
    display_name: str
    picture: str | None
    role: Role
    state: str
    second_factor: bool
    videos: int
    used: int
    quota: int | None
    last_seen_at: str | None
    created_at: str


class UserList(msgspec.Struct):
    """All accounts, the oldest first."""

    items: list[UserBody]


class NewUserBody(msgspec.Struct, forbid_unknown_fields=True):
    """An account to be made."""

    name: Annotated[str, msgspec.Meta(max_length=1_000)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]
    role: Role = Role.MEMBER


class UserPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What is to change; what is left out stays. `approved` lets somebody in who waits.

    `second_factor` can only be turned off, for somebody who has lost it; the account's sessions end with it.
    """

    role: Role | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    approved: bool | msgspec.UnsetType = msgspec.UNSET
    second_factor: bool | msgspec.UnsetType = msgspec.UNSET
    quota: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] | msgspec.UnsetType | None = msgspec.UNSET


class NewPassword(msgspec.Struct):
    """A password, told this once."""

    password: str


@get(BASE_PATH, responses=problems(401, 403), tags=["admin"], summary="List accounts")
async def list_users(caller: NamedDependency[Caller], services: NamedDependency[Services]) -> UserList:
    """With what each uses."""
    require_admin_or_forbid(caller)
    return UserList([_body(view) for view in await people_views(caller, services)])


@post(BASE_PATH, responses=problems(401, 403, 409, 413), tags=["admin"], summary="Make an account")
async def create_user(
    data: JSONBody[NewUserBody],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> UserBody:
    """It may sign in at once."""
    require_admin_or_forbid(caller)
    made = await services.users.create(data.name, data.password, data.role, actor=actor)
    return _body(await person_view(made, caller, services))


@patch(
    BASE_PATH + "/{user:str}", responses=problems(401, 403, 404, 409, 413), tags=["admin"], summary="Change an account"
)
async def patch_user(
    user: FromPath[str],
    data: JSONBody[UserPatch],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> UserBody:
    """Change what is named, by the account's id; all of it or nothing."""
    require_admin_or_forbid(caller)
    found = await services.users.by_public_id(user)
    await services.database.write(lambda tx: _change(tx, services, found, data, actor))
    return _body(await person_view(await services.users.by_public_id(user), caller, services))


@post(
    BASE_PATH + "/{user:str}/password",
    status_code=200,
    responses=problems(401, 403, 404),
    tags=["admin"],
    summary="Reset a password",
)
async def reset_user_password(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> NewPassword:
    """Give the account a new password and end its sessions."""
    require_admin_or_forbid(caller)
    found = await services.users.by_public_id(user)
    return NewPassword(await services.administration.reset_password(found, actor))


@post(
    BASE_PATH + "/{user:str}/sign-out",
    status_code=204,
    responses=problems(401, 403, 404),
    tags=["admin"],
    summary="End all sessions",
)
async def sign_user_out(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """The account is signed out wherever it is signed in."""
    require_admin_or_forbid(caller)
    found = await services.users.by_public_id(user)
    await services.database.write(lambda tx: services.administration.end_sessions(tx, found, actor))


@delete(BASE_PATH + "/{user:str}", responses=problems(401, 403, 404, 409), tags=["admin"], summary="Delete an account")
async def delete_user(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    videos_to: Annotated[str, QueryParameter(max_length=100)] = "",
    delete_videos: FromQuery[bool] = False,
) -> None:
    """Where it has videos, say who is to have them (`videos_to`, an account's id), or `delete_videos` for good."""
    require_admin_or_forbid(caller)
    found = await services.users.by_public_id(user)
    heir = await services.users.by_public_id(videos_to) if videos_to else None
    await services.database.write(
        lambda tx: services.account_deletion.delete(tx, found, actor, new_owner=heir, delete_videos=delete_videos)
    )


async def _change(tx: Transaction, services: Services, found: User, data: UserPatch, actor: Actor) -> None:
    change = services.administration
    if data.role is not msgspec.UNSET:
        await change.set_role(tx, found, data.role, actor)
    if data.disabled is not msgspec.UNSET:
        await change.set_enabled(tx, found, actor, enabled=not data.disabled)
    if data.approved is True:
        await change.approve(tx, found, actor)
    if data.second_factor is True:
        raise Invalid("Only its owner can turn a second factor on.", field="second_factor")
    if data.second_factor is False:
        await services.second_factor.admin_disable(tx, found, actor)
    if data.quota is not msgspec.UNSET:
        await change.set_quota(tx, found, data.quota, actor)


def require_admin_or_forbid(caller: Caller) -> None:
    """Let admins pass.

    Raises:
        Unauthenticated: nobody we know is asking.
        Forbidden: it is somebody else.
    """
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only those who run the server manage accounts.")


def _body(view: PersonView) -> UserBody:
    return UserBody(
        id=view.id,
        name=view.name,
        display_name=view.shown_name,
        picture=view.picture,
        role=view.role,
        state=view.state,
        second_factor=view.has_second_factor,
        videos=view.videos,
        used=view.used,
        quota=view.quota,
        last_seen_at=view.seen_iso or None,
        created_at=view.since_iso,
    )
