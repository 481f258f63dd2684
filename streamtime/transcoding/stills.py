"""The jobs `stills` (storyboard and preview) and `poster` (the poster that an owner chose).

Each makes all of its files or none. A video without stills is still playable: a failure does not fail the video.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import PREVIEW_SIDE, Storyboard, fit, locate_frames, plan_storyboard, preview_clips
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.outcome import translate_failures
from streamtime.transcoding.plan import facts_of
from streamtime.transcoding.source import Sources
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.renditions import Rendition, RenditionKind, StillKind, StillsFacts
from streamtime.videos.video import (
    Video,
    VideoNotFound,
    VideoState,
    require_not_deleted,
    require_same_content,
    video_id_of,
)
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import (
    MakePoster,
    MakePreview,
    MakeSheet,
    MakeStills,
    Package,
    PosterAt,
    PosterWritten,
    StillWritten,
)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file to make: the kind of its object, and the file extension of its key."""

    kind: str
    ending: str


@dataclass(frozen=True, slots=True)
class StagedFile:
    """An open, empty file whose object is staged."""

    object_id: int
    key: str
    fd: int


class Staging:
    """Creates the files of small jobs, which make all of them or none."""

    def __init__(self, database: Database, ledger: Ledger, lifecycle: Lifecycle, spool: Spool) -> None:
        self._database = database
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._spool = spool

    @asynccontextmanager
    async def stage(self, video: Video, specs: Sequence[FileSpec]) -> AsyncIterator[list[StagedFile]]:
        """Create staged objects and open their files. Files that are not complete at the end are discarded."""
        keys = [video.new_key(spec.ending) for spec in specs]
        ids: list[int] = []

        async def insert_rows(tx: Transaction) -> None:
            await require_same_content(tx, video)
            ids[:] = [
                await self._ledger.stage(tx, key, kind=spec.kind, owner_id=video.owner_id)
                for key, spec in zip(keys, specs, strict=True)
            ]

        try:
            # A transaction goes on although its caller is cancelled: its rows are discarded after it then.
            await self._database.write(insert_rows)
            async with AsyncExitStack() as stack:
                files = [await stack.enter_async_context(await self._spool.create(key)) for key in keys]
                staged = zip(ids, keys, files, strict=True)
                yield [StagedFile(object_id, key, file.fd) for object_id, key, file in staged]
        finally:
            await self._database.write(lambda tx: self._abandon(tx, ids))

    async def complete(self, tx: Transaction, video: Video, file: StagedFile, *, length_bytes: int) -> None:
        """Mark a file as complete after `sync`, and queue its move to the store."""
        await self._ledger.complete(tx, file.object_id, length_bytes=length_bytes)
        await self._lifecycle.queue_finalize(tx, video, file.object_id)

    async def sync(self, files: Sequence[StagedFile]) -> None:
        """Sync the files to disk."""
        for file in files:
            await self._spool.sync(file.key)

    async def _abandon(self, tx: Transaction, ids: list[int]) -> None:
        if any(row.state == "staging" for row in await self._ledger.find(ids)):
            for object_id in ids:
                await self._lifecycle.discard_staged(tx, object_id)


SMALL_PIXELS = 854 * 480
"""Up to this size it is cheap to decode whole segments for frames between keyframes."""

LONGEST_LARGE_MS = 120_000
"""Of a larger video, exact frames are decoded up to this duration if it is the only rendition."""


class StillsPlan:
    """Plans storyboard and preview of a complete rendition from its segment index and its size in pixels."""

    def __init__(self, index: SegmentIndex, width: int, height: int) -> None:
        self._index = index
        self._size = (width, height)
        self.duration_ms = index.duration_ms
        self.board: Storyboard = plan_storyboard(self.duration_ms, *self._size)

    @property
    def is_expensive(self) -> bool:
        """Whether exact frames would have to be decoded from a large video."""
        return self._between_keyframes and self._size[0] * self._size[1] > SMALL_PIXELS

    @property
    def _between_keyframes(self) -> bool:
        return self.board.interval_ms < self._index.longest_s * 2000

    def order(self) -> MakeStills:
        """Return the worker's order: sheets first, then the preview."""
        board = self.board
        exact = self._between_keyframes and (not self.is_expensive or self.duration_ms <= LONGEST_LARGE_MS)
        times = [board.time_ms(tile, self.duration_ms) for tile in range(board.tiles)]
        tiles = locate_frames(self._index, times, exact=exact)
        clips, clip_ms = preview_clips(self._index, self.duration_ms)
        return MakeStills(
            init_length=self._index.init_length,
            sheets=tuple(
                MakeSheet(
                    output=sheet,
                    tiles=tuple(tiles[sheet * board.per_sheet : (sheet + 1) * board.per_sheet]),
                    columns=board.columns,
                    tile_width=board.tile_width,
                    tile_height=board.tile_height,
                )
                for sheet in range(board.sheets)
            ),
            preview=MakePreview(board.sheets, tuple(clips), clip_ms, *fit(*self._size, PREVIEW_SIDE)),
        )


