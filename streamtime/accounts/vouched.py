"""The account that a provider's word opens: found, or made where that was chosen; an administrator's if it says so."""

from dataclasses import dataclass

from sqlalchemy import select

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.audit import Actor
from streamtime.accounts.given_names import normalize_display_name, unique_username
from streamtime.accounts.identities import OidcIdentities
from streamtime.accounts.users import NewUser, Users, is_inactive, user_from
from streamtime.accounts.visit import ClientInfo
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden
from streamtime.logging import get_logger
from streamtime.openid.terms import OidcIdentity

_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class OidcAccountPolicy:
    """What whoever runs the server chose about accounts for which a provider vouches."""

    name: str
    """What people call the provider."""
    create_accounts: bool
    role: Role
    """Of new accounts."""
    admin_group: str
    """Who is in it is an administrator; empty leaves roles alone."""


class OidcAccounts:
    """Finds them and makes them."""

    def __init__(
        self,
        database: Database,
        identities: OidcIdentities,
        users: Users,
        administration: Administration,
        *,
        policy: OidcAccountPolicy,
    ) -> None:
        self._database = database
        self._identities = identities
        self._users = users
        self._administration = administration
        self._policy = policy

    async def find_or_create(self, identity: OidcIdentity, client: ClientInfo) -> int:
        """The row id of the account that it opens. Whether that may come in is not looked at.

        Raises:
            Forbidden: there is none, and none is made.
        """
        found = await self._identities.find_user_id(identity)
        if found is None and not self._policy.create_accounts:
            raise Forbidden(
                f"{self._policy.name} knows you, but no account here is connected with it. Sign in with your password "
                "and connect it in your settings, or ask whoever runs this server for an account.",
                code="provider_unknown",
            )
        if found is None:
            return await self._database.write(lambda tx: self._make(tx, identity, client))
        await self._sync_admin_role(found, identity, client)
        return found

    async def _make(self, tx: Transaction, identity: OidcIdentity, client: ClientInfo) -> int:
        made_meanwhile = await self._identities.find_user_id_in(tx, identity)
        if made_meanwhile is not None:
            return made_meanwhile
        if (await tx.execute(select(users.c.id).limit(1))).first() is None:
            raise Forbidden("This server is not set up yet.", code="not_set_up")  # its first account runs it
        name = await unique_username(tx, identity.username)
        role = Role.ADMIN if self._in_group(identity) else self._policy.role
        new = NewUser(name, "", role, normalize_display_name(identity.display_name))
        user = await self._users.add(tx, new, Actor(None, "", client.address), by=self._policy.name)
        await self._identities.add(tx, user.id, identity)
        return user.id

    async def _sync_admin_role(self, user_id: int, identity: OidcIdentity, client: ClientInfo) -> None:
        if not self._policy.admin_group:
            return
        wanted = self._in_group(identity)
        actor = Actor(None, self._policy.name, client.address)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None or is_inactive(row) or (row["role"] == Role.ADMIN) == wanted:
                return
            role = Role.ADMIN if wanted else self._policy.role
            await self._administration.set_role(tx, user_from(row), role, actor)

        try:
            await self._database.write(body)
        except Conflict as error:  # the last administrator stays one
            _log.warning("role_kept", reason=error.code)

    def _in_group(self, identity: OidcIdentity) -> bool:
        return bool(self._policy.admin_group) and self._policy.admin_group in identity.groups
