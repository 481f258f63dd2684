"""A running order on a video of the library: its rows, its files in the spool, and what may be played of them.

The rows describe only bytes that are on disk. All methods raise `VideoNotFound` if the video was deleted meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from streamtime.database.transaction import Transaction
from streamtime.hls.segment_index import GrowingIndex, Segment, SegmentIndex
from streamtime.storage.spool import SpoolFile
from streamtime.transcoding.job_context import LibraryServices
from streamtime.transcoding.order_runner import Output, PlannedOrder
from streamtime.transcoding.plan import PlannedRendition, format_time
from streamtime.videos.captions import NewCaptions
from streamtime.videos.renditions import RenditionFormat, RenditionKind, StartedRendition
from streamtime.videos.video import Video, require_not_deleted
from streamtime.workers.protocol import OrderProgress
from streamtime.workers.worker import Worker

MIN_BUFFER_S = 8
"""A growing video is playable when this much, or all, of it is available: two segments. A player reloads the playlist
after one target duration (five seconds), so with one segment of four seconds it would always stall."""


@dataclass(slots=True, kw_only=True)
class LibraryOutput(Output):
    """A rendition of a running order: its row, its file, and how much of it may be played."""

    row: StartedRendition
    file: SpoolFile | None = None
    published: int = 0
    """How many segments may be played."""
    published_s: float = 0.0
    resumed_s: float = 0.0

    @property
    def written_s(self) -> float:
        """Seconds that the worker has written."""
        return 0.0 if self.index is None else self.index.snapshot().duration_ms / 1000

    async def sync(self) -> None:
        """Sync the written bytes to disk."""
        if self.file is None:
            raise RuntimeError("A rendition cannot grow before its file is open.")
        await self.file.sync()


@dataclass(slots=True)
class _Poster:
    """The poster of a running order. `object_id` is None once it is complete."""

    key: str
    object_id: int | None


class LibraryOrder:
    """Writes the outputs of one order: see `order_runner.OrderSink`."""

    def __init__(self, services: LibraryServices, video: Video, planned_order: PlannedOrder) -> None:
        self._services = services
        self._records = services.records
        self._video = video
        self._planned_order = planned_order
        self._checkpoint_every_s = planned_order.checkpoint_every_s
        self._checkpoint_due_s = 0.0
        self._playable = video.playable
        self._poster: _Poster | None = None
        self._pending_formats: dict[int, RenditionFormat] = {}
        """Formats to save with the next transaction, by rendition id."""
        self.outputs: dict[int, LibraryOutput] = {}
        self.descriptors: list[int] = []

    @asynccontextmanager
    async def run(self, worker: Worker) -> AsyncIterator["LibraryOrder"]:
        """Insert the rows, open the files, and supervise the worker for the duration of the context."""
        self._started_s = asyncio.get_running_loop().time()
        order, monitor = self._planned_order.order, self._services.monitor
        await self._records.database.write(self._begin)
        complete = False
        try:
            async with monitor.monitor(self._video, worker, order, self._planned_order.progress_range) as self._active:
                async with AsyncExitStack() as stack:
                    await self._open_files(stack)
                    yield self
                complete = True
                await self._drop_empty_audio()
            await self._records.database.write(lambda tx: monitor.record_pause(tx, self._active))
        finally:
            if not complete or (self._poster and self._poster.object_id):
                await self._records.database.write(lambda tx: self._clean_up(tx, complete=complete))
            for output in self.outputs.values():
                self._services.growing.remove(output.row.id)

    async def started(self, number: int) -> None:
        """Save the format with the next transaction."""
        self._describe(self.outputs[number])

    async def segment(self, number: int, _segment: Segment) -> None:
        """Publish the segment, or wait for the next checkpoint."""
        output = self.outputs[number]
        if self._checkpoint_every_s is not None:
            await self._checkpoint_if_due()
        elif output.index is not None:
            self._publish(output, output.index.snapshot())
            await self._mark_playable()

    async def finished(self, number: int, index: SegmentIndex) -> None:
        """Sync and complete the rendition."""
        output = self.outputs[number]
        self._describe(output)
        if self._checkpoint_every_s is None:
            await self._mark_playable()  # before the sync: without checkpoints a crash starts over anyway
        await self._services.spool.sync(output.new.spool_key)
        await self._records.database.write(lambda tx: self._complete(tx, output, index))
        await self._mark_playable()

    async def poster(self, length_bytes: int) -> None:
        """Sync the poster and set it."""
        poster = self._poster
        if poster is None or poster.object_id is None:
            return
        await self._services.spool.sync(poster.key)
        object_id = poster.object_id
        await self._records.database.write(lambda tx: self._set_poster(tx, object_id, length_bytes=length_bytes))
        poster.object_id = None

    async def captions(self, new: NewCaptions) -> None:
        """Add a caption track if it has cues."""
        if new.content.cues:
            await self._records.database.write(lambda tx: self._records.captions.add(tx, self._video, new))

    async def progress(self, message: OrderProgress) -> None:
        """Publish the progress."""
        self._services.monitor.report_progress(self._active, message)
        await self._checkpoint_if_due()

    async def _begin(self, tx: Transaction) -> None:
        """Insert rows for the outputs before any byte is written, and resume outputs with a checkpoint."""
        video = self._video
        await require_not_deleted(tx, video.id)
        for plan in self._planned_order.planned:
            self.outputs[plan.order.output] = await self._output(tx, plan)
        if self._planned_order.order.poster is not None:
            key = video.new_key(".jpg")
            object_id = await self._services.ledger.stage(tx, key, kind="poster", owner_id=video.owner_id)
            self._poster = _Poster(key, object_id)

    async def _output(self, tx: Transaction, plan: PlannedRendition) -> LibraryOutput:
        kept = plan.resumed
        if kept is None or kept.checkpoint is None:
            row = await self._records.renditions.begin(tx, self._video.id, self._video.owner_id, plan.new)
            return LibraryOutput(plan.new, row=row)
        output = LibraryOutput(plan.new, row=StartedRendition(kept.id, kept.object_id, kept.attempt_id))
        output.index = GrowingIndex.after(kept.checkpoint)
        at_ms = kept.checkpoint.duration_ms
        output.resumed_s = at_ms / 1000
        self._publish(output, kept.checkpoint)
        message = f"{plan.new.name} resumed at {format_time(at_ms)}."
        await self._records.timeline.add(tx, self._video.id, "resumed", message, at_ms=at_ms)
        return output

    async def _open_files(self, stack: AsyncExitStack) -> None:
        """Open new files, and those of earlier attempts truncated to their checkpoint."""
        spool = self._services.spool
        for _number, output in sorted(self.outputs.items()):
            if output.index is None:
                output.file = await stack.enter_async_context(await spool.create(output.new.spool_key))
            else:
                output.file = await stack.enter_async_context(await spool.open(output.new.spool_key))
                await output.file.truncate(output.index.snapshot().bytes_total)
            self.descriptors.append(output.file.fd)
        if self._poster is not None:
            self.descriptors.append((await stack.enter_async_context(await spool.create(self._poster.key))).fd)

    def _publish(self, output: LibraryOutput, index: SegmentIndex) -> None:
        """Make these segments available to players."""
        output.published, output.published_s = len(index.segments), index.duration_ms / 1000
        self._services.growing.publish(output.row.id, index)

    async def _checkpoint_if_due(self) -> None:
        clock = asyncio.get_running_loop().time
        if self._checkpoint_every_s is None or (clock() < self._checkpoint_due_s and not self._has_enough_written):
            return
        if await self._checkpoint():
            self._checkpoint_due_s = clock() + self._checkpoint_every_s

    async def _checkpoint(self) -> bool:
        """Sync new segments, save their index, then publish them. False if there are none."""
        unpublished = [
            (output, output.index.snapshot())
            for output in self.outputs.values()
            if output.index is not None and not output.finished and len(output.index) > output.published
        ]
        if not unpublished:
            return False
        for output, _index in unpublished:
            await output.sync()
        await self._records.database.write(lambda tx: self._save_checkpoint(tx, unpublished))
        for output, index in unpublished:
            self._publish(output, index)
        await self._mark_playable()
        return True

    async def _save_checkpoint(self, tx: Transaction, segments: Sequence[tuple[LibraryOutput, SegmentIndex]]) -> None:
        await require_not_deleted(tx, self._video.id)
        await self._save_formats(tx)
        for output, index in segments:
            await self._records.renditions.checkpoint(tx, output.row.id, index)

    async def _complete(self, tx: Transaction, output: LibraryOutput, index: SegmentIndex) -> None:
        lifecycle = self._records.lifecycle
        await require_not_deleted(tx, self._video.id)
        await self._save_formats(tx)
        await self._records.renditions.complete(tx, output.row, index)
        await self._record_speed(tx, output, index)
        await lifecycle.queue_finalize(tx, self._video, output.row.object_id)
        if output.new.kind is RenditionKind.VIDEO:
            await lifecycle.queue_stills(tx, self._video)

    async def _record_speed(self, tx: Transaction, output: LibraryOutput, index: SegmentIndex) -> None:
        elapsed_s = max(0.001, asyncio.get_running_loop().time() - self._started_s - self._active.paused_s)
        speed = (index.duration_ms / 1000 - output.resumed_s) / elapsed_s
        message = f"{output.new.name} was made in {elapsed_s:.1f} s, {speed:.1f} times as fast as it plays."
        await self._records.timeline.add(
            tx, self._video.id, "made", message,
            name=output.new.name, took_s=round(elapsed_s, 3), speed=round(speed, 3), average_bps=index.average_bps,
        )  # fmt: skip

    async def _set_poster(self, tx: Transaction, object_id: int, *, length_bytes: int) -> None:
        await require_not_deleted(tx, self._video.id)
        await self._services.ledger.complete(tx, object_id, length_bytes=length_bytes)
        await self._records.lifecycle.set_poster(tx, self._video, object_id)
        await self._records.lifecycle.queue_finalize(tx, self._video, object_id)

    def _describe(self, output: LibraryOutput) -> None:
        """Save the format with the next transaction."""
        if (started := output.started) is None:
            return
        self._pending_formats[output.row.id] = RenditionFormat(
            codecs=started.codecs,
            width=started.width or None,
            height=started.height or None,
            frame_rate=float(started.fps) or None,
            channels=started.channels or None,
        )

    async def _save_formats(self, tx: Transaction) -> None:
        for rendition_id, description in self._pending_formats.items():
            await self._records.renditions.describe(tx, rendition_id, description)
        tx.after_commit(self._pending_formats.clear)

    async def _mark_playable(self) -> None:
        """Mark the video as playable once a player can start with the published segments."""
        if not self._playable and self._has_min_buffer(lambda output: output.published_s):
            self._playable = True
            await self._records.database.write(self._save_playable)

    async def _save_playable(self, tx: Transaction) -> None:
        growing = any(one.new.kind is RenditionKind.VIDEO and one.published for one in self.outputs.values())
        await self._save_formats(tx)
        await self._records.lifecycle.mark_playable(tx, self._video, growing=growing)

    @property
    def _has_enough_written(self) -> bool:
        """Whether the video is not playable yet, but would be if all written segments were published."""
        return not self._playable and self._has_min_buffer(lambda output: output.written_s)

    def _has_min_buffer(self, reached_s: Callable[[LibraryOutput], float]) -> bool:
        """Return whether a video rendition and all audio of this order have the minimum buffer.

        The default audio is never made after the video, so an order without audio need not wait for it.
        """
        outputs = self.outputs.values()
        ready = [output.new.kind for output in outputs if output.finished or reached_s(output) >= MIN_BUFFER_S]
        audio_count = sum(output.new.kind is RenditionKind.AUDIO for output in outputs)
        return RenditionKind.VIDEO in ready and ready.count(RenditionKind.AUDIO) == audio_count

    async def _drop_empty_audio(self) -> None:
        """Drop audio renditions without packets: the video plays without them."""
        empty = [n for n, one in self.outputs.items() if not one.finished and one.new.kind is RenditionKind.AUDIO]
        if not empty:
            return
        rows = [self.outputs.pop(number).row.id for number in empty]
        message = "An audio track is left out because it is empty."

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, self._video.id)
            await self._records.lifecycle.drop_growing(tx, self._video.id, only=rows)
            await self._records.timeline.add(tx, self._video.id, "sound_left_out", message)

        await self._records.database.write(body)
        await self._mark_playable()

    async def _clean_up(self, tx: Transaction, *, complete: bool) -> None:
        """Delete incomplete renditions that the next attempt can't resume, and an incomplete poster."""
        if not complete:
            # Only this order's: another job may be making other renditions of the same video.
            outputs = self.outputs.values()
            unresumable = [one.row.id for one in outputs if not (self._checkpoint_every_s and one.published)]
            await self._records.lifecycle.drop_growing(tx, self._video.id, only=unresumable)
            await tx.bump_epoch()  # cached growing renditions are read from their rows again
        if self._poster is not None and self._poster.object_id is not None:
            await self._records.lifecycle.discard_staged(tx, self._poster.object_id)
