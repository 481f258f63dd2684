"""/api/v1/admin, for administrators: accounts (`users`), the audit log (`audit`), state of the server (`status`)."""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor, AuditEvent
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Forbidden, Invalid
from streamtime.formatting import time_iso
from streamtime.http.accounts import Account, get_account, list_accounts
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, require_signed_in
from streamtime.http.services import (
    AccountServices,
    AuthServices,
    HttpSettings,
    JobServices,
    MaintenanceServices,
    StorageServices,
)
from streamtime.http.status import StatusLevel, StatusReader
from streamtime.http.video_urls import picture_href

BASE_PATH = "/api/v1/admin/users"


class StatusItemBody(msgspec.Struct):
    """A part of the server. `advice` says what to do about a warning or fault."""

    key: str
    name: str
    level: StatusLevel
    text: str
    advice: str


class DiskDayBody(msgspec.Struct):
    """The space of the server's disk at the end of a day in UTC, in bytes. `library`: all stored objects, anywhere."""

    day: str
    free: int
    total: int
    library: int


class StatusBody(msgspec.Struct):
    """The state of the server: the worst level of its parts, and all parts.

    `disk_days` are up to 90 days, the oldest first. `full_in_days` is null unless the used space grows steadily.
    """

    level: StatusLevel
    items: list[StatusItemBody]
    disk_days: list[DiskDayBody]
    full_in_days: int | None


@get("/api/v1/admin/status", responses=problems(401, 403), tags=["admin"], summary="Get the state of the server")
async def get_status(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    settings: NamedDependency[HttpSettings],
    clock: NamedDependency[Clock],
) -> StatusBody:
    """The same as on the page `/admin`. Keys and levels stay the same in later versions, texts may change."""
    require_admin_or_forbid(caller)
    status = await StatusReader(database, jobs, storage, maintenance, settings, clock).read(request)
    items = [StatusItemBody(item.key, item.name, item.level, item.text, item.advice) for item in status.parts]
    days = [
        DiskDayBody(each.day.isoformat(), each.free_bytes, each.total_bytes, each.library_bytes)
        for each in status.disk_days
    ]
    return StatusBody(status.level, items, days, status.full_in_days)


class UserBody(msgspec.Struct):
    """An account. `state` is `active`, `disabled` or `awaiting` (approval); `picture` is a path; sizes are in bytes.

    `second_factor`: whether signing in requires a code. `quota` is null for the configured default, and 0 for no limit.
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
    """All accounts, oldest first."""

    items: list[UserBody]


class NewUserBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new account."""

    name: Annotated[str, msgspec.Meta(max_length=1_000)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]
    role: Role = Role.MEMBER


class UserPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes; omitted fields stay unchanged. `approved: true` approves an account that waits for approval.

    `second_factor` can only be disabled, for a user who has lost it; this also ends the account's sessions.
    """

    role: Role | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    approved: bool | msgspec.UnsetType = msgspec.UNSET
    second_factor: bool | msgspec.UnsetType = msgspec.UNSET
    quota: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] | msgspec.UnsetType | None = msgspec.UNSET


class NewPassword(msgspec.Struct):
    """The generated password, shown once."""

    password: str


@get(BASE_PATH, responses=problems(401, 403), tags=["admin"], summary="List accounts")
async def list_users(
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
) -> UserList:
    """All accounts with their usage."""
    require_admin_or_forbid(caller)
    return UserList([_body(account) for account in await list_accounts(accounts, storage)])


@post(BASE_PATH, responses=problems(401, 403, 409, 413), tags=["admin"], summary="Create an account")
async def create_user(
    data: JSONBody[NewUserBody],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    storage: NamedDependency[StorageServices],
) -> UserBody:
    """The account may sign in immediately."""
    require_admin_or_forbid(caller)
    created = await accounts.users.create(data.name, data.password, data.role, actor=actor)
    return _body(await get_account(created, accounts, storage))


@patch(
    BASE_PATH + "/{user:str}", responses=problems(401, 403, 404, 409, 413), tags=["admin"], summary="Change an account"
)
async def patch_user(
    user: FromPath[str],
    data: JSONBody[UserPatch],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    storage: NamedDependency[StorageServices],
    database: NamedDependency[Database],
) -> UserBody:
    """Change the given fields, all or none. `user` is the id of the account."""
    require_admin_or_forbid(caller)
    found = await accounts.users.by_public_id(user)
    await database.write(lambda tx: _change(tx, accounts, auth, found, data, actor))
    return _body(await get_account(await accounts.users.by_public_id(user), accounts, storage))


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
    accounts: NamedDependency[AccountServices],
) -> NewPassword:
    """Set a generated password, and end the sessions of the account."""
    require_admin_or_forbid(caller)
    found = await accounts.users.by_public_id(user)
    return NewPassword(await accounts.administration.reset_password(found, actor))


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
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
) -> None:
    """End all sessions of the account."""
    require_admin_or_forbid(caller)
    found = await accounts.users.by_public_id(user)
    await database.write(lambda tx: accounts.administration.end_sessions(tx, found, actor))


@delete(BASE_PATH + "/{user:str}", responses=problems(401, 403, 404, 409), tags=["admin"], summary="Delete an account")
async def delete_user(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    database: NamedDependency[Database],
    videos_to: Annotated[str, QueryParameter(max_length=100)] = "",
    delete_videos: FromQuery[bool] = False,
) -> None:
    """For an account with videos, give their new owner (`videos_to`, an account's id), or delete them permanently."""
    require_admin_or_forbid(caller)
    found = await accounts.users.by_public_id(user)
    new_owner = await accounts.users.by_public_id(videos_to) if videos_to else None
    await database.write(
        lambda tx: accounts.deletion.delete(tx, found, actor, new_owner=new_owner, delete_videos=delete_videos)
    )


async def _change(
    tx: Transaction, accounts: AccountServices, auth: AuthServices, found: User, data: UserPatch, actor: Actor
) -> None:
    administration = accounts.administration
    if data.role is not msgspec.UNSET:
        await administration.set_role(tx, found, data.role, actor)
    if data.disabled is not msgspec.UNSET:
        await administration.set_enabled(tx, found, actor, enabled=not data.disabled)
    if data.approved is True:
        await administration.approve(tx, found, actor)
    if data.second_factor is True:
        raise Invalid("Only the owner of the account can enable a second factor.", field="second_factor")
    if data.second_factor is False:
        await auth.second_factor.admin_disable(tx, found, actor)
    if data.quota is not msgspec.UNSET:
        await administration.set_quota(tx, found, data.quota, actor)


def require_admin_or_forbid(caller: Caller) -> None:
    """Require an admin.

    Raises:
        Unauthenticated: the caller is anonymous.
        Forbidden: the caller is not an admin.
    """
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only administrators may manage accounts.")


def _body(account: Account) -> UserBody:
    user, seen_ms = account.user, account.last_seen_at_ms
    return UserBody(
        id=user.public_id,
        name=user.name,
        display_name=user.shown_name,
        picture=picture_href(user.public_id, user.picture_version),
        role=user.role,
        state=account.state,
        second_factor=user.factor_since_ms is not None,
        videos=account.videos,
        used=account.used,
        quota=user.quota_bytes,
        last_seen_at=None if seen_ms is None else time_iso(seen_ms),
        created_at=time_iso(user.created_at_ms),
    )


MAX_LIMIT = 200


class EntryBody(msgspec.Struct):
    """An audit event. `actor` is empty for someone without an account; `subject` names a user, a video or a link."""

    id: int
    at: str
    deed: AuditEvent
    actor: str
    address: str
    subject: str
    detail: dict[str, str]


class AuditPage(msgspec.Struct):
    """Entries, newest first. `next` is the value of `before` for the next page; null on the last page."""

    items: list[EntryBody]
    next: int | None


@get("/api/v1/admin/audit", responses=problems(401, 403), tags=["admin"], summary="Read the audit log")
async def get_audit(
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    person: Annotated[str, QueryParameter(max_length=100)] = "",
    before: Annotated[int | None, QueryParameter(ge=1, le=2**62)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = 50,
) -> AuditPage:
    """Sign-ins, changes of permissions and visibility, and deletions. `person` filters by actor or subject."""
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only administrators may read the audit log.")
    found = await accounts.audit.page(before_id=before, person=person, limit=limit + 1)
    items = [
        EntryBody(
            id=entry.id,
            at=time_iso(entry.happened_at_ms),
            deed=entry.event,
            actor=entry.actor_name,
            address=entry.address,
            subject=entry.subject,
            detail=entry.detail,
        )
        for entry in found[:limit]
    ]
    return AuditPage(items, items[-1].id if len(found) > limit else None)
