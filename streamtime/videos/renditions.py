"""The rows of renditions and stills (storyboard sheets and preview), and of the objects that hold them.

A rendition starts with a staged object, gets its format with its init segment, and is then completed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, union, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables import storage as storage_tables
from streamtime.database.tables import videos as video_tables
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import Storyboard
from streamtime.ids import public_id
from streamtime.languages import language_name
from streamtime.storage.objects.ledger import Ledger


class StillKind(StrEnum):
    """The kind of a still, which is also the kind of its object."""

    SHEET = "storyboard"
    PREVIEW = "preview"


class StillsFacts(msgspec.Struct, frozen=True):
    """The stills as described in a video's row. `duration_ms` is the duration of the rendition they show."""

    storyboard: Storyboard
    duration_ms: int


class StillRepository:
    """Reads and changes the storyboard sheets and previews of videos."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def replace(self, tx: Transaction, video_id: int, sheets: list[int], preview: int) -> None:
        """Set the stills of a video to these complete objects, and drop the previous ones."""
        await self.drop(tx, video_id)
        kinds = [(StillKind.SHEET, number, object_id) for number, object_id in enumerate(sheets)]
        rows = [
            {"video_id": video_id, "kind": kind.value, "number": number, "object_id": object_id}
            for kind, number, object_id in [*kinds, (StillKind.PREVIEW, 0, preview)]
        ]
        await tx.execute_many(insert(video_tables.stills), rows)

    async def drop(self, tx: Transaction, video_id: int) -> None:
        """Delete a video's stills, and mark their objects for deletion."""
        table = video_tables.stills
        object_ids = list((await tx.execute(select(table.c.object_id).where(table.c.video_id == video_id))).scalars())
        await tx.execute(delete(table).where(table.c.video_id == video_id))
        await self._ledger.mark_for_deletion(tx, object_ids)

    async def find(self, video_id: int, kind: StillKind, number: int = 0) -> int | None:
        """Return the object id of a still, or None."""
        table = video_tables.stills
        query = select(table.c.object_id).where(
            table.c.video_id == video_id, table.c.kind == kind.value, table.c.number == number
        )
        async with self._database.read() as connection:
            found: int | None = (await connection.execute(query)).scalar_one_or_none()
            return found


class RenditionKind(StrEnum):
    """Video or audio. They are separate renditions, so that audio is stored once."""

    VIDEO = "video"
    AUDIO = "audio"


class RenditionOrigin(StrEnum):
    """How a rendition was made."""

    COPY = "copy"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Metadata of an audio track: a BCP 47 tag, the title in the file, and whether it is the default track."""

    language: str | None = None
    title: str | None = None
    default: bool = False

    @property
    def label(self) -> str:
        """The label in the player's menu."""
        return self.title or language_name(self.language) or "Audio"


@dataclass(frozen=True, slots=True)
class NewRendition:
    """A rendition to make. `ceiling_bps` is the bit rate that it will not exceed, if known."""

    kind: RenditionKind
    origin: RenditionOrigin
    name: str
    target_duration_s: int
    ceiling_bps: int | None
    spool_key: str
    audio: AudioTrack = AudioTrack()


