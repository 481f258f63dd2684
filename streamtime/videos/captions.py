"""Captions of videos.

Caption tracks come from the video file or are uploaded. Their WebVTT is stored compressed in the row: it is about as
small as a segment index, and is replaced or deleted in one transaction. Every change raises the epoch.
"""

import asyncio
import re
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.captions.cue import Cue, normalize_cues
from streamtime.captions.formats import read_captions, write_captions
from streamtime.clock import Clock
from streamtime.database.tables import videos as video_tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.languages import UNKNOWN, bcp47, language_name
from streamtime.translation import gettext, number_text
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.video import Video, require_not_deleted

MAX_TRACKS = 50
MAX_LABEL = 80

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class CaptionOrigin(StrEnum):
    """Where a track comes from."""

    FILE = "file"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """A caption track. `name` is part of its URL: its language, numbered if several tracks share it."""

    id: int
    name: str
    language: str
    label: str
    origin: CaptionOrigin
    version: int
    cues: int


@dataclass(frozen=True, slots=True)
class CompressedCaptions:
    """The content of a track as stored in its row: WebVTT compressed with zlib, and the number of cues."""

    cues: int
    webvtt: bytes

    @property
    def text(self) -> str:
        """The WebVTT text."""
        return zlib.decompress(self.webvtt).decode()


@dataclass(frozen=True, slots=True)
class NewCaptions:
    """A track to add. `stream` is its index in the video file; None for an uploaded track."""

    content: CompressedCaptions
    language: str
    label: str
    stream: int | None = None


