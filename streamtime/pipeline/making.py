"""One order carried out by a worker: rows first, then files, then bytes as they come, then rows again.

It knows how a rendition grows and becomes whole, and when a video is playable; it decides nothing about what is made.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.library.captions import Captions
from streamtime.library.growing import GrowingRenditions
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Begun, Description, Kind, NewRendition, Rendition, Renditions
from streamtime.library.video import Video
from streamtime.library.videos import require_alive
from streamtime.objects.ledger import Ledger
from streamtime.pipeline.cues import AwaitedCues, captions_of
from streamtime.pipeline.plan import Planned, clock_time
from streamtime.pipeline.supervision import Share, Stage, Supervision
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

HEAD_START_S = 8
"""A growing video counts as playable when so much of it is there, or all: two segments. A player looks at the playlist
again after one target duration (five seconds), so with one segment of four it would stop however fast the encoder."""


@dataclass(slots=True)
class _Output:
    begun: Begun
    new: NewRendition
    file: SpoolFile | None = None
    index: GrowingIndex | None = None
    """All segments that the worker has told of, from those that were kept on."""
    shown: int = 0
    """How many of them may be played."""
    shown_s: float = 0.0
    kept_s: float = 0.0
    finished: bool = False

    def show(self, index: SegmentIndex, growing: GrowingRenditions) -> None:
        """Let so much of it be played."""
        self.shown, self.shown_s = len(index.segments), index.duration_ms / 1000
        growing.show(self.begun.id, index)


@dataclass(slots=True)
class _Making:
    """What is known while one order is under way."""

    video: Video
    checkpoint_every_s: float | None
    began_s: float
    cues: AwaitedCues
    outputs: dict[int, _Output] = field(default_factory=dict)
    checkpoint_due_s: float = 0.0
    poster_output: int | None = None
    poster_object: int | None = None
    """The row that waits for the poster's bytes; None when there is no more waiting."""
    poster_key: str = ""
    playable: bool = False
    described: list[tuple[int, Description]] = field(default_factory=list)
    """What is known of renditions and not written yet: it goes with the next transaction."""
    stage: Stage | None = None
    done: Done | None = None