@dataclass(frozen=True, slots=True)
class RenditionFormat:
    """The format in the init segment. Video has a size and a frame rate, audio has channels."""

    codecs: str
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """A rendition. `index` is None while it grows; see `GrowingRenditions` for its available segments.

    `checkpoint` lists the segments of a growing rendition that are on disk and survive the process. An `outdated`
    rendition is played until its replacement is complete.
    """

    id: int
    attempt_id: str
    kind: RenditionKind
    origin: RenditionOrigin
    is_complete: bool
    name: str
    description: RenditionFormat
    target_duration_s: int
    ceiling_bps: int | None
    index: SegmentIndex | None
    object_id: int
    store: str
    key: str
    checkpoint: SegmentIndex | None = None
    outdated: bool = False
    audio: AudioTrack = AudioTrack()


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The rendition of a video in a feed. `length_bytes`: with the audio, without the header of the joined file."""

    name: str
    length_bytes: int


@dataclass(frozen=True, slots=True)
class StartedRendition:
    """A rendition whose rows were just inserted."""

    id: int
    object_id: int
    attempt_id: str


class Renditions:
    """Reads and changes renditions."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def begin(self, tx: Transaction, video_id: int, owner_id: int, new: NewRendition) -> StartedRendition:
        """Insert a growing rendition with its staged object."""
        object_id = await self._ledger.stage(tx, new.spool_key, kind="rendition", owner_id=owner_id)
        attempt_id = public_id()
        statement = insert(video_tables.renditions).values(
            video_id=video_id,
            attempt_id=attempt_id,
            kind=new.kind.value,
            origin=new.origin.value,
            state="growing",
            name=new.name,
            target_duration_s=new.target_duration_s,
            ceiling_bps=new.ceiling_bps,
            language=new.audio.language,
            title=new.audio.title,
            is_default=new.audio.default,
            created_at_ms=self._clock.now_ms(),
        )
        rendition_id: int = (await tx.execute(statement.returning(video_tables.renditions.c.id))).scalar_one()
        await tx.execute(
            insert(video_tables.rendition_parts).values(rendition_id=rendition_id, part=0, object_id=object_id)
        )
        return StartedRendition(rendition_id, object_id, attempt_id)

    async def describe(self, tx: Transaction, rendition_id: int, description: RenditionFormat) -> None:
        """Save the format of a rendition, once its init segment exists."""
        await self._update(
            tx,
            rendition_id,
            codecs=description.codecs,
            width=description.width,
            height=description.height,
            frame_rate=description.frame_rate,
            channels=description.channels,
        )

    async def checkpoint(self, tx: Transaction, rendition_id: int, index: SegmentIndex) -> None:
        """Save the segments of a growing rendition that are on disk; the next attempt resumes after them."""
        await self._update(tx, rendition_id, segment_index=index.to_blob())

    async def mark_outdated(self, tx: Transaction, video_id: int, names: Collection[str] | None) -> None:
        """Mark complete renditions as outdated: all, or the encoded video renditions with these names."""
        table = video_tables.renditions
        condition = (table.c.video_id == video_id) & (table.c.state == "whole")
        if names is not None:
            condition &= table.c.name.in_(names) & (table.c.kind == RenditionKind.VIDEO.value)
            condition &= table.c.origin == RenditionOrigin.ENCODE.value
        await tx.execute(update(table).where(condition).values(outdated=True))
        await tx.bump_epoch()

    async def complete(self, tx: Transaction, begun: StartedRendition, index: SegmentIndex) -> None:
        """Mark a rendition as complete, with its final index. Its bytes are on disk."""
        await self._ledger.complete(tx, begun.object_id, length_bytes=index.bytes_total)
        await self._update(tx, begun.id, state="whole", segment_index=index.to_blob())
        await tx.bump_epoch()

    async def drop(
        self,
        tx: Transaction,
        video_id: int,
        *,
        only_growing: bool,
        keep: Collection[int] = (),
        only: Collection[int] | None = None,
    ) -> int:
        """Delete renditions of a video (all, or `only` these ids) except those to `keep`.

        Returns the number of objects marked for deletion.
        """
        condition = (video_tables.renditions.c.video_id == video_id) & video_tables.renditions.c.id.not_in(keep)
        if only is not None:
            condition &= video_tables.renditions.c.id.in_(only)
        if only_growing:
            condition &= video_tables.renditions.c.state == "growing"
        return await self._drop(tx, condition)

    async def drop_outdated(self, tx: Transaction, video_id: int) -> int:
        """Delete outdated renditions, which are replaced. Returns the number of objects marked for deletion."""
        table = video_tables.renditions
        return await self._drop(tx, (table.c.video_id == video_id) & table.c.outdated)

    async def drop_by_ids(self, tx: Transaction, ids: Collection[int]) -> int:
        """Delete these renditions. Returns the number of objects marked for deletion."""
        return await self._drop(tx, video_tables.renditions.c.id.in_(ids))

    async def _drop(self, tx: Transaction, condition: ColumnElement[bool]) -> int:
        parts = video_tables.rendition_parts
        query = select(parts.c.object_id).join_from(parts, video_tables.renditions).where(condition)
        object_ids = list((await tx.execute(query)).scalars())
        await tx.execute(delete(video_tables.renditions).where(condition))
        await self._ledger.mark_for_deletion(tx, object_ids)
        if object_ids:
            await tx.bump_epoch()
        return len(object_ids)

    async def list_for_video(self, video_id: int) -> list[Rendition]:
        """Return a video's renditions, largest video first, audio last."""
        table, parts, stored = video_tables.renditions, video_tables.rendition_parts, storage_tables.objects
        query = (
            select(table, stored.c.id.label("object_id"), stored.c.store, stored.c.key)
            .join_from(table, parts)
            .join(stored, parts.c.object_id == stored.c.id)
            .where(table.c.video_id == video_id, parts.c.part == 0)
            .order_by(table.c.kind.desc(), table.c.height.desc(), table.c.id)
        )
        async with self._database.read() as connection:
            return [_rendition(row) for row in (await connection.execute(query)).mappings()]

    async def names(self, video_ids: Collection[int], *, growing: bool = False) -> dict[int, list[str]]:
        """Return the names of complete (or `growing`) video renditions by video id, largest first."""
        table = video_tables.renditions
        state = "growing" if growing else "whole"
        query = select(table.c.video_id, table.c.name).where(
            table.c.video_id.in_(video_ids), table.c.kind == RenditionKind.VIDEO.value, table.c.state == state
        )
        names: dict[int, list[str]] = {}
        async with self._database.read() as connection:
            for video_id, name in await connection.execute(query.order_by(table.c.height.desc())):
                if name not in names.setdefault(video_id, []):  # an outdated rendition and its replacement share a name
                    names[video_id].append(name)
        return names

    async def enclosures(self, video_ids: Collection[int]) -> dict[int, Enclosure]:
        """Return the rendition that each video has in feeds: the largest complete one in H.264, else the largest."""
        table, parts, stored = video_tables.renditions, video_tables.rendition_parts, storage_tables.objects
        query = (
            select(table.c.video_id, table.c.kind, table.c.name, table.c.codecs, stored.c.bytes)
            .join_from(table, parts, parts.c.rendition_id == table.c.id)
            .join(stored, parts.c.object_id == stored.c.id)
            .where(table.c.video_id.in_(video_ids), parts.c.part == 0, table.c.state == "whole")
            .order_by(table.c.codecs.not_like("avc1%"), table.c.height.desc(), table.c.is_default.desc(), table.c.id)
        )
        video: dict[int, Enclosure] = {}
        audio_bytes: dict[int, int] = {}
        async with self._database.read() as connection:
            for row in (await connection.execute(query)).mappings():
                if row["kind"] == RenditionKind.VIDEO.value:
                    video.setdefault(row["video_id"], Enclosure(row["name"], row["bytes"]))
                else:
                    audio_bytes.setdefault(row["video_id"], row["bytes"])
        return {
            video_id: Enclosure(found.name, found.length_bytes + audio_bytes.get(video_id, 0))
            for video_id, found in video.items()
        }

    async def _update(self, tx: Transaction, rendition_id: int, **values: object) -> None:
        table = video_tables.renditions
        await tx.execute(update(table).where(table.c.id == rendition_id).values(**values))


