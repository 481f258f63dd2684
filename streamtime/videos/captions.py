"""Captions of videos: tracks that came with the file and tracks that people add, as WebVTT that was written here.

The text lies in the row, compressed: a film's captions take about what its segment indices take, and a row is
replaced and deleted in one transaction. Every change raises the epoch: what players are offered changes with it.

Chapters of videos, as their files name them.
"""

import asyncio
import re
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.captions.cue import Cue, normalize_cues
from streamtime.captions.formats import read_captions, write_captions
from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.languages import UNKNOWN, bcp47, language_name
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.video import Video
from streamtime.videos.videos import require_not_deleted

MAX_CHAPTERS = 500
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video; times in milliseconds of the video's own time line."""

    start_ms: int
    end_ms: int
    title: str


class Chapters:
    """The chapters of all videos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_for_videos(self, video_ids: Collection[int]) -> dict[int, list[Chapter]]:
        """The chapters of several videos, in their order; a video without any is not in it."""
        table = tables.chapters
        query = select(table.c.video_id, table.c.start_ms, table.c.end_ms, table.c.title)
        found: dict[int, list[Chapter]] = {}
        async with self._database.read() as connection:
            rows = await connection.execute(
                query.where(table.c.video_id.in_(video_ids)).order_by(table.c.video_id, table.c.position)
            )
            for video_id, *chapter in rows:
                found.setdefault(video_id, []).append(Chapter(*chapter))
        return found


async def replace_chapters(tx: Transaction, video_id: int, chapters: Sequence[Chapter]) -> None:
    """Put these in place of the chapters that the video had."""
    table = tables.chapters
    await tx.execute(delete(table).where(table.c.video_id == video_id))
    rows = [
        {
            "video_id": video_id,
            "position": position,
            "start_ms": chapter.start_ms,
            "end_ms": chapter.end_ms,
            "title": chapter.title[:MAX_TITLE],
        }
        for position, chapter in enumerate(chapters[:MAX_CHAPTERS])
    ]
    await tx.execute_many(insert(table), rows)
    await tx.bump_epoch()


MAX_TRACKS = 50
MAX_LABEL = 80

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class CaptionOrigin(StrEnum):
    """Where a track came from."""

    FILE = "file"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """One track. `name` is in its address: its language, and a number where several share it."""

    id: int
    name: str
    language: str
    label: str
    origin: CaptionOrigin
    version: int
    cues: int


@dataclass(frozen=True, slots=True)
class CompressedCaptions:
    """The content of a track, ready for its row."""

    cues: int
    webvtt: bytes

    @property
    def text(self) -> str:
        """The track as WebVTT."""
        return zlib.decompress(self.webvtt).decode()


@dataclass(frozen=True, slots=True)
class NewCaptions:
    """A track to be added. `stream` is its place in the file it came with."""

    content: CompressedCaptions
    language: str
    label: str
    stream: int | None = None


class Captions:
    """The caption tracks of all videos."""

    def __init__(self, database: Database, publisher: VideoEventPublisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    async def list_for_videos(self, video_ids: Collection[int]) -> dict[int, list[CaptionTrack]]:
        """The tracks of several videos, those of the file first; a video without any is not in it."""
        table = tables.captions
        query = select(
            table.c.video_id, table.c.id, table.c.name, table.c.language, table.c.label, table.c.origin,
            table.c.version, table.c.cues,
        )  # fmt: skip
        query = query.where(table.c.video_id.in_(video_ids), table.c.webvtt.is_not(None))
        found: dict[int, list[CaptionTrack]] = {}
        async with self._database.read() as connection:
            for row in (await connection.execute(query.order_by(table.c.origin, table.c.id))).mappings():
                found.setdefault(row["video_id"], []).append(_track(row))
        return found

    async def get(self, video: Video, name: str) -> CaptionTrack:
        """A track by its name. Raises `NotFound`."""
        tracks = (await self.list_for_videos([video.id])).get(video.id, [])
        found = next((track for track in tracks if track.name == name), None)
        if found is None:
            raise NotFound
        return found

    async def upload(self, video: Video, data: bytes, *, language: str, label: str) -> CaptionTrack:
        """Add a track from a file that somebody gives.

        Raises:
            Invalid: the file holds no captions, or language or label cannot be used.
            Conflict: the video has as many tracks as it may.
        """
        tag = clean_language(language)
        label = clean_label(label, tag)
        content = await asyncio.to_thread(_read_and_compress, data, tag)
        name = await self._database.write(lambda tx: self.add(tx, video, NewCaptions(content, tag, label)))
        return await self.get(video, name)

    async def replace_from_file(self, video: Video, name: str, data: bytes) -> CaptionTrack:
        """Put the text of a file in the place of a track's.

        Raises:
            NotFound: there is no such track.
            Invalid: the file holds no captions.
        """
        track = await self.get(video, name)
        content = await asyncio.to_thread(_read_and_compress, data, track.language)
        await self._database.write(lambda tx: self.replace(tx, video, name, content))
        return await self.get(video, name)

    async def text(self, track_id: int) -> str:
        """A track as WebVTT.

        Raises:
            NotFound: it was deleted.
        """
        query = select(tables.captions.c.webvtt).where(tables.captions.c.id == track_id)
        async with self._database.read() as connection:
            compress_captions = (await connection.execute(query)).scalar()
        if compress_captions is None:
            raise NotFound
        return zlib.decompress(compress_captions).decode()

    async def add(self, tx: Transaction, video: Video, new: NewCaptions) -> str:
        """Add a track; its name. Those of a file are bounded by what is read of files.

        Raises:
            Conflict: it is added by hand, and the video has as many as it may.
            NotFound: the video was deleted meanwhile.
        """
        await require_not_deleted(tx, video.id)
        table = tables.captions
        query = select(table.c.name, table.c.label).where(table.c.video_id == video.id)
        taken = (await tx.execute(query)).mappings().all()
        if new.stream is None and len(taken) >= MAX_TRACKS:
            raise Conflict(f"A video has at most {MAX_TRACKS} caption tracks.")
        name = unique_name(new.language, {row["name"] for row in taken}, "-")
        label = unique_name(new.label, {row["label"] for row in taken}, " ")
        await tx.execute(
            insert(table).values(
                video_id=video.id,
                name=name,
                language=new.language,
                label=label,
                origin=(CaptionOrigin.UPLOAD if new.stream is None else CaptionOrigin.FILE).value,
                stream=new.stream,
                created_at_ms=self._clock.now_ms(),
                cues=new.content.cues,
                webvtt=new.content.webvtt,
            )
        )
        await self._changed(tx, video)
        return name

    async def replace(self, tx: Transaction, video: Video, name: str, content: CompressedCaptions) -> None:
        """Put other text in the place of a track's.

        Raises:
            NotFound: there is no such track.
        """
        table = tables.captions
        statement = update(table).where(_is(video, name)).values(version=table.c.version + 1)
        done = await tx.execute(statement.values(cues=content.cues, webvtt=content.webvtt))
        if done.rowcount == 0:
            raise NotFound
        await self._changed(tx, video)

    async def delete(self, tx: Transaction, video: Video, name: str) -> None:
        """Take a track away. Of one that came with the file a row stays, so that it does not come back.

        Raises:
            NotFound: there is no such track.
        """
        table = tables.captions
        own = (await tx.execute(delete(table).where(_is(video, name), table.c.stream.is_(None)))).rowcount
        others = (await tx.execute(update(table).where(_is(video, name)).values(webvtt=None, cues=0))).rowcount
        if not own + others:
            raise NotFound
        await self._changed(tx, video)

    async def _changed(self, tx: Transaction, video: Video) -> None:
        await tx.bump_epoch()
        self._publisher.publish_on_commit(tx, video)


async def imported_streams(database: Database, video_id: int) -> frozenset[int]:
    """Which streams of a video's file have been read already, the deleted ones too: those are not to come back."""
    table = tables.captions
    query = select(table.c.stream).where(table.c.video_id == video_id, table.c.stream.is_not(None))
    async with database.read() as connection:
        return frozenset((await connection.execute(query)).scalars())


