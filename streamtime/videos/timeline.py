"""What was decided about a video, when and why: for its owner to read when something surprises."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import insert, select

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One decision or event."""

    happened_at_ms: int
    event: str
    message: str
    detail: dict[str, Any]


class Timeline:
    """The entries of all videos."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, tx: Transaction, video_id: int, event: str, message: str, **detail: object) -> None:
        """Write an entry down in a transaction that is under way."""
        await tx.execute(
            insert(tables.timeline).values(
                video_id=video_id,
                happened_at_ms=self._clock.now_ms(),
                event=event,
                message=message,
                detail=msgspec.json.encode(detail).decode(),
            )
        )

    async def list_for_video(self, video_id: int) -> list[TimelineEntry]:
        """A video's entries, the oldest first."""
        table = tables.timeline
        query = select(table.c.happened_at_ms, table.c.event, table.c.message, table.c.detail)
        async with self._database.read() as connection:
            rows = await connection.execute(query.where(table.c.video_id == video_id).order_by(table.c.id))
            return [TimelineEntry(*row[:3], msgspec.json.decode(row[3])) for row in rows]
