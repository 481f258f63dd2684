"""The audit log: who did what to whom, when, and from which address; and for how long entries are kept.

Entries are written in the transaction of the action that they record, and hold no secrets.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Caller
from streamtime.auth.rate_limits import client_network
from streamtime.clock import Clock
from streamtime.database.tables.auth import audit_log
from streamtime.database.transaction import Database, Transaction

MAX_USER_AGENT = 300
MAX_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The address and the User-Agent of a client."""

    address: str
    user_agent: str

    @classmethod
    def of(cls, address: str, user_agent: str) -> "ClientInfo":
        """Return the client of a request, with both values cut to what is stored."""
        return cls(address[:MAX_ADDRESS], user_agent[:MAX_USER_AGENT])

    @property
    def network(self) -> str:
        """The network that rate limits count as one client."""
        return client_network(self.address)


MAX_SUBJECT = 200
PAGE_SIZE = 50


class AuditEvent(StrEnum):
    """What is recorded. A new event also needs a text on the audit page."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # an event's name
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    IDENTITY_CONNECTED = "identity_connected"
    IDENTITY_DISCONNECTED = "identity_disconnected"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_APPROVED = "account_approved"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_DELETED = "account_deleted"
    PICTURE_REMOVED = "picture_removed"
    ROLE_CHANGED = "role_changed"
    QUOTA_CHANGED = "quota_changed"
    INVITE_CREATED = "invite_created"
    INVITE_REVOKED = "invite_revoked"
    TOKEN_CREATED = "token_created"  # noqa: S105  # an event's name
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # an event's name
    VISIBILITY_CHANGED = "visibility_changed"
    VIDEO_DELETED = "video_deleted"
    VIDEO_RESTORED = "video_restored"
    LINK_CREATED = "link_created"
    LINK_REVOKED = "link_revoked"
    DROP_CREATED = "drop_created"
    DROP_REVOKED = "drop_revoked"
    SETTING_CHANGED = "setting_changed"
    SHARED = "shared"
    UNSHARED = "unshared"
    GROUP_JOINED = "group_joined"
    GROUP_LEFT = "group_left"
    GROUP_DELETED = "group_deleted"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performs an action: an account or an anonymous client. The name stays readable after the account is gone."""

    user_id: int | None
    name: str
    address: str = ""
    """The client's address, from the connection or a trusted proxy."""

    @classmethod
    def of(cls, caller: Caller, address: str) -> "Actor":
        """Return the actor of a request."""
        return cls(caller.user_id, caller.name, address)


COMMAND_LINE = Actor(None, "command line")
"""A command run by someone with a shell on the server."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log."""

    id: int
    happened_at_ms: int
    event: AuditEvent
    actor_name: str
    address: str
    subject: str
    """The name of the account, or the public id of the video or link, that the action changed."""
    detail: dict[str, str]


class AuditLog:
    """Writes and reads the audit log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, tx: Transaction, actor: Actor, event: AuditEvent, subject: str, **detail: str) -> None:
        """Write an entry in the transaction of the action."""
        values = {
            "happened_at_ms": self._clock.now_ms(),
            "event": event.value,
            "actor_id": actor.user_id,
            "actor_name": actor.name[:MAX_SUBJECT],
            "address": actor.address,
            "subject": subject[:MAX_SUBJECT],
            "detail": msgspec.json.encode(detail).decode(),
        }
        await tx.execute(insert(audit_log).values(**values))

    async def page(self, *, before_id: int | None = None, person: str = "", limit: int = PAGE_SIZE) -> list[AuditEntry]:
        """Return entries, newest first: before `before_id`, and by or about `person`, if given."""
        query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(audit_log.c.id < before_id)
        if person:
            named = [
                func.lower(column) == person.casefold() for column in (audit_log.c.actor_name, audit_log.c.subject)
            ]
            query = query.where(or_(*named))
        async with self._database.read() as connection:
            return [_entry(row) for row in (await connection.execute(query)).mappings()]


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        happened_at_ms=row["happened_at_ms"],
        event=AuditEvent(row["event"]),
        actor_name=row["actor_name"],
        address=row["address"],
        subject=row["subject"],
        detail=msgspec.json.decode(row["detail"], type=dict[str, str]),
    )


DAY_MS = 86_400_000


class AuditRetention:
    """Deletes entries older than a number of days; 0 keeps them forever."""

    name = "audit"

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._days = days

    async def has_expired(self) -> bool:
        """Return whether there are expired entries."""
        if not self._days:
            return False
        async with self._database.read() as connection:
            return (
                await connection.execute(select(audit_log.c.id).where(self._expired()).limit(1))
            ).first() is not None

    async def delete_expired(self) -> int:
        """Delete expired entries and return how many were deleted."""
        if not self._days:
            return 0
        statement = delete(audit_log).where(self._expired())

        async def body(tx: Transaction) -> int:
            return (await tx.execute(statement)).rowcount

        return await self._database.write(body)

    def _expired(self) -> ColumnElement[bool]:
        """Return the condition for expired entries.

        An entry must be too old and precede all newer ones: one written with a wrong clock is kept as long as the
        entries around it.
        """
        kept_since_ms = self._clock.now_ms() - self._days * DAY_MS
        first_kept = (
            select(func.min(audit_log.c.id)).where(audit_log.c.happened_at_ms >= kept_since_ms).scalar_subquery()
        )
        before = or_(audit_log.c.id < first_kept, first_kept.is_(None))
        return and_(audit_log.c.happened_at_ms < kept_since_ms, before)
