"""View values of accounts, for the admin pages and the admin API."""

from dataclasses import dataclass

from streamtime.auth.access import Caller, Role
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.formatting import age_text, size_text, time_iso
from streamtime.http.services import AccountServices, StorageServices
from streamtime.http.views.videos import owner_href, picture_href

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
    usages = {usage.owner: usage for usage in await storage.usage.usages()}
    seen = await accounts.administration.last_seen()
    now = clock.now_ms()
    views = []
    for user in await accounts.users.list_all():
        usage = usages.get(user.name)
        at = seen.get(user.id)
        limit = usage.limit if usage else None
        views.append(
            PersonView(
                id=user.public_id,
                name=user.name,
                shown_name=user.shown_name,
                href=owner_href(user.name),
                picture=picture_href(user.public_id, user.picture_version),
                role=user.role,
                state=account_state(user),
                has_second_factor=user.factor_since_ms is not None,
                is_self=user.id == caller.user_id,
                videos=usage.videos if usage else 0,
                used=usage.total if usage else 0,
                used_text=size_text(usage.total if usage else 0),
                limit_text=size_text(limit) if limit else "",
                quota=user.quota_bytes,
                quota_gigabytes=f"{user.quota_bytes / GIGABYTE:g}" if user.quota_bytes else "",
                seen_iso="" if at is None else time_iso(at),
                seen_text="" if at is None else age_text(at, now),
                since_iso=time_iso(user.created_at_ms),
                since_text=age_text(user.created_at_ms, now),
            )
        )
    return views


async def person_view(
    user: User, caller: Caller, accounts: AccountServices, storage: StorageServices, clock: Clock
) -> PersonView:
    """Return one account."""
    return next(view for view in await people_views(caller, accounts, storage, clock) if view.id == user.public_id)


def account_state(user: User) -> str:
    """Return the state of an account: `active`, `disabled` or `awaiting`."""
    if user.disabled_at_ms is not None:
        return "disabled"
    return "active" if user.awaiting_at_ms is None else "awaiting"
