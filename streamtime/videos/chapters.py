"""Chapters of videos: those of the file, or those that the owner wrote.

Chapters are a list of starts with titles; each ends where the next one begins. As text they are lines such as
`1:05 Morning`. Every change raises the epoch, and triggers of the database index the video again for the search.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import delete, insert, select, update

from streamtime.database.tables import videos as video_tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid
from streamtime.formatting import duration_text
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.video import Video, require_not_deleted
from streamtime.workers.probe_result import ProbeResult

MAX_CHAPTERS = 500
MAX_TITLE = 200

DESCRIBED_LEAST = 3
"""Lines with a time that make chapters of a description, as on YouTube."""

_LINE = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?(?:\s*[-\u2013\u2014:|]\s+|\s+)(\S.*)", re.ASCII)
_BULLET = re.compile(r"^(?:[-*\u2022\u2013]\s*)?[(\[]?((?:\d{1,3}:)?\d{1,3}:\d{2})[)\]]?(?=\s)")
_TIME = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter; times in milliseconds from the start of the video."""

    start_ms: int
    end_ms: int
    title: str


@dataclass(frozen=True, slots=True)
class ChapterStart:
    """The start of a chapter in milliseconds, and its title."""

    start_ms: int
    title: str


class Chapters:
    """Reads the chapters of videos, and replaces them by those of the owner."""

    def __init__(self, database: Database, publisher: VideoEventPublisher) -> None:
        self._database = database
        self._publisher = publisher

    async def list_for_videos(self, video_ids: Collection[int]) -> dict[int, list[Chapter]]:
        """Return the chapters by video row id, in order; videos without chapters are omitted."""
        table = video_tables.chapters
        query = select(table.c.video_id, table.c.start_ms, table.c.end_ms, table.c.title)
        found: dict[int, list[Chapter]] = {}
        async with self._database.read() as connection:
            rows = await connection.execute(
                query.where(table.c.video_id.in_(video_ids)).order_by(table.c.video_id, table.c.position)
            )
            for video_id, *chapter in rows:
                found.setdefault(video_id, []).append(Chapter(*chapter))
        return found

    async def of_videos(self, videos: Collection[Video]) -> dict[int, list[Chapter]]:
        """Return the chapters by video row id; of videos without any, those that their description lists.

        An owner who has set no chapters by hand gets none.
        """
        found = await self.list_for_videos([video.id for video in videos])
        for video in videos:
            if video.id not in found and not video.chapters_chosen:
                described = described_chapters(video.description, video.duration_ms or 0)
                found |= {video.id: described} if described else {}
        return found

    async def choose(self, video: Video, starts: Sequence[ChapterStart]) -> None:
        """Replace the chapters by the owner's, in any order; none removes all.

        Raises:
            Invalid: two begin at the same time, one begins after the end of the video, or a title is empty.
            Conflict: the video was not probed yet, so its duration is not known.
            NotFound: the video was deleted meanwhile.
        """

        async def body(tx: Transaction) -> None:
            row = await require_not_deleted(tx, video.id)
            if starts and row["duration_ms"] is None:
                raise Conflict("Chapters can be set once the video has been examined.")
            await replace_chapters(tx, video.id, checked_chapters(starts, row["duration_ms"] or 0))
            await _set_chosen(tx, video, chosen=True)
            self._publisher.publish_on_commit(tx, video)

        await self._database.write(body)

    async def restore(self, video: Video) -> None:
        """Use the chapters of the file again.

        Raises:
            NotFound: the video was deleted meanwhile.
        """

        async def body(tx: Transaction) -> None:
            facts = (await require_not_deleted(tx, video.id))["source_facts"]
            found = chapters_of_file(msgspec.msgpack.decode(facts, type=ProbeResult)) if facts else []
            await replace_chapters(tx, video.id, found)
            await _set_chosen(tx, video, chosen=False)
            self._publisher.publish_on_commit(tx, video)

        await self._database.write(body)


async def chapters_in(tx: Transaction, video_id: int) -> list[Chapter]:
    """Return the chapters of a video within a transaction, in order."""
    table = video_tables.chapters
    query = select(table.c.start_ms, table.c.end_ms, table.c.title).where(table.c.video_id == video_id)
    rows = (await tx.execute(query.order_by(table.c.position))).mappings().all()
    return [Chapter(row["start_ms"], row["end_ms"], row["title"]) for row in rows]


async def _set_chosen(tx: Transaction, video: Video, *, chosen: bool) -> None:
    table = video_tables.videos
    await tx.execute(update(table).where(table.c.id == video.id).values(chapters_chosen=chosen))


async def replace_chapters(tx: Transaction, video_id: int, chapters: Sequence[Chapter]) -> None:
    """Replace the chapters of a video."""
    table = video_tables.chapters
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


