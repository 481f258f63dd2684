"""Which account a provider's word opens: one that its holder connected, or that was made for it.

Names are never matched. Whoever may choose a name or an e-mail address at a provider could otherwise open the account
of somebody else here.
"""

from sqlalchemy import ColumnElement, delete, func, insert, select

from streamtime.accounts.audit import Actor, AuditEvent, AuditLog
from streamtime.accounts.users import User, require_user
from streamtime.clock import Clock
from streamtime.database.people_tables import identities
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, NotFound
from streamtime.openid.terms import OidcIdentity


class OidcIdentities:
    """Those of one provider. `name` is what people call it."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, issuer: str, name: str) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._issuer = issuer
        self._name = name

    async def find_user_id(self, identity: OidcIdentity) -> int | None:
        """The row id of the account that it opens, or None."""
        query = select(identities.c.user_id).where(*_is(identity))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def find_user_id_in(self, tx: Transaction, identity: OidcIdentity) -> int | None:
        """The same, as a write transaction sees it."""
        return (await tx.execute(select(identities.c.user_id).where(*_is(identity)))).scalar_one_or_none()

    async def connected_at_ms(self, user_id: int) -> int | None:
        """Since when an account is connected; None where it is not."""
        query = select(identities.c.created_at_ms).where(*self._of(user_id))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalars().first()

    async def connect(self, user: User, identity: OidcIdentity, actor: Actor) -> None:
        """Let it open that account from now on.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it opens another account already, or another identity this one.
        """

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            if await self.find_user_id_in(tx, identity) is not None:
                words = f"The account that you used at {self._name} signs somebody in here already."
                raise Conflict(words, code="identity_taken")
            if (await tx.execute(select(identities.c.user_id).where(*self._of(user.id)))).first() is not None:
                raise Conflict(f"Your account is connected with {self._name} already.", code="already_connected")
            await self.add(tx, user.id, identity)
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_CONNECTED, user.name, by=self._name)

        await self._database.write(body)

    async def add(self, tx: Transaction, user_id: int, identity: OidcIdentity) -> None:
        """The same, as a part of something else that says in the audit why: an account that is made for it."""
        values = {"issuer": identity.issuer, "subject": identity.subject, "user_id": user_id}
        await tx.execute(insert(identities).values(**values, created_at_ms=self._clock.now_ms()))

    async def disconnect(self, user: User, actor: Actor) -> None:
        """Let it open that account no more. Sessions that it began go on.

        Raises:
            NotFound: the account has been deleted, or is not connected.
            Conflict: there is no other way into the account.
        """

        async def body(tx: Transaction) -> None:
            row = await require_user(tx, user.id)
            if not row["password_hash"]:
                words = f"{self._name} is the only way into this account: it has no password."
                raise Conflict(words, code="only_way_in")
            if not (await tx.execute(delete(identities).where(*self._of(user.id)))).rowcount:
                raise NotFound(f"This account is not connected with {self._name}.")
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_DISCONNECTED, user.name, by=self._name)

        await self._database.write(body)

    def _of(self, user_id: int) -> tuple[ColumnElement[bool], ...]:
        # People lose the slash at the end of an issuer, or find it again; rows have what the provider itself says.
        same = func.rtrim(identities.c.issuer, "/") == self._issuer.rstrip("/")
        return (identities.c.user_id == user_id, same)


def _is(identity: OidcIdentity) -> tuple[ColumnElement[bool], ...]:
    return (identities.c.issuer == identity.issuer, identities.c.subject == identity.subject)
