"""One order carried out by a worker: rows first, then files, then bytes as they come, then rows again.

It knows how a rendition grows and becomes whole, and when a video is playable; it decides nothing about what is made.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from streamtime.database.transaction import Database, Transaction
from streamtime.hls.segment_index import SegmentIndex
from streamtime.library.growing import GrowingRenditions
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Begun, Description, Kind, NewRendition, Renditions
from streamtime.library.video import Video
from streamtime.library.videos import require_alive
from streamtime.objects.ledger import Ledger
from streamtime.pipeline.plan import Planned
from streamtime.storage.spool import Spool
from streamtime.worker_protocol import (
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

HEAD_START_S = 12
"""A growing video counts as playable when so much of it is there, or all: a player that catches up with the encoder
waits for its next look at the playlist."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of the whole work an order is, and what it is called."""

    stage: str
    start: float
    end: float


@dataclass(slots=True)
class _Output:
    begun: Begun
    new: NewRendition
    seconds: float = 0.0
    finished: bool = False


@dataclass(slots=True)
class _Making:
    """What is known while one order is under way."""

    video: Video
    share: Share
    outputs: dict[int, _Output] = field(default_factory=dict)
    timescales: dict[int, int] = field(default_factory=dict)
    poster_output: int | None = None
    poster_object: int | None = None
    """The row that waits for the poster's bytes; None when there is no more waiting."""
    poster_key: str = ""
    playable: bool = False
    described: list[tuple[int, Description]] = field(default_factory=list)
    """What is known of renditions and not written yet: it goes with the next transaction."""
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
        progress: ProgressBoard,
        spool: Spool,
    ) -> None:
        self._database = database
        self._renditions = renditions
        self._growing = growing
        self._lifecycle = lifecycle
        self._ledger = ledger
        self._progress = progress
        self._spool = spool

    async def make(
        self, video: Video, worker: Worker, order: Package, planned: Sequence[Planned], share: Share
    ) -> Done:
        """Carry `order` out; `planned` are its renditions. What became whole stays, whatever comes after it.

        Raises:
            WorkerFailed: the worker could not do it.
            NotFound: the video was deleted meanwhile.
        """
        making = _Making(video, share, playable=video.playable)
        await self._write_down(making, order, planned)
        try:
            await self._have_made(making, worker, order)
        finally:
            for output in making.outputs.values():
                self._growing.end(output.begun.id)
            if making.done is None or making.poster_object is not None:
                await self._database.write(lambda tx: self._clear_away(tx, making))
        return making.done or Done(duration_ms=0)

    async def _have_made(self, making: _Making, worker: Worker, order: Package) -> None:
        keys = [making.outputs[number].new.spool_key for number in sorted(making.outputs)]
        keys += [making.poster_key] if making.poster_output is not None else []
        async with AsyncExitStack() as stack:
            files = [await stack.enter_async_context(await self._spool.create(key)) for key in keys]
            await self._follow(making, worker.package(order, [file.fd for file in files]))

    async def _write_down(self, making: _Making, order: Package, planned: Sequence[Planned]) -> None:
        video = making.video

        async def body(tx: Transaction) -> None:
            await require_alive(tx, video.id)
            for plan in planned:
                begun = await self._renditions.begin(tx, video.id, video.owner_id, plan.new)
                making.outputs[plan.order.output] = _Output(begun, plan.new)
            if order.poster is not None:
                making.poster_output = order.poster.output
                making.poster_key = video.new_key(".jpg")
                making.poster_object = await self._ledger.stage(
                    tx, making.poster_key, kind="poster", owner_id=video.owner_id
                )

        await self._database.write(body)

    async def _follow(self, making: _Making, messages: AsyncIterator[PackageMessage]) -> None:
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
                case Progress():
                    share = making.share
                    fraction = share.start + (share.end - share.start) * message.fraction
                    self._progress.note(making.video, fraction, share.stage)
                case Done():
                    making.done = message

    async def _started(self, making: _Making, message: RenditionStarted) -> None:
        output = making.outputs[message.output]
        making.timescales[message.output] = message.timescale
        self._growing.begin(output.begun.id, timescale=message.timescale, init_length=message.init_length)
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
        output.seconds += message.duration / making.timescales[message.output]
        self._growing.append(
            output.begun.id,
            length=message.length,
            duration=message.duration,
            keyframe_length=message.keyframe_length,
        )
        await self._mark_playable(making)

    async def _finished(self, making: _Making, message: RenditionFinished) -> None:
        output = making.outputs[message.output]
        index = self._growing.snapshot(output.begun.id)
        if index is None or index.bytes_total != message.bytes_total:
            raise RuntimeError("A worker's segments do not add up to what it says it wrote.")
        output.finished = True
        await self._mark_playable(making)  # before it is durable: it can be played as it grew, and a kill begins anew
        await self._spool.sync(output.new.spool_key)
        await self._database.write(lambda tx: self._whole(tx, making, output, index))

    async def _whole(self, tx: Transaction, making: _Making, output: _Output, index: SegmentIndex) -> None:
        await require_alive(tx, making.video.id)
        await self._write_descriptions(tx, making)
        await self._renditions.complete(tx, output.begun, index)
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

    async def _clear_away(self, tx: Transaction, making: _Making) -> None:
        """Take out what did not become whole: it cannot be played any more, and nobody goes on with it."""
        if making.done is None:
            await self._lifecycle.drop_growing(tx, making.video.id)
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
    far = [output.new.kind for output in outputs if output.finished or output.seconds >= HEAD_START_S]
    sounds = sum(output.new.kind is Kind.AUDIO for output in outputs)
    return Kind.VIDEO in far and far.count(Kind.AUDIO) == sounds
