"""How a video comes into being and goes from state to state. Every change is told to the pages that watch."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from streamtime.access.rules import Visibility
from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict
from streamtime.events.bus import Change
from streamtime.ids import public_id
from streamtime.jobs.job import Failure, Job
from streamtime.jobs.queue import JobQueue
from streamtime.library.editing import LISTED
from streamtime.library.news import News
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Renditions
from streamtime.library.stills import StillRows
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video, VideoState
from streamtime.library.videos import VideoGone, require_alive
from streamtime.library.work import (
    COLLECT,
    COLLECT_PRIORITY,
    COLLECT_SUBJECT,
    FIRST,
    FIRST_PRIORITY,
    LADDER,
    LADDER_PRIORITY,
    MANY_ATTEMPTS,
    PREPARE,
    PREPARE_PRIORITY,
    SETTLE,
    SETTLE_PRIORITY,
    STILLS,
    STILLS_PRIORITY,
    Forecast,
    fair_key,
)
from streamtime.objects.ledger import Ledger


@dataclass(frozen=True, slots=True)
class NewVideo:
    """What is known of a video before its first byte has arrived."""

    owner_id: int
    title: str
    visibility: Visibility
    source_name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """How long a video lasts, as far as its file tells, and how large it is shown."""

    duration_ms: int | None
    width: int
    height: int


class Lifecycle:
    """Moves videos from state to state."""

    def __init__(
        self,
        queue: JobQueue,
        ledger: Ledger,
        renditions: Renditions,
        stills: StillRows,
        timeline: Timeline,
        progress: ProgressBoard,
        news: News,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._renditions = renditions
        self._stills = stills
        self._timeline = timeline
        self._progress = progress
        self._news = news
        self._clock = clock

    async def create(self, tx: Transaction, new: NewVideo) -> tuple[int, str]:
        """Write down a video whose bytes are still to come; its row id, and the key for its source."""
        prefix = f"videos/{public_id()}/"
        now = self._clock.now_ms()
        statement = insert(videos).values(
            public_id=public_id(),
            owner_id=new.owner_id,
            title=new.title,
            title_folded=new.title.casefold(),
            state=VideoState.UPLOADING.value,
            stage="Uploading",
            visibility=new.visibility.value,
            storage_prefix=prefix,
            source_name=new.source_name,
            created_at_ms=now,
            published_at_ms=now if new.visibility in LISTED else None,
        )
        video_id: int = (await tx.execute(statement.returning(videos.c.id))).scalar_one()
        await self._timeline.add(tx, video_id, "created", f"Upload of {new.source_name} begun.")
        return video_id, f"{prefix}source"

    async def arrived(self, tx: Transaction, video: Video, source_object_id: int) -> None:
        """All bytes are here: queue the work."""
        await self._set(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, source_object_id=source_object_id
        )
        await self._timeline.add(tx, video.id, "arrived", "The upload is complete.")
        await self._queue.enqueue(
            tx, PREPARE, video.subject, priority=PREPARE_PRIORITY, fair_key=fair_key(video.owner_id)
        )
        await self.settle(tx, video, source_object_id)

    async def retry(self, tx: Transaction, video: Video) -> None:
        """Try a failed video again, from its original; what is finished already is kept.

        Raises:
            Conflict: it has not failed.
        """
        row = await require_alive(tx, video.id)
        if row["state"] != VideoState.FAILED:
            raise Conflict("Only a video that failed can be tried again.")
        await self._set(
            tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, failure_code=None, failure_message=None
        )
        await self._timeline.add(tx, video.id, "retried", "Queued again by hand.")
        await self._queue.enqueue(
            tx, PREPARE, video.subject, priority=PREPARE_PRIORITY, fair_key=fair_key(video.owner_id)
        )

    async def again(self, tx: Transaction, video: Video, *, rungs: Collection[str] | None) -> None:
        """Make all of it anew from its original, or the `rungs` named, there already or not.

        What it has is played until the new ones are whole; then they take its place at once, at new addresses.

        Raises:
            Conflict: it is being prepared, or there is no original to make anything of.
        """
        row = await require_alive(tx, video.id)
        if row["state"] not in {VideoState.READY, VideoState.FAILED}:
            raise Conflict("It is being prepared already.")
        if row["source_object_id"] is None:
            raise Conflict("The original was not kept, so nothing can be made of it.")
        await self._renditions.outdate(tx, video.id, rungs)
        wanted = " ".join(sorted({*row["wanted_rungs"].split(), *(rungs or ())}))
        values: dict[str, object] = {"failure_code": None, "failure_message": None, "wanted_rungs": wanted}
        await self._set(tx, video, state=VideoState.QUEUED, stage="Waiting", progress=0.0, **values)
        what = "Everything" if rungs is None else ", ".join(rungs)
        await self._timeline.add(tx, video.id, "again", f"{what} is to be made anew.")
        await self._queue.enqueue(
            tx, PREPARE, video.subject, priority=PREPARE_PRIORITY, fair_key=fair_key(video.owner_id)
        )

    async def begun(self, tx: Transaction, video: Video, *, stage: str) -> None:
        """A worker has it."""
        await self._set(tx, video, state=VideoState.PROCESSING, stage=stage)

    async def probed(self, tx: Transaction, video: Video, facts: bytes, picture: Picture) -> None:
        """It is known what is in the file."""
        await self._set(
            tx,
            video,
            source_facts=facts,
            duration_ms=picture.duration_ms,
            width=picture.width,
            height=picture.height,
        )

    async def measured(self, tx: Transaction, video: Video, *, duration_ms: int) -> None:
        """Somebody has read it to its end and knows how long it is."""
        await self._set(tx, video, duration_ms=duration_ms)

    async def damaged(self, tx: Transaction, video: Video, *, after_ms: int, words: str) -> None:
        """Its original breaks off there; what comes before is all that there will be."""
        await self._set(tx, video, damaged_after_ms=after_ms)
        await self._timeline.add(tx, video.id, "damaged", words)

    async def playable(self, tx: Transaction, video: Video) -> None:
        """It can be watched from now on, however much is still to come."""
        await self._set(tx, video, playable=True)
        await tx.raise_epoch()
        await self._timeline.add(tx, video.id, "playable", "It can be watched.")

    async def poster(self, tx: Transaction, video: Video, object_id: int) -> None:
        """It has a poster; one that it had before goes."""
        before = (await require_alive(tx, video.id))["poster_object_id"]
        if before is not None:
            await self._ledger.doom(tx, [before])
        await self._set(tx, video, poster_object_id=object_id, poster_version=videos.c.poster_version + 1)
        await tx.raise_epoch()

    async def poster_chosen(self, tx: Transaction, video: Video, object_id: int, *, after: Job) -> None:
        """It has the poster that its owner wished for, and the job that made it is done."""
        await self._queue.done(tx, after)
        await self.poster(tx, video, object_id)

    async def poster_refused(self, tx: Transaction, video: Video) -> None:
        """The poster that its owner wished for cannot be made: the wish is forgotten."""
        await self._set(tx, video, poster_ms=None)

    async def wants_stills(self, tx: Transaction, video: Video) -> None:
        """There is one more whole picture: have stills made of it, unless there are some."""
        if (await require_alive(tx, video.id))["stills"] is None:
            await self._queue.enqueue(tx, STILLS, video.subject, priority=STILLS_PRIORITY)

    async def stills_later(self, tx: Transaction, video: Video, *, after: Job) -> bool:
        """A better picture for its stills is to come: end the job. False where none is to come any more."""
        if (await require_alive(tx, video.id))["state"] == VideoState.READY:
            return False
        await self._queue.done(tx, after)
        return True

    async def stills(self, tx: Transaction, video: Video, facts: bytes, *, sheets: list[int], preview: int) -> None:
        """It has a storyboard and a preview; those that it had before go."""
        await require_alive(tx, video.id)
        await self._stills.replace(tx, video.id, sheets, preview)
        await self._set(tx, video, stills=facts, stills_version=videos.c.stills_version + 1)
        await self._timeline.add(tx, video.id, "stills", "Storyboard and preview are made.")
        await self.collect(tx)
        await tx.raise_epoch()

    async def drop_growing(
        self, tx: Transaction, video_id: int, *, keep: Collection[int] = (), only: Collection[int] | None = None
    ) -> None:
        """Take out what attempts left half made (`only` of these renditions), but what is to be gone on with (`keep`).

        What could be watched only as it grew cannot be any more, unless all of it is kept.
        """
        if not await self._renditions.drop(tx, video_id, only_growing=True, keep=keep, only=only):
            return
        whole = await self._has_whole_picture(tx, video_id)
        await tx.execute(
            update(videos).where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None)).values(playable=whole)
        )
        await self.collect(tx)

    async def note(self, tx: Transaction, video: Video, event: str, message: str, **detail: object) -> None:
        """Write down what was decided or done about it."""
        await self._timeline.add(tx, video.id, event, message, **detail)

    async def lost(self, tx: Transaction, video_id: int, message: str, **detail: object) -> None:
        """An attempt came to nothing: write down why, whatever comes after it. Raises `VideoGone`."""
        await require_alive(tx, video_id)
        await self._timeline.add(tx, video_id, "attempt_failed", message, **detail)

    async def abandon(self, tx: Transaction, object_id: int) -> None:
        """An object that was to be made never came to anything; one that did after all is left alone."""
        await self._ledger.doom_staged(tx, object_id)
        await self.collect(tx)

    async def recover(self, tx: Transaction) -> None:
        """Once, at the start: take out what an earlier process made that nobody can go on with, and have it collected.

        What has a checkpoint stays, and plays as far as that.
        """
        table = tables.renditions
        growing = select(
            table.c.id, table.c.video_id, table.c.segment_index.is_not(None).label("has_checkpoint")
        ).where(table.c.state == "growing")
        kept: dict[int, list[int]] = {}
        for row in await tx.execute(growing):
            kept.setdefault(row.video_id, []).extend([row.id] if row.has_checkpoint else [])
        for video_id, keep in kept.items():
            await self.drop_growing(tx, video_id, keep=keep)
        await self._ledger.doom_orphans(tx)
        await self.collect(tx)

    async def first(self, tx: Transaction, video: Video, *, name: str) -> None:
        """Nothing can be copied: queue the one rendition that is quickly made and useful, and the sound with it."""
        await self._timeline.add(tx, video.id, "planned", f"To be encoded first: {name}.")
        await self._queue.enqueue(tx, FIRST, video.subject, priority=FIRST_PRIORITY, fair_key=fair_key(video.owner_id))

    async def encode(self, tx: Transaction, video: Video, forecast: Forecast, *, after: Job) -> None:
        """What could be had quickly is there: queue the renditions that take time, and end the job before them."""
        await self._queue.done(tx, after)
        await self._timeline.add(
            tx, video.id, "planned", "To be encoded: " + ", ".join(forecast.names) + ".",
            names=list(forecast.names), disk_bytes=forecast.disk_bytes, memory_bytes=forecast.memory_bytes,
            passes=forecast.passes,
        )  # fmt: skip
        await self._set(tx, video, stage="Waiting")
        await self._queue.enqueue(
            tx, LADDER, video.subject, priority=LADDER_PRIORITY, weight=forecast.memory_bytes,
            fair_key=fair_key(video.owner_id),
        )  # fmt: skip

    async def stop(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """End the work on it by hand: it counts as failed, and can be tried again.

        Raises:
            Conflict: nothing is being done, or waits to be done.
        """
        if not await self._queue.cancel(tx, video.subject, kinds=(PREPARE, FIRST, LADDER)):
            raise Conflict("Nothing is being done with this video any more.")
        await self.failed(tx, video, failure)

    async def settle(self, tx: Transaction, video: Video, object_id: int) -> None:
        """An object of the video is whole: have it carried into the store where it stays."""
        key = f"{SETTLE} {object_id}"
        await self._queue.enqueue(
            tx,
            SETTLE,
            video.subject,
            priority=SETTLE_PRIORITY,
            max_attempts=MANY_ATTEMPTS,
            dedup_key=key,
            fair_key=fair_key(video.owner_id),
        )

    async def ready(self, tx: Transaction, video: Video, *, after: Job, keep_original: bool) -> None:
        """Everything that was to be made of it is made, and the last job is done."""
        await self._queue.done(tx, after)
        if not keep_original:
            await self._drop_original(tx, video)
        if await self._renditions.drop_outdated(tx, video.id):
            await self.collect(tx)
        await self._set(tx, video, state=VideoState.READY, progress=1.0, stage="")
        await self.wants_stills(tx, video)
        await self._timeline.add(tx, video.id, "ready", "Everything is prepared.")
        tx.after_commit(lambda: self._progress.clear(video.id))

    async def failed(self, tx: Transaction, video: Video, failure: Failure) -> None:
        """Nothing more will come of it by itself; what can be watched stays, and so does the original."""
        await self.drop_growing(tx, video.id)
        await self._set(
            tx,
            video,
            state=VideoState.FAILED,
            stage="",
            failure_code=failure.code,
            failure_message=failure.message,
        )
        await self._timeline.add(tx, video.id, "failed", failure.message, code=failure.code)
        tx.after_commit(lambda: self._progress.clear(video.id))

    async def delete(self, tx: Transaction, video: Video) -> None:
        """Hide it from everybody, end the work on it, and have its bytes collected."""
        row = await require_alive(tx, video.id)
        await tx.execute(
            update(videos)
            .where(videos.c.id == video.id)
            .values(deleted_at_ms=self._clock.now_ms(), source_object_id=None, poster_object_id=None, playable=False)
        )
        await self._queue.cancel(tx, video.subject)
        await self._renditions.drop(tx, video.id, only_growing=False)
        await self._stills.drop(tx, video.id)
        uploads = tables.uploads
        query = select(uploads.c.object_id).where(uploads.c.video_id == video.id)
        arriving = list((await tx.execute(query)).scalars())
        await tx.execute(delete(uploads).where(uploads.c.video_id == video.id))
        await self._ledger.doom(tx, [i for i in (row["source_object_id"], row["poster_object_id"], *arriving) if i])
        await self.collect(tx)
        await tx.raise_epoch()
        self._news.after(tx, video, Change.DELETED)
        tx.after_commit(lambda: self._progress.clear(video.id))

    async def bury(self, tx: Transaction, *, after: Job) -> bool:
        """Drop the rows of deleted videos and end the job; False where there are bytes still to be deleted."""
        if await self._ledger.any_doomed(tx):
            return False
        await tx.execute(delete(videos).where(videos.c.deleted_at_ms.is_not(None)))
        await self._queue.done(tx, after)
        return True

    async def _drop_original(self, tx: Transaction, video: Video) -> None:
        """Let the uploaded file go: everything that can be watched has been made of it."""
        uploads = tables.uploads
        await tx.execute(delete(uploads).where(uploads.c.video_id == video.id))
        source = (await require_alive(tx, video.id))["source_object_id"]
        await self._set(tx, video, source_object_id=None)
        await self._ledger.doom(tx, [source] if source else [])
        await self.collect(tx)
        await tx.raise_epoch()

    async def collect(self, tx: Transaction) -> None:
        """Have the bytes of doomed objects deleted soon."""
        await self._queue.enqueue(tx, COLLECT, COLLECT_SUBJECT, priority=COLLECT_PRIORITY, max_attempts=MANY_ATTEMPTS)

    async def _set(self, tx: Transaction, video: Video, **values: object) -> None:
        done = await tx.execute(
            update(videos).where(videos.c.id == video.id, videos.c.deleted_at_ms.is_(None)).values(**values)
        )
        if done.rowcount == 0:
            raise VideoGone
        self._news.after(tx, video)

    async def _has_whole_picture(self, tx: Transaction, video_id: int) -> bool:
        table = tables.renditions
        query = select(table.c.id).where(
            table.c.video_id == video_id, table.c.kind == "video", table.c.state == "whole"
        )
        return (await tx.execute(query.limit(1))).first() is not None
