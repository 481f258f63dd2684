"""What uses how much, and whether there is room for more: added up from the rows each time, so it cannot drift.

What somebody uses is every object of theirs that is not doomed, with the bin, and the announced length of uploads
that are not complete. It knows nothing of files: how much a disk has left is told to it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, Select, case, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.database.people_tables import users
from streamtime.database.tables import objects, rendition_parts, renditions, stills, uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NoSpace, TooLarge
from streamtime.sizes import size_text


class QuotaExceeded(TooLarge):
    """It would take more than its owner may have."""

    code = "quota"


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody uses (`used`), what their unfinished uploads will add (`reserved`), and what they may (`limit`)."""

    used: int
    reserved: int
    limit: int | None

    @property
    def left(self) -> int | None:
        """What may still be added; None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)


@dataclass(frozen=True, slots=True)
class Usage:
    """What somebody's files take, by what they are, in bytes. Those of videos in the bin are in `bin` alone."""

    owner: str
    originals: int
    renditions: int
    stills: int
    bin: int
    unfinished: int
    """The announced length of uploads that are not complete."""
    videos: int
    limit: int | None

    @property
    def total(self) -> int:
        """All of it."""
        return self.originals + self.renditions + self.stills + self.bin + self.unfinished


@dataclass(frozen=True, slots=True)
class LargeVideo:
    """One video and the bytes of all its files."""

    public_id: str
    title: str
    owner: str
    length_bytes: int


class Space:
    """Adds up."""

    def __init__(self, database: Database, *, quota_bytes: int) -> None:
        self._database = database
        self._quota_bytes = quota_bytes

    async def standing(self, owner_id: int) -> Standing:
        """How somebody stands at this moment."""
        async with self._database.read() as connection:
            return await self._standing(connection, owner_id)

    async def reserve(self, tx: Transaction, owner_id: int, length_bytes: int, *, free_bytes: int) -> None:
        """Let an upload be written down in this transaction, or raise. `free_bytes` is what its disk can spare.

        The writer is one, so what another upload has reserved is seen, however close the two are.

        Raises:
            QuotaExceeded: its owner may not have so much.
            NoSpace: the disk has no room for it and for what others still send.
        """
        standing = await self._standing(tx, owner_id)
        if standing.left is not None and length_bytes > standing.left:
            raise _over_quota(standing, length_bytes)
        to_come = select(_sum(uploads.c.length_bytes - uploads.c.offset_bytes)).where(_UNFINISHED)
        left = max(0, free_bytes - (await tx.execute(to_come)).scalar_one())
        if length_bytes > left:
            raise _no_room(left, length_bytes)

    async def usage_of(self, owner_id: int) -> Usage:
        """What somebody's files take."""
        return (await self._usages(users.c.id == owner_id))[0]

    async def usages(self) -> list[Usage]:
        """What the files of everybody take, the largest users first."""
        return sorted(await self._usages(users.c.deleted_at_ms.is_(None)), key=lambda usage: -usage.total)

    async def bytes_of(self, video_ids: Collection[int]) -> dict[int, int]:
        """What the files of these videos take, by row id."""
        held = _held().subquery()
        query = (
            select(held.c.video_id, _sum(objects.c.bytes))
            .join_from(held, objects, held.c.object_id == objects.c.id)
            .where(held.c.video_id.in_(video_ids), _KEPT)
            .group_by(held.c.video_id)
        )
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def largest(self, owner_id: int | None, *, limit: int) -> list[LargeVideo]:
        """The videos that take most, of one owner or of all; those in the bin are not among them."""
        held = _held().subquery()
        total = _sum(objects.c.bytes)
        query = (
            select(videos.c.public_id, videos.c.title, users.c.name, total)
            .join_from(held, objects, held.c.object_id == objects.c.id)
            .join(videos, videos.c.id == held.c.video_id)
            .join(users, users.c.id == videos.c.owner_id)
            .where(_KEPT, videos.c.deleted_at_ms.is_(None))
            .group_by(videos.c.id)
            .order_by(total.desc(), videos.c.id)
            .limit(limit)
        )
        if owner_id is not None:
            query = query.where(videos.c.owner_id == owner_id)
        async with self._database.read() as connection:
            return [LargeVideo(*row) for row in await connection.execute(query)]

    async def _standing(self, connection: Transaction | AsyncConnection, owner_id: int) -> Standing:
        used = select(_sum(objects.c.bytes)).where(objects.c.owner_id == owner_id, _KEPT)
        reserved = select(_sum(uploads.c.length_bytes)).where(uploads.c.owner_id == owner_id, _UNFINISHED)
        sums = used.scalar_subquery().label("used"), reserved.scalar_subquery().label("reserved")
        query = select(*sums, users.c.quota_bytes).where(users.c.id == owner_id)
        row = (await connection.execute(query)).one()
        return Standing(row.used, row.reserved, self._limit(row.quota_bytes))

    async def _usages(self, whose: ColumnElement[bool]) -> list[Usage]:
        async with self._database.read() as connection:
            kept = {row.owner_id: row for row in await connection.execute(_by_kind())}
            unfinished = {row[0]: row[1] for row in await connection.execute(_unfinished())}
            counts = {row[0]: row[1] for row in await connection.execute(_counts())}
            people = (
                await connection.execute(select(users.c.id, users.c.name, users.c.quota_bytes).where(whose))
            ).all()
        return [
            Usage(
                owner=name,
                originals=kept[owner_id].originals if owner_id in kept else 0,
                renditions=kept[owner_id].renditions if owner_id in kept else 0,
                stills=kept[owner_id].stills if owner_id in kept else 0,
                bin=kept[owner_id].binned if owner_id in kept else 0,
                unfinished=unfinished.get(owner_id, 0),
                videos=counts.get(owner_id, 0),
                limit=self._limit(quota),
            )
            for owner_id, name, quota in people
        ]

    def _limit(self, quota_bytes: int | None) -> int | None:
        """Nothing written down is the configured default, and 0 of either is no limit."""
        return (self._quota_bytes if quota_bytes is None else quota_bytes) or None