class Captions:
    """Reads and changes the caption tracks of videos."""

    def __init__(self, database: Database, publisher: VideoEventPublisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    async def list_for_videos(self, video_ids: Collection[int]) -> dict[int, list[CaptionTrack]]:
        """Return the tracks by video row id, those from the file first; videos without tracks are omitted."""
        table = video_tables.captions
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
        """Return a track by name. Raises `NotFound`."""
        tracks = (await self.list_for_videos([video.id])).get(video.id, [])
        found = next((track for track in tracks if track.name == name), None)
        if found is None:
            raise NotFound
        return found

    async def upload(self, video: Video, data: bytes, *, language: str, label: str) -> CaptionTrack:
        """Add a track from an uploaded caption file.

        Raises:
            Invalid: the file holds no captions, or the language or label is invalid.
            Conflict: the video has `MAX_TRACKS` tracks.
        """
        tag = clean_language(language)
        label = clean_label(label, tag)
        content = await asyncio.to_thread(_read_and_compress, data, tag)
        name = await self._database.write(lambda tx: self.add(tx, video, NewCaptions(content, tag, label)))
        return await self.get(video, name)

    async def replace_from_file(self, video: Video, name: str, data: bytes) -> CaptionTrack:
        """Replace the text of a track with that of a caption file.

        Raises:
            NotFound: there is no such track.
            Invalid: the file holds no captions.
        """
        track = await self.get(video, name)
        content = await asyncio.to_thread(_read_and_compress, data, track.language)
        await self._database.write(lambda tx: self.replace(tx, video, name, content))
        return await self.get(video, name)

    async def text(self, track_id: int) -> str:
        """Return the WebVTT text of a track.

        Raises:
            NotFound: it was deleted.
        """
        query = select(video_tables.captions.c.webvtt).where(video_tables.captions.c.id == track_id)
        async with self._database.read() as connection:
            compressed = (await connection.execute(query)).scalar()
        if compressed is None:
            raise NotFound
        return zlib.decompress(compressed).decode()

    async def add(self, tx: Transaction, video: Video, new: NewCaptions) -> str:
        """Add a track and return its name. `MAX_TRACKS` applies to uploaded tracks; the probe limits those of files.

        Raises:
            Conflict: the track is uploaded, and the video has `MAX_TRACKS` tracks.
            NotFound: the video was deleted meanwhile.
        """
        await require_not_deleted(tx, video.id)
        table = video_tables.captions
        query = select(table.c.name, table.c.label).where(table.c.video_id == video.id)
        taken = (await tx.execute(query)).mappings().all()
        if new.stream is None and len(taken) >= MAX_TRACKS:
            raise Conflict(gettext("A video has at most %(most)s caption tracks.", most=number_text(MAX_TRACKS)))
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
        """Replace the text of a track.

        Raises:
            NotFound: there is no such track.
        """
        table = video_tables.captions
        statement = update(table).where(_is_track(video, name)).values(version=table.c.version + 1)
        done = await tx.execute(statement.values(cues=content.cues, webvtt=content.webvtt))
        if done.rowcount == 0:
            raise NotFound
        await self._changed(tx, video)

    async def delete(self, tx: Transaction, video: Video, name: str) -> None:
        """Delete a track. The row of a track from the file stays without text, so that it is not imported again.

        Raises:
            NotFound: there is no such track.
        """
        table = video_tables.captions
        track = _is_track(video, name)
        deleted = (await tx.execute(delete(table).where(track, table.c.stream.is_(None)))).rowcount
        cleared = (await tx.execute(update(table).where(track).values(webvtt=None, cues=0))).rowcount
        if not deleted + cleared:
            raise NotFound
        await self._changed(tx, video)

    async def _changed(self, tx: Transaction, video: Video) -> None:
        await tx.bump_epoch()
        self._publisher.publish_on_commit(tx, video)


async def imported_streams(database: Database, video_id: int) -> frozenset[int]:
    """Return the indices of subtitle streams that were imported before, deleted tracks included."""
    table = video_tables.captions
    query = select(table.c.stream).where(table.c.video_id == video_id, table.c.stream.is_not(None))
    async with database.read() as connection:
        return frozenset((await connection.execute(query)).scalars())


def compress_captions(cues: Iterable[Cue]) -> CompressedCaptions:
    """Write cues as compressed WebVTT. Call it in a thread: large tracks take some tenths of a second."""
    normalized = normalize_cues(cues)
    return CompressedCaptions(len(normalized), zlib.compress(write_captions(normalized).encode()))


def _read_and_compress(data: bytes, language: str) -> CompressedCaptions:
    return compress_captions(read_captions(data, language=language))


def clean_language(value: str) -> str:
    """Return the BCP 47 tag of a language.

    Raises:
        Invalid: `value` is not a known language.
    """
    tag = bcp47(value)
    if tag is None:
        raise Invalid("Choose a language, as a tag such as en or pt-BR.", field="language")
    return tag


def clean_label(value: str, language: str | None) -> str:
    """Return `value` on one line without control characters; if it is empty, the name of the language.

    Raises:
        Invalid: it is longer than `MAX_LABEL`.
    """
    label = " ".join(_CONTROL.sub(" ", value).split())
    if len(label) > MAX_LABEL:
        raise Invalid(gettext("A label has at most %(most)s characters.", most=number_text(MAX_LABEL)), field="label")
    return label or language_name(language) or "Captions"


def new_from_file(content: CompressedCaptions, stream: int, language: str | None, title: str | None) -> NewCaptions:
    """Return a track of the video file. Its title is truncated, and an invalid language becomes `und`."""
    tag = bcp47(language)
    return NewCaptions(content, tag or UNKNOWN, clean_label((title or "")[:MAX_LABEL], tag), stream)


def _is_track(video: Video, name: str) -> ColumnElement[bool]:
    table = video_tables.captions
    return and_(table.c.video_id == video.id, table.c.name == name, table.c.webvtt.is_not(None))


def unique_name(wanted: str, taken: Collection[str], separator: str) -> str:
    """Return `wanted`, or if it is taken, the first free name with a number appended."""
    if wanted not in taken:
        return wanted
    return next(name for number in count(2) if (name := f"{wanted}{separator}{number}") not in taken)


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
