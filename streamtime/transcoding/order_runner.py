"""Run a worker's order: insert rows, create files, handle the worker's messages, and update the rows.

The rows describe only bytes that are on disk. What is made is decided by the jobs.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from streamtime.database.transaction import Transaction
from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.transcoding.encode_state import EncodeOutput, EncodeState
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.plan import PlannedRendition, format_time
from streamtime.transcoding.subtitles import CueCollector, captions_from_cues
from streamtime.transcoding.supervision import ActiveOrder, OrderMonitor, ProgressRange
from streamtime.videos.captions import Captions
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import Rendition, RenditionFormat, RenditionKind, StartedRendition
from streamtime.videos.video import Video, require_not_deleted
from streamtime.workers.probe_result import SubtitleInfo
from streamtime.workers.protocol import (
    CuesRead,
    OrderDone,
    OrderProgress,
    Package,
    PackageMessage,
    PosterWritten,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker


class OrderRecorder:
    """Updates the rows of an order's renditions and poster. All methods raise `VideoNotFound` for a deleted video."""

    def __init__(self, records: VideoRecords, growing: GrowingRenditions, ledger: Ledger) -> None:
        self._records = records
        self._growing = growing
        self._ledger = ledger

    async def begin(self, state: EncodeState, order: Package, planned: Sequence[PlannedRendition]) -> None:
        """Insert rows for the outputs before any byte is written, and resume outputs with a checkpoint."""
        video = state.video

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, video.id)
            for plan in planned:
                state.outputs[plan.order.output] = await self._output(tx, state, plan)
            if order.poster is not None:
                state.poster_output = order.poster.output
                state.poster_key = video.new_key(".jpg")
                state.poster_object = await self._ledger.stage(
                    tx, state.poster_key, kind="poster", owner_id=video.owner_id
                )

        await self._records.database.write(body)

    async def checkpoint(self, state: EncodeState, segments: Sequence[tuple[EncodeOutput, SegmentIndex]]) -> None:
        """Save the segments that are on disk; a later attempt resumes after them."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._describe(tx, state)
            for output, index in segments:
                await self._records.renditions.checkpoint(tx, output.begun.id, index)

        await self._records.database.write(body)

    async def complete(self, state: EncodeState, output: EncodeOutput, index: SegmentIndex) -> None:
        """Complete a rendition that is on disk."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._describe(tx, state)
            await self._records.renditions.complete(tx, output.begun, index)
            await self._record_speed(tx, state, output, index)
            await self._records.lifecycle.queue_finalize(tx, state.video, output.begun.object_id)
            if output.new.kind is RenditionKind.VIDEO:
                await self._records.lifecycle.queue_stills(tx, state.video)

        await self._records.database.write(body)

    async def playable(self, state: EncodeState) -> None:
        """Mark the video as playable."""
        growing = any(output.new.kind is RenditionKind.VIDEO and output.published for output in state.outputs.values())

        async def body(tx: Transaction) -> None:
            await self._describe(tx, state)
            await self._records.lifecycle.mark_playable(tx, state.video, growing=growing)

        await self._records.database.write(body)

    async def poster(self, state: EncodeState, object_id: int, *, length_bytes: int) -> None:
        """Set the poster, which is on disk."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._ledger.complete(tx, object_id, length_bytes=length_bytes)
            await self._records.lifecycle.set_poster(tx, state.video, object_id)
            await self._records.lifecycle.queue_finalize(tx, state.video, object_id)

        await self._records.database.write(body)

    async def record_dropped_audio(self, state: EncodeState) -> None:
        """Delete the rows of audio renditions without packets."""

        async def body(tx: Transaction) -> None:
            await require_not_deleted(tx, state.video.id)
            await self._records.lifecycle.drop_growing(tx, state.video.id, only=state.dropped)
            await self._records.lifecycle.add_timeline_entry(
                tx, state.video, "sound_left_out", "An audio track is left out because it is empty."
            )

        await self._records.database.write(body)

    async def clean_up(self, state: EncodeState) -> None:
        """Delete incomplete renditions that the next attempt can't resume, and an incomplete poster."""

        async def body(tx: Transaction) -> None:
            if state.done is None:
                # Only this order's: another job may be making other renditions of the same video.
                await self._records.lifecycle.drop_growing(tx, state.video.id, only=state.unresumable())
                await tx.bump_epoch()  # cached growing renditions are read from their rows again
            if state.poster_object is not None:
                await self._records.lifecycle.discard_staged(tx, state.poster_object)

        await self._records.database.write(body)

    async def _output(self, tx: Transaction, state: EncodeState, plan: PlannedRendition) -> EncodeOutput:
        if plan.resumed is not None and plan.resumed.checkpoint is not None:
            return await self._resume(tx, state, plan, plan.resumed, plan.resumed.checkpoint)
        return EncodeOutput(
            await self._records.renditions.begin(tx, state.video.id, state.video.owner_id, plan.new), plan.new
        )

    async def _resume(
        self, tx: Transaction, state: EncodeState, plan: PlannedRendition, kept: Rendition, checkpoint: SegmentIndex
    ) -> EncodeOutput:
        output = EncodeOutput(StartedRendition(kept.id, kept.object_id, kept.attempt_id), plan.new)
        output.index = GrowingIndex.after(checkpoint)
        output.resumed_s = checkpoint.duration_ms / 1000
        output.publish(checkpoint, self._growing)
        at = format_time(checkpoint.duration_ms)
        await self._records.lifecycle.add_timeline_entry(
            tx, state.video, "resumed", f"{plan.new.name} resumed at {at}.", at_ms=checkpoint.duration_ms
        )
        return output

    async def _describe(self, tx: Transaction, state: EncodeState) -> None:
        for rendition_id, description in state.pending_formats:
            await self._records.renditions.describe(tx, rendition_id, description)
        tx.after_commit(state.pending_formats.clear)

    async def _record_speed(
        self, tx: Transaction, state: EncodeState, output: EncodeOutput, index: SegmentIndex
    ) -> None:
        paused_s = state.stage.paused_s if state.stage is not None else 0.0
        elapsed_s = max(0.001, asyncio.get_running_loop().time() - state.started_s - paused_s)
        speed = (index.duration_ms / 1000 - output.resumed_s) / elapsed_s
        message = f"{output.new.name} was made in {elapsed_s:.1f} s, {speed:.1f} times as fast as it plays."
        await self._records.lifecycle.add_timeline_entry(
            tx,
            state.video,
            "made",
            message,
            name=output.new.name,
            took_s=round(elapsed_s, 3),
            speed=round(speed, 3),
            average_bps=index.average_bps,
        )


