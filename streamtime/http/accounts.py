"""Accounts with their usage, for the admin pages and the admin API."""

from dataclasses import dataclass

from streamtime.auth.users import User
from streamtime.http.services import AccountServices, StorageServices
from streamtime.videos.quota import Usage


@dataclass(frozen=True, slots=True)
class Account:
    """An account, its usage, and when it was last seen; None: it uses nothing, or was never seen."""

    user: User
    usage: Usage | None
    last_seen_at_ms: int | None

    @property
    def state(self) -> str:
        """`active`, `disabled`, or `awaiting` approval."""
        if self.user.disabled_at_ms is not None:
            return "disabled"
        return "active" if self.user.awaiting_at_ms is None else "awaiting"

    @property
    def videos(self) -> int:
        """How many videos it has."""
        return self.usage.videos if self.usage else 0

    @property
    def used(self) -> int:
        """The bytes that it uses."""
        return self.usage.total if self.usage else 0


async def list_accounts(accounts: AccountServices, storage: StorageServices) -> list[Account]:
    """Return all accounts, oldest first."""
    usages = {usage.owner: usage for usage in await storage.usage.usages()}
    seen = await accounts.administration.last_seen()
    return [Account(user, usages.get(user.name), seen.get(user.id)) for user in await accounts.users.list_all()]


async def get_account(user: User, accounts: AccountServices, storage: StorageServices) -> Account:
    """Return one account as it is now."""
    return next(
        account for account in await list_accounts(accounts, storage) if account.user.public_id == user.public_id
    )
