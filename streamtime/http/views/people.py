"""View values of accounts, for the admin pages."""

from dataclasses import dataclass

from streamtime.auth.access import Caller, Role
from streamtime.auth.users import User
from streamtime.clock import Clock, EpochMs
from streamtime.formatting import age_text, size_text, time_iso
from streamtime.http.accounts import Account, get_account, list_accounts
from streamtime.http.services import AccountServices, StorageServices
from streamtime.http.video_urls import owner_href, picture_href

GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """An account, its usage, and when it was last seen. `quota` is in bytes; None: the default, 0: no limit."""

    id: str
    name: str
    shown_name: str
    href: str
    picture: str | None
    role: Role
    state: str
    """`active`, `disabled`, or `awaiting` approval."""
    has_second_factor: bool
    """Whether signing in asks for a second factor."""
    is_self: bool
    """Whether it is the caller's account."""
    videos: int
    used: int
    used_text: str
    limit_text: str
    quota: int | None
    quota_gigabytes: str
    """The form value of an individual limit; empty without one."""
    seen_iso: str
    seen_text: str
    since_iso: str
    since_text: str


async def people_views(
    caller: Caller, accounts: AccountServices, storage: StorageServices, clock: Clock
) -> list[PersonView]:
    """Return all accounts, oldest first."""
    now_ms = clock.now_ms()
    return [_person_view(account, caller, now_ms) for account in await list_accounts(accounts, storage)]


async def person_view(
    user: User, caller: Caller, accounts: AccountServices, storage: StorageServices, clock: Clock
) -> PersonView:
    """Return one account."""
    return _person_view(await get_account(user, accounts, storage), caller, clock.now_ms())


def _person_view(account: Account, caller: Caller, now_ms: EpochMs) -> PersonView:
    user, at = account.user, account.last_seen_at_ms
    limit = account.usage.limit if account.usage else None
    return PersonView(
        id=user.public_id,
        name=user.name,
        shown_name=user.shown_name,
        href=owner_href(user.name),
        picture=picture_href(user.public_id, user.picture_version),
        role=user.role,
        state=account.state,
        has_second_factor=user.factor_since_ms is not None,
        is_self=user.id == caller.user_id,
        videos=account.videos,
        used=account.used,
        used_text=size_text(account.used),
        limit_text=size_text(limit) if limit else "",
        quota=user.quota_bytes,
        quota_gigabytes=f"{user.quota_bytes / GIGABYTE:g}" if user.quota_bytes else "",
        seen_iso="" if at is None else time_iso(at),
        seen_text="" if at is None else age_text(at, now_ms),
        since_iso=time_iso(user.created_at_ms),
        since_text=age_text(user.created_at_ms, now_ms),
    )
