"""How often the program that works on a video crashed over it. The count is kept for good, retries included."""

from sqlalchemy import update

from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.library.timeline import Timeline


class CrashCounter:
    """Counts them."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    async def increment(self, tx: Transaction, video_id: int, message: str, *, code: str, stderr_tail: str) -> int:
        """Write one more down and tell how many there are now; 0 where the video is gone."""
        statement = (
            update(videos)
            .where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None))
            .values(crashes=videos.c.crashes + 1)
            .returning(videos.c.crashes)
        )
        count: int = (await tx.execute(statement)).scalar_one_or_none() or 0
        if count:
            await self._timeline.add(tx, video_id, "crashed", message, code=code, count=count, last_words=stderr_tail)
        return count