def byte_ranges(order: MakeStills) -> list[tuple[int, int]]:
    """Return offset and length of all byte ranges of the rendition that an order reads."""
    picked = [pick for sheet in order.sheets for pick in sheet.tiles]
    if order.preview is not None:
        picked += [pick for clip in order.preview.clips for pick in clip]
    if order.poster is not None:
        picked.append(order.poster.location)
    return [(0, order.init_length), *((pick.offset, pick.length) for pick in picked)]


async def write_stills(
    launcher: WorkerLauncher, descriptor: int, order: MakeStills, outputs: Sequence[int]
) -> dict[int, StillWritten | PosterWritten]:
    """Make the images of an order in a new worker, from a rendition. Returns what was written, by output number.

    Raises:
        WorkerFailed: the worker failed.
    """
    async with launcher.launch(descriptor) as worker:
        messages = [message async for message in worker.stills(order, outputs)]
    return {one.output: one for one in messages if isinstance(one, StillWritten | PosterWritten)}


UNFINISHED_STATES = frozenset({VideoState.QUEUED, VideoState.PROCESSING})
"""States in which more video renditions may be made."""


class _StillsWorkHandler:
    """What both handlers need: rows, the source, a worker, and files for it to write."""

    def __init__(
        self,
        records: VideoRecords,
        sources: Sources,
        launcher: WorkerLauncher,
        staging: Staging,
    ) -> None:
        self._records = records
        self._sources = sources
        self._launcher = launcher
        self._staging = staging


