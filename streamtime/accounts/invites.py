"""Invitations: a link with which so many people may make themselves an account of that role, until then.

The link's secret is told once; here is its SHA-256. A use is counted in the transaction that makes the account.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.access.caller import Role
from streamtime.accounts.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.people_tables import invites, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import fingerprint, public_id, secret

INVITES_CLOSED_MESSAGE = (
    "Nobody could use an invitation: accounts.registration is closed. Set it to invite and restart the server."
)
MAX_LABEL = 100
MAX_USES = 1000
MAX_DAYS = 365
DAY_MS = 86_400_000


class RegistrationMode(StrEnum):
    """Who may make themselves an account."""

    CLOSED = "closed"
    """Nobody: those who run the server make accounts."""
    INVITE = "invite"
    """Who has an invitation."""
    OPEN = "open"
    """Anybody, who then waits to be let in; and who has an invitation."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation. It is good while it has uses left, is not over, and nobody has revoked it."""

    id: int
    public_id: str
    made_by: str
    label: str
    role: Role
    max_uses: int
    uses: int
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None

    def is_valid(self, now_ms: int) -> bool:
        """Whether somebody may still come in with it."""
        return self.revoked_at_ms is None and self.uses < self.max_uses and now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class NewInvite:
    """What an invitation is to be."""

    role: Role
    uses: int
    days: int
    label: str = ""


class Invites:
    """All invitations."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, mode: RegistrationMode) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._mode = mode

    async def create(self, new: NewInvite, actor: Actor, *, by_user: int) -> tuple[Invite, str]:
        """Make one; its secret is known here and never again.

        Raises:
            Conflict: nobody could use it, since `accounts.registration` is `closed`.
            Invalid: too many uses, too long a time, or too long a label.
        """
        if self._mode is RegistrationMode.CLOSED:
            raise Conflict(INVITES_CLOSED_MESSAGE, code="registration_closed")
        _check(new)
        token, now = secret(), self._clock.now_ms()
        values = {
            "public_id": public_id(),
            "user_id": by_user,
            "token_sha256": fingerprint(token),
            "label": new.label.strip(),
            "role": new.role.value,
            "max_uses": new.uses,
            "created_at_ms": now,
            "expires_at_ms": now + new.days * DAY_MS,
        }

        async def body(tx: Transaction) -> Invite:
            await tx.execute(insert(invites).values(**values))
            row = (await tx.execute(_SELECTION.where(_is(token)))).mappings().one()
            detail = {"role": row["role"], "uses": str(row["max_uses"])}
            await self._audit.record(tx, actor, AuditEvent.INVITE_CREATED, row["label"] or row["public_id"], **detail)
            return _invite(row)

        return await self._database.write(body), token

    async def list_all(self) -> list[Invite]:
        """All of them, the newest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_SELECTION.order_by(invites.c.id.desc()))).mappings()
            return [_invite(row) for row in rows]

    async def revoke(self, invite_id: str, actor: Actor) -> None:
        """Let nobody in with it any more, by its public id.

        Raises:
            NotFound: there is none, or it is revoked already.
        """

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(_SELECTION.where(invites.c.public_id == invite_id))).mappings().first()
            if row is None or row["revoked_at_ms"] is not None:
                raise NotFound
            at = self._clock.now_ms()
            await tx.execute(update(invites).where(invites.c.id == row["id"]).values(revoked_at_ms=at))
            await self._audit.record(tx, actor, AuditEvent.INVITE_REVOKED, row["label"] or row["public_id"])

        await self._database.write(body)

    async def by_token(self, token: str) -> Invite | None:
        """The invitation behind a link, if it is good."""
        async with self._database.read() as connection:
            row = (await connection.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        return found if found and found.is_valid(self._clock.now_ms()) else None

    async def redeem(self, tx: Transaction, token: str) -> Invite | None:
        """Count one use of a good invitation; None where it is not good any more."""
        row = (await tx.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        if found is None or not found.is_valid(self._clock.now_ms()):
            return None
        await tx.execute(update(invites).where(invites.c.id == found.id).values(uses=invites.c.uses + 1))
        return found


_SELECTION = select(invites, users.c.name.label("made_by")).join_from(invites, users)


def _is(token: str) -> ColumnElement[bool]:
    return invites.c.token_sha256 == fingerprint(token)


def _check(new: NewInvite) -> None:
    if not 1 <= new.uses <= MAX_USES:
        raise Invalid(f"An invitation is for 1 to {MAX_USES} people.", field="uses")
    if not 1 <= new.days <= MAX_DAYS:
        raise Invalid(f"An invitation is good for 1 to {MAX_DAYS} days.", field="days")
    if len(new.label.strip()) > MAX_LABEL:
        raise Invalid(f"Choose a label of at most {MAX_LABEL} characters.", field="label")


def _invite(row: RowMapping) -> Invite:
    return Invite(
        id=row["id"],
        public_id=row["public_id"],
        made_by=row["made_by"],
        label=row["label"],
        role=Role(row["role"]),
        max_uses=row["max_uses"],
        uses=row["uses"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
    )
