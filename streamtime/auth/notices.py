"""Notices of accounts: what has happened that a person wants to know. Written in the transaction of the fact itself.

A notice names its subject by row id. The words, and whether the person may still see the subject, are decided when
notices are read (`videos/notice_list.py`). Subjects that are deleted take their notices along.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from sqlalchemy import delete, func, insert, select, update

from streamtime.auth.access import Role
from streamtime.clock import Clock
from streamtime.database.tables.auth import muted_notices, notices, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.ids import public_id

MAX_NOTICES = 200
"""Notices of one account; beyond that, the oldest are deleted."""

KEPT_DAYS = 90
DAY_MS = 86_400_000


class NoticeKind(StrEnum):
    """What a notice says. `new_video`: of someone, or of a playlist, that the person follows."""

    VIDEO_READY = "video_ready"
    VIDEO_FAILED = "video_failed"
    SHARED = "shared"
    NEW_VIDEO = "new_video"
    INVITE_USED = "invite_used"
    REGISTRATION_WAITING = "registration_waiting"
    DISK_LOW = "disk_low"
    BACKUP_FAILED = "backup_failed"


ADMIN_KINDS = frozenset({NoticeKind.REGISTRATION_WAITING, NoticeKind.DISK_LOW, NoticeKind.BACKUP_FAILED})
"""Kinds for administrators alone; an account that is none any more does not see those of before."""

PREPARATION = frozenset({NoticeKind.VIDEO_READY, NoticeKind.VIDEO_FAILED})
"""Of these, an account has only the newest of each video."""


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to add. `fact` identifies what happened: an account gets one notice of a kind for each fact.

    The subjects are row ids: a video, a playlist, the person who did something. `detail` are facts for the text.
    """

    kind: NoticeKind
    fact: str
    video_id: int | None = None
    playlist_id: int | None = None
    person_id: int | None = None
    detail: dict[str, str] = field(default_factory=dict)


