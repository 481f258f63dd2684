"""Links for sending: who has the address may send videos into its owner's library, within the limits that they set.

The guest learns nothing of the library, not even what became of what they sent. It knows no upload.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Caller, Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.people_tables import drops, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Forbidden, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.sharing.links import MAX_LABEL, MAX_LISTED, LinkState, account_is_active, link_state
from streamtime.videos.editing import clean_line

MAX_FILES = 10_000


class UploadRequestFull(Forbidden):
    """As many files came by this link as it takes."""

    code = "drop_full"


@dataclass(frozen=True, slots=True)
class NewUploadRequest:
    """What a link for sending is to be; None where it has no such limit."""

    label: str = ""
    max_bytes: int | None = None
    """Of one file."""
    max_files: int | None = None
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A link for sending."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    label: str
    max_bytes: int | None
    max_files: int | None
    files: int
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None

    def state(self, now_ms: int) -> LinkState:
        """Whether it takes files, or why not."""
        return link_state(
            now_ms,
            revoked_at_ms=self.revoked_at_ms,
            expires_at_ms=self.expires_at_ms,
            uses=self.files,
            max_uses=self.max_files,
        )


class UploadRequests:
    """All links for sending."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def create(self, caller: Caller, new: NewUploadRequest, actor: Actor) -> UploadRequest:
        """Make a link by which others send videos to the caller.

        Raises:
            Forbidden: the account has no videos of its own.
            Invalid: one of its limits or its label cannot be used.
        """
        if caller.user_id is None or not caller.may_upload:
            raise Forbidden("This account is for watching: it has no library to send to.", code="viewer")
        now = self._clock.now_ms()
        _check(new, now)
        name, label = public_id(), clean_line(new.label)
        values = {
            "public_id": name,
            "owner_id": caller.user_id,
            "label": label,
            "max_bytes": new.max_bytes,
            "max_files": new.max_files,
            "created_at_ms": now,
            "expires_at_ms": new.expires_at_ms,
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(insert(drops).values(**values))
            # Its own id is the address: whoever reads the audit is not to be let in by it.
            await self._audit.record(tx, actor, AuditEvent.DROP_CREATED, caller.name, label=label)

        await self._database.write(body)
        return await self.get(caller, name)

    async def list_for_owner(self, caller: Caller) -> list[UploadRequest]:
        """The caller's own, the latest first."""
        own = _selection().where(drops.c.owner_id == caller.user_id)
        return await self._read(own.order_by(drops.c.id.desc()).limit(MAX_LISTED))

    async def get(self, caller: Caller, drop: str) -> UploadRequest:
        """The caller's own link of that id.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        return await self._one(drops.c.public_id == drop, drops.c.owner_id == caller.user_id)

    async def find(self, drop: str) -> UploadRequest:
        """The link of an address. One that has taken all its files is still there: what was begun may go on.

        Raises:
            NotFound: there is none, or it is over.
        """
        now = self._clock.now_ms()
        ends = or_(drops.c.expires_at_ms.is_(None), drops.c.expires_at_ms > now)
        able = account_is_active() & (users.c.role != Role.VIEWER.value)
        return await self._one(drops.c.public_id == drop, drops.c.revoked_at_ms.is_(None), ends, able)

    async def revoke(self, caller: Caller, drop: str, actor: Actor) -> None:
        """Take a link back: what is under way by it stops at its next request.

        Raises:
            NotFound: there is none, it is somebody else's, or it was taken back already.
        """
        found = await self.get(caller, drop)
        statement = update(drops).where(drops.c.id == found.id, drops.c.revoked_at_ms.is_(None))

        async def body(tx: Transaction) -> None:
            done = await tx.execute(statement.values(revoked_at_ms=self._clock.now_ms()))
            if done.rowcount == 0:
                raise NotFound
            await self._audit.record(tx, actor, AuditEvent.DROP_REVOKED, found.owner_name, label=found.label)
            await tx.bump_epoch()

        await self._database.write(body)

    async def _one(self, *conditions: ColumnElement[bool]) -> UploadRequest:
        found = await self._read(_selection().where(*conditions))
        if not found:
            raise NotFound
        return found[0]

    async def _read(self, query: Select[tuple[Any, ...]]) -> list[UploadRequest]:
        async with self._database.read() as connection:
            return [_drop(row) for row in (await connection.execute(query)).mappings()]


async def reserve_file(tx: Transaction, drop: UploadRequest) -> None:
    """Count a file that begins to come, in the transaction that writes it down.

    Raises:
        DropFull: it has taken all that it takes, or was taken back meanwhile.
    """
    room = or_(drops.c.max_files.is_(None), drops.c.files < drops.c.max_files)
    statement = update(drops).where(drops.c.id == drop.id, drops.c.revoked_at_ms.is_(None), room)
    if (await tx.execute(statement.values(files=drops.c.files + 1))).rowcount == 0:
        raise UploadRequestFull("As many files were sent here as this link takes.")


async def release_file(tx: Transaction, drop_id: int) -> None:
    """A file that was begun is given up before it was whole: another may come in its place."""
    statement = update(drops).where(drops.c.id == drop_id, drops.c.files > 0)
    await tx.execute(statement.values(files=drops.c.files - 1))


def _check(new: NewUploadRequest, now_ms: int) -> None:
    if len(new.label) > MAX_LABEL:
        raise Invalid(f"A label has at most {MAX_LABEL} characters.", field="label")
    if new.max_files is not None and not 1 <= new.max_files <= MAX_FILES:
        raise Invalid(f"A link takes 1 to {MAX_FILES:,} files.", field="max_files")
    if new.max_bytes is not None and new.max_bytes < 1:
        raise Invalid("A file has at least a byte.", field="max_bytes")
    if new.expires_at_ms is not None and new.expires_at_ms <= now_ms:
        raise Invalid("The end of the link must be in the future.", field="days")


def _selection() -> Select[tuple[Any, ...]]:
    owner = drops.c.owner_id == users.c.id
    return select(drops, users.c.name.label("owner_name")).join_from(drops, users, owner)


def _drop(row: RowMapping) -> UploadRequest:
    return UploadRequest(**row)