class Maker:
    """Has a worker make renditions and posters, and keeps the library true meanwhile."""

    def __init__(
        self,
        database: Database,
        renditions: Renditions,
        growing: GrowingRenditions,
        lifecycle: Lifecycle,
        ledger: Ledger,
        supervision: Supervision,
        spool: Spool,
        captions: Captions,
    ) -> None:
        self._database = database
        self._renditions = renditions
        self._growing = growing
        self._lifecycle = lifecycle
        self._ledger = ledger
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
        making = _Making(video, checkpoint_every_s, now_s, AwaitedCues(subtitles), playable=video.playable)
        await self._write_down(making, order, planned)
        try:
            async with self._supervision.over(video, worker, order, share) as stage:
                making.stage = stage
                await self._have_made(making, worker, order, stage)
            await self._database.write(lambda tx: self._supervision.done(tx, stage))
        finally:
            if making.done is None or making.poster_object is not None:
                await self._database.write(lambda tx: self._clear_away(tx, making))
            for output in making.outputs.values():
                self._growing.end(output.begun.id)
        return making.done or Done(duration_ms=0)

    async def _have_made(self, making: _Making, worker: Worker, order: Package, stage: Stage) -> None:
        async with AsyncExitStack() as stack:
            files = [
                await stack.enter_async_context(await self._open(making.outputs[number]))
                for number in sorted(making.outputs)
            ]
            if making.poster_output is not None:
                files.append(await stack.enter_async_context(await self._spool.create(making.poster_key)))
            await self._follow(making, stage, worker.package(order, [file.fd for file in files]))

    async def _open(self, output: _Output) -> SpoolFile:
        """Its file: new, or cut back to the checkpoint from which it is gone on with."""
        if output.index is None:
            output.file = await self._spool.create(output.new.spool_key)
            return output.file
        output.file = await self._spool.open(output.new.spool_key)
        await output.file.truncate(output.index.snapshot().bytes_total)
        return output.file

    async def _write_down(self, making: _Making, order: Package, planned: Sequence[Planned]) -> None:
        video = making.video

        async def body(tx: Transaction) -> None:
            await require_alive(tx, video.id)
            for plan in planned:
                if plan.kept is None or plan.kept.checkpoint is None:
                    begun = await self._renditions.begin(tx, video.id, video.owner_id, plan.new)
                    making.outputs[plan.order.output] = _Output(begun, plan.new)
                else:
                    making.outputs[plan.order.output] = await self._taken_up(
                        tx, making, plan, plan.kept, plan.kept.checkpoint
                    )
            if order.poster is not None:
                making.poster_output = order.poster.output
                making.poster_key = video.new_key(".jpg")
                making.poster_object = await self._ledger.stage(
                    tx, making.poster_key, kind="poster", owner_id=video.owner_id
                )

        await self._database.write(body)

    async def _taken_up(
        self, tx: Transaction, making: _Making, plan: Planned, kept: Rendition, checkpoint: SegmentIndex
    ) -> _Output:
        output = _Output(Begun(kept.id, kept.object_id, kept.attempt_id), plan.new)
        output.index = GrowingIndex.after(checkpoint)
        output.kept_s = checkpoint.duration_ms / 1000
        output.show(checkpoint, self._growing)
        at = clock_time(checkpoint.duration_ms)
        await self._lifecycle.note(
            tx, making.video, "resumed", f"{plan.new.name} resumed at {at}.", at_ms=checkpoint.duration_ms
        )
        return output

    async def _follow(self, making: _Making, stage: Stage, messages: AsyncIterator[PackageMessage]) -> None:
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

    async def _started(self, making: _Making, message: RenditionStarted) -> None:
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
        making.described.append((output.begun.id, description))

    async def _segment(self, making: _Making, message: SegmentWritten) -> None:
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

    async def _checkpoint_if_due(self, making: _Making) -> None:
        clock = asyncio.get_running_loop().time
        if making.checkpoint_every_s is None or clock() < making.checkpoint_due_s:
            return
        if await self._checkpoint(making):
            making.checkpoint_due_s = clock() + making.checkpoint_every_s

    async def _checkpoint(self, making: _Making) -> bool:
        """Bring new segments to the disk, write down that they are there, and only then let them be played."""
        fresh: list[tuple[_Output, SegmentIndex]] = []
        for output in making.outputs.values():
            if output.index is None or output.file is None or output.finished or len(output.index) <= output.shown:
                continue
            fresh.append((output, output.index.snapshot()))
            await output.file.sync()
        if not fresh:
            return False

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._write_descriptions(tx, making)
            for output, index in fresh:
                await self._renditions.checkpoint(tx, output.begun.id, index)

        await self._database.write(body)
        for output, index in fresh:
            output.show(index, self._growing)
        await self._mark_playable(making)
        return True

    async def _finished(self, making: _Making, message: RenditionFinished) -> None:
        output = making.outputs[message.output]
        index = output.index.snapshot() if output.index is not None else None
        if index is None or index.bytes_total != message.bytes_total:
            raise RuntimeError("A worker's segments do not add up to what it says it wrote.")
        output.finished = True
        if making.checkpoint_every_s is None:
            await self._mark_playable(making)  # before it is durable: it plays as it grew, and a kill begins anew
        await self._spool.sync(output.new.spool_key)
        await self._database.write(lambda tx: self._whole(tx, making, output, index))
        await self._mark_playable(making)

    async def _whole(self, tx: Transaction, making: _Making, output: _Output, index: SegmentIndex) -> None:
        await require_alive(tx, making.video.id)
        await self._write_descriptions(tx, making)
        await self._renditions.complete(tx, output.begun, index)
        held_s = making.stage.held_s if making.stage is not None else 0.0
        took_s = max(0.001, asyncio.get_running_loop().time() - making.began_s - held_s)
        speed = (index.duration_ms / 1000 - output.kept_s) / took_s
        words = f"{output.new.name} is whole after {took_s:.1f} s, {speed:.1f} times as fast as it plays."
        await self._lifecycle.note(
            tx,
            making.video,
            "made",
            words,
            name=output.new.name,
            took_s=round(took_s, 3),
            speed=round(speed, 3),
            average_bps=index.average_bps,
        )
        await self._lifecycle.settle(tx, making.video, output.begun.object_id)
        if output.new.kind is Kind.VIDEO:
            await self._lifecycle.wants_stills(tx, making.video)

    async def _write_descriptions(self, tx: Transaction, making: _Making) -> None:
        for rendition_id, description in making.described:
            await self._renditions.describe(tx, rendition_id, description)
        tx.after_commit(making.described.clear)

    async def _poster(self, making: _Making, message: PosterWritten) -> None:
        object_id = making.poster_object
        if object_id is None:
            return
        await self._spool.sync(making.poster_key)

        async def body(tx: Transaction) -> None:
            await require_alive(tx, making.video.id)
            await self._ledger.complete(tx, object_id, length_bytes=message.bytes_total)
            await self._lifecycle.poster(tx, making.video, object_id)
            await self._lifecycle.settle(tx, making.video, object_id)

        await self._database.write(body)
        making.poster_object = None

    async def _cues(self, making: _Making, message: CuesRead) -> None:
        whole = making.cues.take(message)
        if whole is None:
            return
        new = await asyncio.to_thread(captions_of, *whole)
        if new.content.cues:
            await self._database.write(lambda tx: self._captions.add(tx, making.video, new))

    async def _clear_away(self, tx: Transaction, making: _Making) -> None:
        """Take out what did not become whole, unless the next attempt goes on with it from its checkpoint."""
        if making.done is None:
            outputs = making.outputs.values()
            given_up = [output.begun.id for output in outputs if not (making.checkpoint_every_s and output.shown)]
            # Another job may be making other renditions of the same video at this moment: those stay.
            await self._lifecycle.drop_growing(tx, making.video.id, only=given_up)
            await tx.raise_epoch()  # what is known of growing ones is read again from their rows
        if making.poster_object is not None:
            await self._lifecycle.abandon(tx, making.poster_object)

    async def _mark_playable(self, making: _Making) -> None:
        if making.playable or not _enough(making):
            return
        making.playable = True

        async def body(tx: Transaction) -> None:
            await self._write_descriptions(tx, making)
            await self._lifecycle.playable(tx, making.video)

        await self._database.write(body)


def _enough(making: _Making) -> bool:
    """Whether a player could begin: a picture far enough, and all sound of this order as far.

    Sound is never made after the picture, so an order without sound has nothing to wait for.
    """
    outputs = making.outputs.values()
    far = [output.new.kind for output in outputs if output.finished or output.shown_s >= HEAD_START_S]
    sounds = sum(output.new.kind is Kind.AUDIO for output in outputs)
    return Kind.VIDEO in far and far.count(Kind.AUDIO) == sounds