class OrderRunner:
    """Runs orders: the worker writes renditions and posters to spool files, and the rows follow."""

    def __init__(
        self,
        records: VideoRecords,
        growing: GrowingRenditions,
        ledger: Ledger,
        monitor: OrderMonitor,
        spool: Spool,
        captions: Captions,
    ) -> None:
        self._records = records
        self._growing = growing
        self._recorder = OrderRecorder(records, growing, ledger)
        self._monitor = monitor
        self._spool = spool
        self._captions = captions

    async def require_space(self, wanted_bytes: int) -> None:
        """Check that an encode may write about `wanted_bytes`, before it starts. Raises `NoSpace`."""
        await self._monitor.require_space(wanted_bytes)

    async def run(
        self,
        video: Video,
        worker: Worker,
        order: Package,
        planned: Sequence[PlannedRendition],
        progress_range: ProgressRange,
        subtitles: Sequence[SubtitleInfo] = (),
        *,
        checkpoint_every_s: float | None = None,
    ) -> OrderDone:
        """Run `order`. `planned` are its renditions, `subtitles` the tracks of its captions.

        Renditions that are complete stay even if the order fails later.

        With `checkpoint_every_s`, growing renditions are synced at that interval, are published up to the last
        checkpoint only, and stay for the next attempt: published bytes never change. Without it, segments are published
        immediately, and incomplete renditions are deleted.

        Raises:
            WorkerFailed: the worker failed.
            NotFound: the video was deleted meanwhile.
        """
        now_s = asyncio.get_running_loop().time()
        state = EncodeState(video, checkpoint_every_s, now_s, CueCollector(subtitles), playable=video.playable)
        await self._recorder.begin(state, order, planned)
        try:
            async with self._monitor.monitor(video, worker, order, progress_range) as active_order:
                state.stage = active_order
                await self._execute(state, worker, order, active_order)
                await self._drop_empty_audio(state)
            await self._records.database.write(lambda tx: self._monitor.record_pause(tx, active_order))
        finally:
            if state.done is None or state.poster_object is not None:
                await self._recorder.clean_up(state)
            for output in state.outputs.values():
                self._growing.remove(output.begun.id)
        return state.done or OrderDone(duration_ms=0)

    async def _execute(self, state: EncodeState, worker: Worker, order: Package, active_order: ActiveOrder) -> None:
        async with AsyncExitStack() as stack:
            files = [
                await stack.enter_async_context(await self._open(state.outputs[number]))
                for number in sorted(state.outputs)
            ]
            if state.poster_output is not None:
                files.append(await stack.enter_async_context(await self._spool.create(state.poster_key)))
            await self._handle_messages(state, active_order, worker.package(order, [file.fd for file in files]))

    async def _drop_empty_audio(self, state: EncodeState) -> None:
        """Drop audio renditions without packets: the video plays without them."""
        if state.drop_empty_audio():
            await self._recorder.record_dropped_audio(state)
            await self._mark_playable(state)

    async def _open(self, output: EncodeOutput) -> SpoolFile:
        """Open the output's file: a new one, or an earlier one truncated to its checkpoint."""
        if output.index is None:
            output.file = await self._spool.create(output.new.spool_key)
            return output.file
        output.file = await self._spool.open(output.new.spool_key)
        await output.file.truncate(output.index.snapshot().bytes_total)
        return output.file

    async def _handle_messages(
        self, state: EncodeState, active_order: ActiveOrder, messages: AsyncIterator[PackageMessage]
    ) -> None:
        async for message in messages:
            match message:
                case RenditionStarted():
                    await self._started(state, message)
                case SegmentWritten():
                    await self._segment(state, message)
                case RenditionFinished():
                    await self._finished(state, message)
                case PosterWritten():
                    await self._poster(state, message)
                case CuesRead():
                    await self._cues(state, message)
                case OrderProgress():
                    self._monitor.report_progress(active_order, message)
                    await self._checkpoint_if_due(state)
                case OrderDone():
                    state.done = message

    async def _started(self, state: EncodeState, message: RenditionStarted) -> None:
        output = state.outputs[message.output]
        if output.index is not None:
            return  # resumed: the format is known
        output.index = GrowingIndex(message.timescale, message.init_length)
        description = RenditionFormat(
            codecs=message.codecs,
            width=message.width or None,
            height=message.height or None,
            frame_rate=float(message.fps) or None,
            channels=message.channels or None,
        )
        state.describe(output.begun.id, description)

    async def _segment(self, state: EncodeState, message: SegmentWritten) -> None:
        output = state.outputs[message.output]
        if output.index is None:
            raise RuntimeError("A worker reported a segment before its rendition.")
        output.index.append_next(
            length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
        )
        if state.checkpoint_every_s is None:
            output.publish(output.index.snapshot(), self._growing)
            await self._mark_playable(state)
        else:
            await self._checkpoint_if_due(state)

    async def _checkpoint_if_due(self, state: EncodeState) -> None:
        clock = asyncio.get_running_loop().time
        if state.checkpoint_every_s is None or (clock() < state.checkpoint_due_s and not state.has_enough_written):
            return
        if await self._checkpoint(state):
            state.checkpoint_due_s = clock() + state.checkpoint_every_s

    async def _checkpoint(self, state: EncodeState) -> bool:
        """Sync new segments, save their index, then publish them. False if there are none."""
        unpublished = state.unpublished()
        if not unpublished:
            return False
        for output, _index in unpublished:
            await output.sync()
        await self._recorder.checkpoint(state, unpublished)
        for output, index in unpublished:
            output.publish(index, self._growing)
        await self._mark_playable(state)
        return True

    async def _finished(self, state: EncodeState, message: RenditionFinished) -> None:
        output = state.outputs[message.output]
        index = output.finish(message.bytes_total)
        if message.fps and (known := state.formats.get(output.begun.id)):
            state.describe(output.begun.id, replace(known, frame_rate=float(message.fps)))
        if state.checkpoint_every_s is None:
            await self._mark_playable(state)  # before the sync: without checkpoints a crash starts over anyway
        await self._spool.sync(output.new.spool_key)
        await self._recorder.complete(state, output, index)
        await self._mark_playable(state)

    async def _poster(self, state: EncodeState, message: PosterWritten) -> None:
        object_id = state.poster_object
        if object_id is None:
            return
        await self._spool.sync(state.poster_key)
        await self._recorder.poster(state, object_id, length_bytes=message.bytes_total)
        state.poster_object = None

    async def _cues(self, state: EncodeState, message: CuesRead) -> None:
        track = state.cues.add(message)
        if track is None:
            return
        new = await asyncio.to_thread(captions_from_cues, *track)
        if new.content.cues:
            await self._records.database.write(lambda tx: self._captions.add(tx, state.video, new))

    async def _mark_playable(self, state: EncodeState) -> None:
        if not state.playable and state.has_enough_published:
            state.playable = True
            await self._recorder.playable(state)
