"""One order carried out by a worker: rows first, then files, then bytes as they come, then rows again.

It knows how a rendition grows and becomes whole, and when a video is playable; it decides nothing about what is made.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from streamtime.hls.segment_index import GrowingIndex
from streamtime.library.captions import Captions
from streamtime.library.growing import GrowingRenditions
from streamtime.library.renditions import Description
from streamtime.library.video import Video
from streamtime.objects.ledger import Ledger
from streamtime.pipeline.bookkeeping import Bookkeeping
from streamtime.pipeline.cues import AwaitedCues, captions_of
from streamtime.pipeline.plan import Planned
from streamtime.pipeline.records import Records
from streamtime.pipeline.shares import Share
from streamtime.pipeline.supervision import Stage, Supervision
from streamtime.pipeline.under_way import Making, Output
from streamtime.source_facts import SubtitleFacts
from streamtime.storage.spool import Spool, SpoolFile
from streamtime.worker_protocol import (
    CuesRead,
    Done,
    Package,
    PackageMessage,
    PosterWritten,
    Progress,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker


class Maker:
    """Has a worker make renditions and posters, and keeps the library true meanwhile."""

    def __init__(
        self,
        records: Records,
        growing: GrowingRenditions,
        ledger: Ledger,
        supervision: Supervision,
        spool: Spool,
        captions: Captions,
    ) -> None:
        self._records = records
        self._growing = growing
        self._bookkeeping = Bookkeeping(records, growing, ledger)
        self._supervision = supervision
        self._spool = spool
        self._captions = captions

    async def require_room(self, wanted_bytes: int) -> None:
        """Let an encode begin, before anything is started for it. Raises `NoSpace`."""
        await self._supervision.require_room(wanted_bytes)

    async def make(
        self,
        video: Video,
        worker: Worker,
        order: Package,
        planned: Sequence[Planned],
        share: Share,
        subtitles: Sequence[SubtitleFacts] = (),
        *,
        checkpoint_every_s: float | None = None,
    ) -> Done:
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
        making = Making(video, checkpoint_every_s, now_s, AwaitedCues(subtitles), playable=video.playable)
        await self._bookkeeping.begin(making, order, planned)
        try:
            async with self._supervision.over(video, worker, order, share) as stage:
                making.stage = stage
                await self._have_made(making, worker, order, stage)
                await self._leave_out_empty(making)
            await self._records.database.write(lambda tx: self._supervision.done(tx, stage))
        finally:
            if making.done is None or making.poster_object is not None:
                await self._bookkeeping.clear_away(making)
            for output in making.outputs.values():
                self._growing.end(output.begun.id)
        return making.done or Done(duration_ms=0)

    async def _have_made(self, making: Making, worker: Worker, order: Package, stage: Stage) -> None:
        async with AsyncExitStack() as stack:
            files = [
                await stack.enter_async_context(await self._open(making.outputs[number]))
                for number in sorted(making.outputs)
            ]
            if making.poster_output is not None:
                files.append(await stack.enter_async_context(await self._spool.create(making.poster_key)))
            await self._follow(making, stage, worker.package(order, [file.fd for file in files]))

    async def _leave_out_empty(self, making: Making) -> None:
        """A sound track without a single packet came to nothing: the picture plays without it."""
        if making.leave_out_empty():
            await self._bookkeeping.left_out(making)
            await self._mark_playable(making)

    async def _open(self, output: Output) -> SpoolFile:
        """Its file: new, or cut back to the checkpoint from which it is gone on with."""
        if output.index is None:
            output.file = await self._spool.create(output.new.spool_key)
            return output.file
        output.file = await self._spool.open(output.new.spool_key)
        await output.file.truncate(output.index.snapshot().bytes_total)
        return output.file

    async def _follow(self, making: Making, stage: Stage, messages: AsyncIterator[PackageMessage]) -> None:
        async for message in messages:
            match message:
                case RenditionStarted():
                    await self._started(making, message)
                case SegmentWritten():
                    await self._segment(making, message)
                case RenditionFinished():
                    await self._finished(making, message)
                case PosterWritten():
                    await self._poster(making, message)
                case CuesRead():
                    await self._cues(making, message)
                case Progress():
                    self._supervision.note(stage, message)
                    await self._checkpoint_if_due(making)
                case Done():
                    making.done = message

    async def _started(self, making: Making, message: RenditionStarted) -> None:
        output = making.outputs[message.output]
        if output.index is not None:
            return  # gone on with: all this is known
        output.index = GrowingIndex(message.timescale, message.init_length)
        description = Description(
            codecs=message.codecs,
            width=message.width or None,
            height=message.height or None,
            frame_rate=float(message.fps) or None,
            channels=message.channels or None,
        )
        making.describe(output.begun.id, description)

    async def _segment(self, making: Making, message: SegmentWritten) -> None:
        output = making.outputs[message.output]
        if output.index is None:
            raise RuntimeError("A worker told of a segment before it told of its rendition.")
        output.index.append_next(
            length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
        )
        if making.checkpoint_every_s is None:
            output.show(output.index.snapshot(), self._growing)
            await self._mark_playable(making)
        else:
            await self._checkpoint_if_due(making)

    async def _checkpoint_if_due(self, making: Making) -> None:
        clock = asyncio.get_running_loop().time
        if making.checkpoint_every_s is None or (clock() < making.checkpoint_due_s and not making.could_begin):
            return
        if await self._checkpoint(making):
            making.checkpoint_due_s = clock() + making.checkpoint_every_s

    async def _checkpoint(self, making: Making) -> bool:
        """Bring new segments to the disk, write down that they are there, and only then let them be played."""
        fresh = making.fresh()
        if not fresh:
            return False
        for output, _index in fresh:
            await output.sync()
        await self._bookkeeping.checkpoint(making, fresh)
        for output, index in fresh:
            output.show(index, self._growing)
        await self._mark_playable(making)
        return True

    async def _finished(self, making: Making, message: RenditionFinished) -> None:
        output = making.outputs[message.output]
        index = output.whole(message.bytes_total)
        if message.fps and (said := making.descriptions.get(output.begun.id)):
            making.describe(output.begun.id, replace(said, frame_rate=float(message.fps)))
        if making.checkpoint_every_s is None:
            await self._mark_playable(making)  # before it is durable: it plays as it grew, and a kill begins anew
        await self._spool.sync(output.new.spool_key)
        await self._bookkeeping.whole(making, output, index)
        await self._mark_playable(making)

    async def _poster(self, making: Making, message: PosterWritten) -> None:
        object_id = making.poster_object
        if object_id is None:
            return
        await self._spool.sync(making.poster_key)
        await self._bookkeeping.poster(making, object_id, length_bytes=message.bytes_total)
        making.poster_object = None

    async def _cues(self, making: Making, message: CuesRead) -> None:
        whole = making.cues.take(message)
        if whole is None:
            return
        new = await asyncio.to_thread(captions_of, *whole)
        if new.content.cues:
            await self._records.database.write(lambda tx: self._captions.add(tx, making.video, new))

    async def _mark_playable(self, making: Making) -> None:
        if not making.playable and making.is_far_enough:
            making.playable = True
            await self._bookkeeping.playable(making)
