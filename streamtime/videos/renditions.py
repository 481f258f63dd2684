"""Renditions as rows: begun with the object they grow in, described once their first bytes exist, then whole.

The pictures beside a video: the sheets of its storyboard and its preview, as rows. The poster is the video's own.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import Storyboard
from streamtime.ids import public_id
from streamtime.languages import language_name
from streamtime.storage.objects.ledger import Ledger


class StillKind(StrEnum):
    """What an object shows; also the kind of the object."""

    SHEET = "storyboard"
    PREVIEW = "preview"


class StillsFacts(msgspec.Struct, frozen=True):
    """What a video's row says of its stills once they are made; `duration_ms` is what they were made of."""

    storyboard: Storyboard
    duration_ms: int


class StillRepository:
    """Which object shows which part of which video."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def replace(self, tx: Transaction, video_id: int, sheets: list[int], preview: int) -> None:
        """These objects, whole by now, are the video's stills; those it had before go."""
        await self.drop(tx, video_id)
        kinds = [(StillKind.SHEET, number, object_id) for number, object_id in enumerate(sheets)]
        rows = [
            {"video_id": video_id, "kind": kind.value, "number": number, "object_id": object_id}
            for kind, number, object_id in [*kinds, (StillKind.PREVIEW, 0, preview)]
        ]
        await tx.execute_many(insert(tables.stills), rows)

    async def drop(self, tx: Transaction, video_id: int) -> None:
        """Take a video's stills out, and doom their bytes."""
        table = tables.stills
        object_ids = list((await tx.execute(select(table.c.object_id).where(table.c.video_id == video_id))).scalars())
        await tx.execute(delete(table).where(table.c.video_id == video_id))
        await self._ledger.mark_for_deletion(tx, object_ids)

    async def find(self, video_id: int, kind: StillKind, number: int = 0) -> int | None:
        """The object that shows it, if there is one."""
        table = tables.stills
        query = select(table.c.object_id).where(
            table.c.video_id == video_id, table.c.kind == kind.value, table.c.number == number
        )
        async with self._database.read() as connection:
            found: int | None = (await connection.execute(query)).scalar_one_or_none()
            return found


class RenditionKind(StrEnum):
    """What a rendition carries; picture and sound are kept apart, so that sound is stored once."""

    VIDEO = "video"
    AUDIO = "audio"


class RenditionOrigin(StrEnum):
    """How it came to be."""

    COPY = "copy"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """What a sound track is called: a BCP 47 tag, the file's own words; and whether it is heard first."""

    language: str | None = None
    title: str | None = None
    default: bool = False

    @property
    def label(self) -> str:
        """What a player's menu calls it."""
        return self.title or language_name(self.language) or "Sound"


@dataclass(frozen=True, slots=True)
class NewRendition:
    """What is known of a rendition before its first byte. `ceiling_bps` is a bit rate it will not exceed."""

    kind: RenditionKind
    origin: RenditionOrigin
    name: str
    target_duration_s: int
    ceiling_bps: int | None
    spool_key: str
    audio: AudioTrack = AudioTrack()


@dataclass(frozen=True, slots=True)
class RenditionFormat:
    """What is known with its init segment. Pictures have a size and a rate, sound has channels."""

    codecs: str
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rendition. While it grows `index` is None and `videos/progress.py` knows more.

    `checkpoint` is then what of it survives the process: whole segments that are on disk. An `outdated` one is played
    until the one that is made in its place is whole.
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
class StartedRendition:
    """A rendition just written down."""

    id: int
    object_id: int
    attempt_id: str