def compress_captions(cues: Iterable[Cue]) -> CompressedCaptions:
    """Write cues as WebVTT and pack it: some tenths of a second for the largest, so not on the loop."""
    kept = normalize_cues(cues)
    return CompressedCaptions(len(kept), zlib.compress(write_captions(kept).encode()))


def _read_and_compress(data: bytes, language: str) -> CompressedCaptions:
    return compress_captions(read_captions(data, language=language))


def clean_language(value: str) -> str:
    """The tag of a language that somebody names.

    Raises:
        Invalid: it is none.
    """
    tag = bcp47(value)
    if tag is None:
        raise Invalid("Choose a language, as a tag such as en or pt-BR.", field="language")
    return tag


def clean_label(value: str, language: str | None) -> str:
    """What a track is called: as somebody wishes, else by its language.

    Raises:
        Invalid: it is too long.
    """
    label = " ".join(_CONTROL.sub(" ", value).split())
    if len(label) > MAX_LABEL:
        raise Invalid(f"A label has at most {MAX_LABEL} characters.", field="label")
    return label or language_name(language) or "Captions"


def new_from_file(content: CompressedCaptions, stream: int, language: str | None, title: str | None) -> NewCaptions:
    """A track as a file holds it: whatever it says of itself is made to fit."""
    tag = bcp47(language)
    return NewCaptions(content, tag or UNKNOWN, clean_label((title or "")[:MAX_LABEL], tag), stream)


def _is(video: Video, name: str) -> ColumnElement[bool]:
    table = tables.captions
    return and_(table.c.video_id == video.id, table.c.name == name, table.c.webvtt.is_not(None))


def unique_name(wanted: str, taken: Collection[str], joint: str) -> str:
    """The wanted name, or the first with a number that is not taken."""
    if wanted not in taken:
        return wanted
    return next(name for number in count(2) if (name := f"{wanted}{joint}{number}") not in taken)


def _track(row: RowMapping) -> CaptionTrack:
    return CaptionTrack(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        label=row["label"],
        origin=CaptionOrigin(row["origin"]),
        version=row["version"],
        cues=row["cues"],
    )