class StillsHandler(_StillsWorkHandler):
    """Handles jobs of the kind `stills`."""

    async def run(self, job: Job) -> None:
        """Make storyboard and preview if they are missing and a suitable rendition is complete."""
        async with translate_failures(job, self._records):
            while not await self._run_once(job):
                pass

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Add a timeline entry; the video stays as it is."""
        try:
            video = await self._records.videos.by_id(video_id_of(job.subject))
        except VideoNotFound:
            return
        await self._records.timeline.add(tx, video.id, "stills_failed", failure.message, code=failure.code)

    async def _run_once(self, job: Job) -> bool:
        """Make the stills, or leave them to a later job. False if the video became ready meanwhile: run again."""
        video = await self._records.videos.by_id(video_id_of(job.subject))
        rendition = smallest_video_rendition(await self._records.renditions.list_for_video(video.id))
        if video.stills is not None or rendition is None or rendition.index is None:
            return True
        size = (rendition.description.width or 2, rendition.description.height or 2)
        plan = StillsPlan(rendition.index, *size)
        if plan.is_expensive and video.state in UNFINISHED_STATES:
            # A smaller rendition will be made and queues this job again, unless the video just became ready.
            return await self._records.database.write(
                lambda tx: self._records.lifecycle.defer_stills(tx, video, job=job)
            )
        await self._make(video, rendition, plan)
        return True

    async def _make(self, video: Video, rendition: Rendition, plan: StillsPlan) -> None:
        specs = [FileSpec(StillKind.SHEET, ".jpg")] * plan.board.sheets + [FileSpec(StillKind.PREVIEW, ".mp4")]
        async with self._staging.stage(video, specs) as files:
            order = plan.order()
            try:
                source = await self._sources.open_object(rendition.object_id, ranges=byte_ranges(order))
            except NotFound as error:
                raise AttemptFailed("The rendition is gone.", code="no_picture", retryable=True) from error
            written = await write_stills(self._launcher, source.descriptor, order, [file.fd for file in files])
            await self._staging.sync(files)
            await self._records.database.write(lambda tx: self._commit(tx, video, plan, files, written))

    async def _commit(
        self,
        tx: Transaction,
        video: Video,
        plan: StillsPlan,
        files: list[StagedFile],
        written: Mapping[int, StillWritten | PosterWritten],
    ) -> None:
        facts = StillsFacts(plan.board, plan.duration_ms)
        ids = [file.object_id for file in files]
        await self._records.lifecycle.set_stills(
            tx, video, msgspec.msgpack.encode(facts), sheets=ids[:-1], preview=ids[-1]
        )
        for number, file in enumerate(files):
            await self._staging.complete(tx, video, file, length_bytes=written[number].bytes_total)


def smallest_video_rendition(renditions: list[Rendition]) -> Rendition | None:
    """Return the smallest complete video rendition that plays; `renditions` are ordered largest first."""
    playable = [r for r in renditions if r.kind is RenditionKind.VIDEO and r.index is not None and r.index.plays]
    return playable[-1] if playable else None


class PosterHandler(_StillsWorkHandler):
    """Handles jobs of the kind `poster`."""

    async def run(self, job: Job) -> None:
        """Make the chosen poster; repeat if the owner chose another meanwhile."""
        async with translate_failures(job, self._records):
            while not await self._generate(job):
                pass

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Add a timeline entry and forget the choice; the previous poster stays."""
        try:
            video = await self._records.videos.by_id(video_id_of(job.subject))
        except VideoNotFound:
            return
        await self._records.lifecycle.clear_chosen_poster(tx, video)
        await self._records.timeline.add(tx, video.id, "poster_failed", failure.message, code=failure.code)

    async def _generate(self, job: Job) -> bool:
        """Make the poster chosen now. False if the owner chose another meanwhile."""
        video = await self._records.videos.by_id(video_id_of(job.subject))
        if video.poster_ms is None:
            return True
        async with self._staging.stage(video, [FileSpec("poster", ".jpg")]) as (file,):
            written = await self._write(video, video.poster_ms, file)
            await self._staging.sync([file])
            return await self._records.database.write(lambda tx: self._commit(tx, job, video, file, written))

    async def _commit(self, tx: Transaction, job: Job, video: Video, file: StagedFile, written: PosterWritten) -> bool:
        if (await require_not_deleted(tx, video.id))["poster_ms"] != video.poster_ms:
            return False
        await self._staging.complete(tx, video, file, length_bytes=written.bytes_total)
        await self._records.lifecycle.set_chosen_poster(tx, video, file.object_id, job=job)
        return True

    async def _write(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten:
        written = (
            await self._from_rendition(video, at_ms, file)
            if video.source_object_id is None
            else await self._from_original(video, at_ms, file)
        )
        if written is None:
            raise AttemptFailed("There is no frame at that moment.", code="no_picture", retryable=False)
        return written

    async def _from_original(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten | None:
        facts = facts_of(video)
        order = Package(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            poster=MakePoster(output=0, at_ms=at_ms),
            duration_ms=facts.duration_ms,
            rotate=facts.rotate,
        )
        source = await self._sources.open(video)
        async with self._launcher.launch(source.descriptor) as worker:
            messages = [message async for message in worker.package(order, [file.fd])]
        return next((message for message in messages if isinstance(message, PosterWritten)), None)

    async def _from_rendition(self, video: Video, at_ms: int, file: StagedFile) -> PosterWritten | None:
        rendition = largest_video_rendition(await self._records.renditions.list_for_video(video.id))
        if rendition is None or rendition.index is None:
            raise AttemptFailed("There is no rendition to take a frame from.", code="no_picture", retryable=False)
        format_ = rendition.description
        (location,) = locate_frames(rendition.index, [at_ms], exact=True)
        order = MakeStills(
            init_length=rendition.index.init_length,
            poster=PosterAt(output=0, location=location, width=format_.width or 2, height=format_.height or 2),
        )
        try:
            source = await self._sources.open_object(rendition.object_id, ranges=byte_ranges(order))
        except NotFound as error:
            raise AttemptFailed("The rendition is gone.", code="no_picture", retryable=True) from error
        written = (await write_stills(self._launcher, source.descriptor, order, [file.fd])).get(0)
        return written if isinstance(written, PosterWritten) else None


def largest_video_rendition(renditions: list[Rendition]) -> Rendition | None:
    """Return the largest complete video rendition; `renditions` are ordered largest first."""
    return next(
        (rendition for rendition in renditions if rendition.kind is RenditionKind.VIDEO and rendition.is_complete), None
    )