async def import_chapters(tx: Transaction, video_id: int, facts: ProbeResult) -> None:
    """Take the chapters of the file, unless the owner has set others."""
    if not (await require_not_deleted(tx, video_id))["chapters_chosen"]:
        await replace_chapters(tx, video_id, chapters_of_file(facts))


def chapters_of_file(facts: ProbeResult) -> list[Chapter]:
    """Return the chapters of a file; one without a title is named by its number."""
    return [
        Chapter(found.start_ms, found.end_ms, one_line(found.title) or f"Chapter {number}")
        for number, found in enumerate(facts.chapters, start=1)
    ]


def checked_chapters(starts: Sequence[ChapterStart], duration_ms: int) -> list[Chapter]:
    """Return the chapters in order, each with its end.

    Raises:
        Invalid: there are too many, two begin at the same time, one begins outside the video, or a title is not 1 to
            `MAX_TITLE` characters long.
    """
    if len(starts) > MAX_CHAPTERS:
        raise _invalid(f"A video has at most {MAX_CHAPTERS} chapters.")
    if not starts:
        return []
    ordered = sorted(starts, key=lambda start: start.start_ms)
    ends = [*(start.start_ms for start in ordered[1:]), duration_ms]
    chapters = [Chapter(start.start_ms, end, _checked_title(start)) for start, end in zip(ordered, ends, strict=True)]
    for chapter in chapters:
        at = duration_text(chapter.start_ms)
        if not 0 <= chapter.start_ms < duration_ms:
            raise _invalid(f"The chapter at {at} begins after the end of the video.")
        if chapter.end_ms <= chapter.start_ms:
            raise _invalid(f"Two chapters begin at {at}.")
    return chapters


def described_chapters(description: str, duration_ms: int) -> list[Chapter]:
    """Return the chapters that a description lists: lines that begin with a time and a title.

    There must be at least `DESCRIBED_LEAST`, in order, the first at 0:00 and all within the video: fewer times are
    remarks. Bullets and brackets around the time do not matter.
    """
    lines = (" ".join(_CONTROL.sub(" ", line).split()) for line in description.splitlines())
    matches = [match for line in lines if (match := _LINE.fullmatch(_BULLET.sub(r"\1 ", line))) is not None]
    starts = [_start(match) for match in matches[: MAX_CHAPTERS + 1]]
    times = [start.start_ms for start in starts]
    if len(starts) < DESCRIBED_LEAST or times[0] != 0 or times != sorted(set(times)):
        return []
    try:
        return checked_chapters([ChapterStart(each.start_ms, each.title[:MAX_TITLE]) for each in starts], duration_ms)
    except Invalid:
        return []


def parse_chapters(text: str) -> list[ChapterStart]:
    """Parse chapters as lines of text, such as `0:00 Intro` or `1:02:03.5 The end`. Blank lines are ignored.

    Raises:
        Invalid: a line has no time, or no title.
    """
    lines = (" ".join(_CONTROL.sub(" ", line).split()) for line in text.splitlines())
    return [_parse_line(line) for line in lines if line]


def format_chapters(chapters: Iterable[Chapter]) -> str:
    """Return chapters as the text that `parse_chapters` reads."""
    return "\n".join(f"{_time(chapter.start_ms)} {chapter.title}" for chapter in chapters)


def parse_time(text: str) -> int | None:
    """Parse a time as players show it, `1:05` or `1:02:03.5`, to milliseconds; None if it is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole_s * 1000 + int((fraction or "0").ljust(3, "0"))


def one_line(text: str) -> str:
    """Return text of a file on one line, without characters that cannot be printed."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _parse_line(line: str) -> ChapterStart:
    match = _LINE.fullmatch(line)
    if match is None:
        shown = line if len(line) <= _MAX_SHOWN else line[:_MAX_SHOWN] + "…"
        raise _invalid(f"Begin each line with a time, such as 1:05, and a title. This line does not: {shown}")
    return _start(match)


def _start(match: re.Match[str]) -> ChapterStart:
    hours, minutes, seconds, fraction, title = match.groups()
    whole_s = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return ChapterStart(whole_s * 1000 + int((fraction or "0").ljust(3, "0")), title)


def _checked_title(start: ChapterStart) -> str:
    title = " ".join(_CONTROL.sub(" ", start.title).split())
    if not 1 <= len(title) <= MAX_TITLE:
        at = duration_text(max(0, start.start_ms))
        raise _invalid(f"Give the chapter at {at} a title of 1 to {MAX_TITLE} characters.")
    return title


def _time(at_ms: int) -> str:
    seconds, rest = divmod(at_ms, 1000)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    clock = f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
    return f"{clock}.{rest:03}".rstrip("0") if rest else clock


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="chapters")
