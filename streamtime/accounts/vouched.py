"""The account that a provider's word opens: found, or made where that was chosen; an administrator's if it says so."""

from dataclasses import dataclass

from sqlalchemy import select

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.audit import Actor
from streamtime.accounts.given_names import display_name_like, free_name
from streamtime.accounts.identities import Identities
from streamtime.accounts.users import NewUser, Users, shut_out, user_from
from streamtime.accounts.visit import Visit
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden
from streamtime.logging import get_logger
from streamtime.openid.terms import Identity

_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class VouchingTerms:
    """What whoever runs the server chose about accounts for which a provider vouches."""

    name: str
    """What people call the provider."""
    create_accounts: bool
    role: Role
    """Of new accounts."""
    admin_group: str
    """Who is in it is an administrator; empty leaves roles alone."""


class VouchedAccounts:
    """Finds them and makes them."""

    def __init__(
        self,
        database: Database,
        identities: Identities,
        users: Users,
        administration: Administration,
        *,
        terms: VouchingTerms,
    ) -> None:
        self._database = database
        self._identities = identities
        self._users = users
        self._administration = administration
        self._terms = terms

    async def of(self, identity: Identity, visit: Visit) -> int:
        """The row id of the account that it opens. Whether that may come in is not looked at.

        Raises:
            Forbidden: there is none, and none is made.
        """
        found = await self._identities.holder(identity)
        if found is None and not self._terms.create_accounts:
            raise Forbidden(
                f"{self._terms.name} knows you, but no account here is connected with it. Sign in with your password "
                "and connect it in your settings, or ask whoever runs this server for an account.",
                code="provider_unknown",
            )
        if found is None:
            return await self._database.write(lambda tx: self._make(tx, identity, visit))
        await self._follow_group(found, identity, visit)
        return found

    async def _make(self, tx: Transaction, identity: Identity, visit: Visit) -> int:
        made_meanwhile = await self._identities.holder_in(tx, identity)
        if made_meanwhile is not None:
            return made_meanwhile
        if (await tx.execute(select(users.c.id).limit(1))).first() is None:
            raise Forbidden("This server is not set up yet.", code="not_set_up")  # its first account runs it
        name = await free_name(tx, identity.username)
        role = Role.ADMIN if self._in_group(identity) else self._terms.role
        new = NewUser(name, "", role, display_name_like(identity.display_name))
        user = await self._users.add(tx, new, Actor(None, "", visit.address), by=self._terms.name)
        await self._identities.add(tx, user.id, identity)
        return user.id

    async def _follow_group(self, user_id: int, identity: Identity, visit: Visit) -> None:
        if not self._terms.admin_group:
            return
        wanted = self._in_group(identity)
        actor = Actor(None, self._terms.name, visit.address)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None or shut_out(row) or (row["role"] == Role.ADMIN) == wanted:
                return
            role = Role.ADMIN if wanted else self._terms.role
            await self._administration.set_role(tx, user_from(row), role, actor)

        try:
            await self._database.write(body)
        except Conflict as error:  # the last administrator stays one
            _log.warning("role_kept", reason=error.code)

    def _in_group(self, identity: Identity) -> bool:
        return bool(self._terms.admin_group) and self._terms.admin_group in identity.groups