class Renditions:
    """The renditions of all videos."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def begin(self, tx: Transaction, video_id: int, owner_id: int, new: NewRendition) -> StartedRendition:
        """Write the intent down: the object's row, the rendition and what joins them."""
        object_id = await self._ledger.stage(tx, new.spool_key, kind="rendition", owner_id=owner_id)
        attempt_id = public_id()
        statement = insert(tables.renditions).values(
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
        rendition_id: int = (await tx.execute(statement.returning(tables.renditions.c.id))).scalar_one()
        await tx.execute(insert(tables.rendition_parts).values(rendition_id=rendition_id, part=0, object_id=object_id))
        return StartedRendition(rendition_id, object_id, attempt_id)

    async def describe(self, tx: Transaction, rendition_id: int, description: RenditionFormat) -> None:
        """Its init segment exists: say what is in it."""
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
        """These segments of a growing rendition are on disk: whoever goes on with it keeps them."""
        await self._update(tx, rendition_id, segment_index=index.to_blob())

    async def mark_outdated(self, tx: Transaction, video_id: int, names: Collection[str] | None) -> None:
        """Whole renditions are to be made anew, all or those encoded pictures named; until then they are played."""
        table = tables.renditions
        condition = (table.c.video_id == video_id) & (table.c.state == "whole")
        if names is not None:
            condition &= table.c.name.in_(names) & (table.c.kind == RenditionKind.VIDEO.value)
            condition &= table.c.origin == RenditionOrigin.ENCODE.value
        await tx.execute(update(table).where(condition).values(outdated=True))
        await tx.bump_epoch()

    async def complete(self, tx: Transaction, begun: StartedRendition, index: SegmentIndex) -> None:
        """It is whole and on disk: from this commit on its index comes from the row."""
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
        """Take renditions of a video out (`only` these) but those to `keep`, and doom their bytes; how many objects."""
        condition = (tables.renditions.c.video_id == video_id) & tables.renditions.c.id.not_in(keep)
        if only is not None:
            condition &= tables.renditions.c.id.in_(only)
        if only_growing:
            condition &= tables.renditions.c.state == "growing"
        return await self._drop(tx, condition)

    async def drop_outdated(self, tx: Transaction, video_id: int) -> int:
        """Everything that was to be made anew is: take out what it replaces; how many objects."""
        table = tables.renditions
        return await self._drop(tx, (table.c.video_id == video_id) & table.c.outdated)

    async def drop_by_ids(self, tx: Transaction, ids: Collection[int]) -> int:
        """Take these renditions out, and doom their bytes; how many objects."""
        return await self._drop(tx, tables.renditions.c.id.in_(ids))

    async def _drop(self, tx: Transaction, condition: ColumnElement[bool]) -> int:
        parts = tables.rendition_parts
        query = select(parts.c.object_id).join_from(parts, tables.renditions).where(condition)
        object_ids = list((await tx.execute(query)).scalars())
        await tx.execute(delete(tables.renditions).where(condition))
        await self._ledger.mark_for_deletion(tx, object_ids)
        if object_ids:
            await tx.bump_epoch()
        return len(object_ids)

    async def list_for_video(self, video_id: int) -> list[Rendition]:
        """A video's renditions, the ones with the largest picture first, sound last."""
        table, parts, stored = tables.renditions, tables.rendition_parts, tables.objects
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
        """The names of the whole pictures of several videos, or of those in the making; the largest first."""
        table = tables.renditions
        state = "growing" if growing else "whole"
        query = select(table.c.video_id, table.c.name).where(
            table.c.video_id.in_(video_ids), table.c.kind == RenditionKind.VIDEO.value, table.c.state == state
        )
        names: dict[int, list[str]] = {}
        async with self._database.read() as connection:
            for video_id, name in await connection.execute(query.order_by(table.c.height.desc())):
                if name not in names.setdefault(video_id, []):  # twice where one is made anew
                    names[video_id].append(name)
        return names

    async def _update(self, tx: Transaction, rendition_id: int, **values: object) -> None:
        table = tables.renditions
        await tx.execute(update(table).where(table.c.id == rendition_id).values(**values))


def _read_index(blob: bytes | None) -> SegmentIndex | None:
    """Unpack an index; None where there is none, or one that is damaged: then there is nothing to play."""
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
