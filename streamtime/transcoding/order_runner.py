"""One order carried out by a worker: rows first, then files, then bytes as they come, then rows again.

It knows how a rendition grows and becomes whole, and when a video is playable; it decides nothing about what is made.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from streamtime.hls.segment_index import GrowingIndex
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.transcoding.encode_state import EncodeOutput, EncodeState
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.plan import PlannedRendition
from streamtime.transcoding.progress_weights import ProgressRange
from streamtime.transcoding.recorder import OrderRecorder
from streamtime.transcoding.subtitles import CueCollector, captions_from_cues
from streamtime.transcoding.supervision import ActiveOrder, OrderMonitor
from streamtime.videos.captions import Captions
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import RenditionFormat
from streamtime.videos.video import Video
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


class OrderRunner:
    """Has a worker make renditions and posters, and keeps the library true meanwhile."""

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
        """Let an encode begin, before anything is started for it. Raises `NoSpace`."""
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
        """Carry `order` out; `planned` are its renditions, `subtitles` what is known of the tracks of its captions.

        What became whole stays, whatever comes after it.

        With `checkpoint_every_s` growing renditions are made durable so often, are shown only as far as that, and stay
        for the next attempt: what was once shown keeps its bytes. Without, they are shown at once, and taken out where
        they do not become whole.

        Raises:
            WorkerFailed: the worker could not do it.
            NotFound: the video was deleted meanwhile.
        """
        now_s = asyncio.get_running_loop().time()
        making = EncodeState(video, checkpoint_every_s, now_s, CueCollector(subtitles), playable=video.playable)
        await self._recorder.begin(making, order, planned)
        try:
            async with self._monitor.monitor(video, worker, order, progress_range) as stage:
                making.stage = stage
                await self._execute(making, worker, order, stage)
                await self._drop_empty_audio(making)
            await self._records.database.write(lambda tx: self._monitor.record_pause(tx, stage))
        finally:
            if making.done is None or making.poster_object is not None:
                await self._recorder.clean_up(making)
            for output in making.outputs.values():
                self._growing.remove(output.begun.id)
        return making.done or OrderDone(duration_ms=0)

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
        """A sound track without a single packet came to nothing: the picture plays without it."""
        if state.drop_empty_audio():
            await self._recorder.record_dropped_audio(state)
            await self._mark_playable(state)

    async def _open(self, output: EncodeOutput) -> SpoolFile:
        """Its file: new, or cut back to the checkpoint from which it is gone on with."""
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
            return  # gone on with: all this is known
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
            raise RuntimeError("A worker told of a segment before it told of its rendition.")
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
        """Bring new segments to the disk, write down that they are there, and only then let them be played."""
        fresh = state.unpublished()
        if not fresh:
            return False
        for output, _index in fresh:
            await output.sync()
        await self._recorder.checkpoint(state, fresh)
        for output, index in fresh:
            output.publish(index, self._growing)
        await self._mark_playable(state)
        return True

    async def _finished(self, state: EncodeState, message: RenditionFinished) -> None:
        output = state.outputs[message.output]
        index = output.finish(message.bytes_total)
        if message.fps and (said := state.formats.get(output.begun.id)):
            state.describe(output.begun.id, replace(said, frame_rate=float(message.fps)))
        if state.checkpoint_every_s is None:
            await self._mark_playable(state)  # before it is durable: it plays as it grew, and a kill begins anew
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
        whole = state.cues.add(message)
        if whole is None:
            return
        new = await asyncio.to_thread(captions_from_cues, *whole)
        if new.content.cues:
            await self._records.database.write(lambda tx: self._captions.add(tx, state.video, new))

    async def _mark_playable(self, state: EncodeState) -> None:
        if not state.playable and state.has_enough_published:
            state.playable = True
            await self._recorder.playable(state)