_KEPT = objects.c.state != "doomed"
_UNFINISHED = uploads.c.finished_at_ms.is_(None)


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def _held() -> CompoundSelect[int, int]:
    """Which video holds which object."""
    own = [
        select(videos.c.id.label("video_id"), column.label("object_id")).where(column.is_not(None))
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    parts = select(renditions.c.video_id, rendition_parts.c.object_id).join_from(rendition_parts, renditions)
    return union_all(*own, parts, select(stills.c.video_id, stills.c.object_id))


def _by_kind() -> Select[int, int, int, int, int]:
    held = _held().subquery()
    binned = videos.c.deleted_at_ms.is_not(None)

    def of(*kinds: str) -> ColumnElement[int]:
        here = or_(videos.c.id.is_(None), ~binned)
        return _sum(case((here & objects.c.kind.in_(kinds), objects.c.bytes), else_=0))

    return (
        select(
            objects.c.owner_id,
            of("source").label("originals"),
            of("rendition").label("renditions"),
            of("poster", "storyboard", "preview").label("stills"),
            _sum(case((binned, objects.c.bytes), else_=0)).label("binned"),
        )
        .select_from(objects)
        .outerjoin(held, held.c.object_id == objects.c.id)
        .outerjoin(videos, videos.c.id == held.c.video_id)
        .where(_KEPT)
        .group_by(objects.c.owner_id)
    )


def _unfinished() -> Select[int, int]:
    return select(uploads.c.owner_id, _sum(uploads.c.length_bytes)).where(_UNFINISHED).group_by(uploads.c.owner_id)


def _counts() -> Select[int, int]:
    kept = videos.c.deleted_at_ms.is_(None)
    return select(videos.c.owner_id, func.count()).where(kept).group_by(videos.c.owner_id)


def _over_quota(standing: Standing, length_bytes: int) -> QuotaExceeded:
    left, limit = standing.left or 0, standing.limit or 0
    return QuotaExceeded(
        f"This file has {size_text(length_bytes)}, and of your {size_text(limit)} there is {size_text(left)} left. "
        "Deleting videos for good, also from the bin, makes room.",
        facts={
            "limit": limit,
            "used": standing.used,
            "reserved": standing.reserved,
            "left": left,
            "needed": length_bytes,
        },
    )


def _no_room(left: int, length_bytes: int) -> NoSpace:
    return NoSpace(
        f"The server's disk has room for {size_text(left)} more, and this file has {size_text(length_bytes)}. "
        "Whoever runs the server can make room.",
        facts={"left": left, "needed": length_bytes},
    )