def _read_index(blob: bytes | None) -> SegmentIndex | None:
    """Decode an index; None if there is none or it is damaged."""
    try:
        return None if blob is None else SegmentIndex.from_blob(blob)
    except ValueError:
        return None


def _rendition(row: RowMapping) -> Rendition:
    index = _read_index(row["segment_index"])
    return Rendition(
        id=row["id"],
        attempt_id=row["attempt_id"],
        kind=RenditionKind(row["kind"]),
        origin=RenditionOrigin(row["origin"]),
        is_complete=row["state"] == "whole",
        name=row["name"],
        description=RenditionFormat(
            codecs=row["codecs"],
            width=row["width"],
            height=row["height"],
            frame_rate=row["frame_rate"],
            channels=row["channels"],
        ),
        target_duration_s=row["target_duration_s"],
        ceiling_bps=row["ceiling_bps"],
        index=index if row["state"] == "whole" else None,
        object_id=row["object_id"],
        store=row["store"],
        key=row["key"],
        checkpoint=index if row["state"] == "growing" else None,
        outdated=bool(row["outdated"]),
        audio=AudioTrack(row["language"], row["title"], bool(row["is_default"])),
    )


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """The stored files of videos: their renditions and stills, and the rows of all their objects."""

    ledger: Ledger
    renditions: Renditions
    stills: StillRepository

    async def drop_derived(self, tx: Transaction, video_id: int) -> None:
        """Drop all renditions and stills of a video."""
        await self.renditions.drop(tx, video_id, only_growing=False)
        await self.stills.drop(tx, video_id)


async def object_ids_of(database: Database, video_id: int) -> list[int]:
    """Return the row ids of a video's objects: source, poster, renditions and stills; none after a purge."""
    videos, renditions, parts, stills = (
        video_tables.videos,
        video_tables.renditions,
        video_tables.rendition_parts,
        video_tables.stills,
    )
    own = [
        select(column).where(videos.c.id == video_id, column.is_not(None))
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    of_renditions = select(parts.c.object_id).join_from(parts, renditions).where(renditions.c.video_id == video_id)
    of_stills = select(stills.c.object_id).where(stills.c.video_id == video_id)
    async with database.read() as connection:
        return list((await connection.execute(union(*own, of_renditions, of_stills))).scalars())
