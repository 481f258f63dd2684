"""Chapters of videos, as their files name them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction

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
