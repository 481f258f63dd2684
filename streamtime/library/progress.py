"""How far the work on each video is: a soft fact, in memory, told at most once a second, written every few seconds."""

from dataclasses import dataclass

from sqlalchemy import bindparam, update

from streamtime.clock import Clock
from streamtime.database.tables import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.library.news import News
from streamtime.library.video import Video

TOLD_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """`fraction` from 0 to 1 of the whole work, and the stage in words for people.

    `speed` is seconds of video a second and `left_s` how long the stage still takes, where that can be told.
    `waiting` says why nothing goes on just now; empty while something does.
    """

    fraction: float
    stage: str
    speed: float | None = None
    left_s: float | None = None
    waiting: str = ""


class ProgressBoard:
    """The progress of everything under way."""

    def __init__(self, database: Database, news: News, clock: Clock) -> None:
        self._database = database
        self._news = news
        self._clock = clock
        self._board: dict[int, Progress] = {}
        self._told: dict[int, float] = {}
        self._unwritten: set[int] = set()

    def note(
        self, video: Video, fraction: float, stage: str, *, speed: float | None = None, left_s: float | None = None
    ) -> None:
        """The work on `video` is that far."""
        before = self._board.get(video.id)
        self._board[video.id] = Progress(min(max(fraction, 0.0), 1.0), stage, speed, left_s)
        self._unwritten.add(video.id)
        now = self._clock.monotonic()
        new_stage = before is None or before.stage != stage
        if new_stage or now - self._told.get(video.id, 0.0) >= TOLD_EVERY_S:
            self._told[video.id] = now
            self._news.now(video)

    def wait(self, video: Video, why: str) -> None:
        """Nothing goes on just now, and why; or, with nothing said, it goes on."""
        before = self.of(video)
        if before.waiting != why:
            self._board[video.id] = Progress(before.fraction, before.stage, waiting=why)
            self._news.now(video)

    def waiting(self, video_id: int) -> str:
        """Why nothing goes on just now, as far as the board knows; empty while something does."""
        noted = self._board.get(video_id)
        return noted.waiting if noted else ""

    def of(self, video: Video) -> Progress:
        """How far it is now: the board knows better than the row."""
        return self._board.get(video.id) or Progress(video.progress, video.stage)

    def clear(self, video_id: int) -> None:
        """Nothing is under way any more."""
        self._board.pop(video_id, None)
        self._told.pop(video_id, None)
        self._unwritten.discard(video_id)

    async def flush(self) -> None:
        """Write what has changed since the last time, in one transaction."""
        unwritten, self._unwritten = self._unwritten, set()
        rows = [
            {"row": video_id, "fraction": noted.fraction, "words": noted.stage}
            for video_id in unwritten
            if (noted := self._board.get(video_id))
        ]
        if not rows:
            return
        statement = (
            update(videos)
            .where(videos.c.id == bindparam("row"), videos.c.state != "ready", videos.c.state != "failed")
            .values(progress=bindparam("fraction"), stage=bindparam("words"))
        )

        async def body(tx: Transaction) -> None:
            await tx.execute_many(statement, rows)

        try:
            await self._database.write(body)
        except Exception:
            self._unwritten |= unwritten
            raise