class Notices:
    """Adds, marks and deletes notices. `publish` is called with the row id of an account whose notices have changed."""

    def __init__(self, database: Database, clock: Clock, publish: Callable[[int], None]) -> None:
        self._database = database
        self._clock = clock
        self._publish = publish
        self._unread: dict[int, int] = {}

    async def load_counts(self) -> None:
        """Count the unread notices of all accounts, for `unread_count`; called once when the server starts."""
        query = select(notices.c.user_id, func.count()).where(notices.c.read_at_ms.is_(None))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.group_by(notices.c.user_id))).all()
        self._unread = {row[0]: row[1] for row in rows}

    def unread_count(self, user_id: int) -> int:
        """Return the number of unread notices without a query, for every page.

        It may include some whose subject the person may no longer see, until their notices are read again.
        """
        return self._unread.get(user_id, 0)

    def set_unread_count(self, user_id: int, count: int) -> None:
        """Set the number of unread notices, as it was just read."""
        self._unread[user_id] = count

    async def add(self, tx: Transaction, user_ids: Collection[int], new: NewNotice) -> None:
        """Add a notice for each of these accounts, except those that have it already or have turned its kind off."""
        without = [
            select(notices.c.user_id).where(
                notices.c.user_id.in_(user_ids), notices.c.kind == new.kind, notices.c.fact == new.fact
            ),
            select(muted_notices.c.user_id).where(
                muted_notices.c.user_id.in_(user_ids), muted_notices.c.kind == new.kind
            ),
        ]
        wanted = set(user_ids)
        for query in without:
            wanted -= set((await tx.execute(query)).scalars())
        if not wanted:
            return
        if new.kind in PREPARATION:
            await tx.execute(
                delete(notices).where(
                    notices.c.user_id.in_(wanted), notices.c.video_id == new.video_id, notices.c.kind.in_(PREPARATION)
                )
            )
        await tx.execute_many(insert(notices), [self._row(user_id, new) for user_id in sorted(wanted)])
        for user_id in wanted:
            await _delete_oldest(tx, user_id)
            await self._publish_on_commit(tx, user_id)

    async def add_for_admins(self, tx: Transaction, new: NewNotice) -> None:
        """Add a notice for every administrator who may sign in."""
        query = select(users.c.id).where(
            users.c.role == Role.ADMIN.value,
            users.c.disabled_at_ms.is_(None),
            users.c.deleted_at_ms.is_(None),
            users.c.awaiting_at_ms.is_(None),
        )
        await self.add(tx, list((await tx.execute(query)).scalars()), new)

    async def mark_read(self, user_id: int, notice_id: str) -> None:
        """Mark a notice as read; it may be so already.

        Raises:
            NotFound: the account has no such notice.
        """
        own = notices.c.user_id == user_id, notices.c.public_id == notice_id
        read_at = func.coalesce(notices.c.read_at_ms, self._clock.now_ms())

        async def body(tx: Transaction) -> None:
            if (await tx.execute(update(notices).where(*own).values(read_at_ms=read_at))).rowcount == 0:
                raise NotFound
            await self._publish_on_commit(tx, user_id)

        await self._database.write(body)

    async def mark_all_read(self, user_id: int) -> None:
        """Mark all notices of an account as read."""
        unread = notices.c.user_id == user_id, notices.c.read_at_ms.is_(None)
        now = self._clock.now_ms()

        async def body(tx: Transaction) -> None:
            if (await tx.execute(update(notices).where(*unread).values(read_at_ms=now))).rowcount:
                await self._publish_on_commit(tx, user_id)

        await self._database.write(body)

    async def delete(self, user_id: int, notice_id: str) -> None:
        """Delete a notice.

        Raises:
            NotFound: the account has no such notice.
        """
        own = notices.c.user_id == user_id, notices.c.public_id == notice_id

        async def body(tx: Transaction) -> None:
            if (await tx.execute(delete(notices).where(*own))).rowcount == 0:
                raise NotFound
            await self._publish_on_commit(tx, user_id)

        await self._database.write(body)

    async def muted(self, user_id: int) -> frozenset[NoticeKind]:
        """Return the kinds that an account has turned off."""
        query = select(muted_notices.c.kind).where(muted_notices.c.user_id == user_id)
        async with self._database.read() as connection:
            return frozenset(NoticeKind(kind) for kind in (await connection.execute(query)).scalars())

    async def set_muted(self, user_id: int, kinds: Collection[NoticeKind]) -> None:
        """Turn these kinds off, and all others on. Notices that are there stay."""
        rows = [{"user_id": user_id, "kind": kind.value} for kind in sorted(set(kinds))]

        async def body(tx: Transaction) -> None:
            await tx.execute(delete(muted_notices).where(muted_notices.c.user_id == user_id))
            if rows:
                await tx.execute_many(insert(muted_notices), rows)

        await self._database.write(body)

    def _row(self, user_id: int, new: NewNotice) -> dict[str, object]:
        return {
            "public_id": public_id(),
            "user_id": user_id,
            "kind": new.kind.value,
            "fact": new.fact,
            "video_id": new.video_id,
            "playlist_id": new.playlist_id,
            "person_id": new.person_id,
            "detail": msgspec.json.encode(new.detail).decode(),
            "created_at_ms": self._clock.now_ms(),
        }

    async def _publish_on_commit(self, tx: Transaction, user_id: int) -> None:
        unread = notices.c.user_id == user_id, notices.c.read_at_ms.is_(None)
        query = select(func.count()).select_from(notices).where(*unread)
        count: int = (await tx.execute(query)).scalar_one()

        def publish() -> None:
            self._unread[user_id] = count
            self._publish(user_id)

        tx.after_commit(publish)


async def _delete_oldest(tx: Transaction, user_id: int) -> None:
    own = notices.c.user_id == user_id
    query = select(notices.c.id).where(own).order_by(notices.c.id.desc()).offset(MAX_NOTICES).limit(1)
    newest_excess: int | None = (await tx.execute(query)).scalar()
    if newest_excess is not None:
        await tx.execute(delete(notices).where(own, notices.c.id <= newest_excess))


class NoticeRetention:
    """Deletes notices older than `KEPT_DAYS`."""

    name = "notices"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def has_expired(self) -> bool:
        """Return whether there are expired notices."""
        query = select(notices.c.id).where(notices.c.created_at_ms < self._kept_since_ms()).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def delete_expired(self) -> int:
        """Delete expired notices and return how many were deleted."""
        statement = delete(notices).where(notices.c.created_at_ms < self._kept_since_ms())

        async def body(tx: Transaction) -> int:
            return (await tx.execute(statement)).rowcount

        return await self._database.write(body)

    def _kept_since_ms(self) -> int:
        return self._clock.now_ms() - KEPT_DAYS * DAY_MS
