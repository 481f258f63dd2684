"""The job beside the ladder: a storyboard and a preview, out of the smallest picture that is whole.

Nothing waits for it: a video without stills plays as well, and one that they could not be made of is not failed.
"""

import msgspec

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import PREVIEW_SIDE, Storyboard, fit, picks, plan_storyboard, preview_pieces
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Kind, Rendition, Renditions
from streamtime.library.stills import StillKind, StillsFacts
from streamtime.library.timeline import Timeline
from streamtime.library.video import Video, VideoState, id_of
from streamtime.library.videos import VideoGone, Videos
from streamtime.pipeline.failures import attempt
from streamtime.pipeline.source import Sources
from streamtime.pipeline.staging import StagedFile, Staging, Wish
from streamtime.worker_protocol import MakePreview, MakeSheet, MakeStills, StillWritten
from streamtime.workers.launcher import WorkerLauncher

SMALL_PIXELS = 854 * 480
"""Up to here decoding whole segments, to show exact moments, is cheap."""

UNDER_WAY = frozenset({VideoState.QUEUED, VideoState.PROCESSING})
"""States in which more pictures may come."""

LONGEST_LARGE_MS = 120_000
"""Of a large picture that is all there is, exact moments are looked for up to this length."""


class Stills:
    """Handles jobs of the kind `stills`."""

    def __init__(
        self,
        database: Database,
        videos: Videos,
        lifecycle: Lifecycle,
        renditions: Renditions,
        timeline: Timeline,
        sources: Sources,
        launcher: WorkerLauncher,
        staging: Staging,
    ) -> None:
        self._database = database
        self._videos = videos
        self._lifecycle = lifecycle
        self._renditions = renditions
        self._timeline = timeline
        self._sources = sources
        self._launcher = launcher
        self._staging = staging

    async def run(self, job: Job) -> None:
        """Make what is not there yet, as soon as there is a picture that is fit for it."""
        async with attempt(job, self._database, self._lifecycle):
            while not await self._go_on(job):
                pass

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Leave a note; the video is as it was."""
        try:
            video = await self._videos.by_id(id_of(job.subject))
        except VideoGone:
            return
        await self._timeline.add(tx, video.id, "stills_failed", failure.message, code=failure.code)

    async def _go_on(self, job: Job) -> bool:
        """Make them, or leave it to a later job; False where there was less to wait for than it looked."""
        video = await self._videos.by_id(id_of(job.subject))
        rendition = smallest_picture(await self._renditions.of(video.id))
        if video.stills is not None or rendition is None or rendition.index is None:
            return True
        plan = _Plan(rendition, rendition.index)
        if plan.is_costly and video.state in UNDER_WAY:
            # A smaller picture is on its way, and queues this again; unless all of it came just now.
            return await self._database.write(lambda tx: self._lifecycle.stills_later(tx, video, after=job))
        await self._make(video, rendition, plan)
        return True

    async def _make(self, video: Video, rendition: Rendition, plan: "_Plan") -> None:
        wishes = [Wish(StillKind.SHEET, ".jpg")] * plan.board.sheets + [Wish(StillKind.PREVIEW, ".mp4")]
        async with self._staging.files(video, wishes) as files:
            written: dict[int, StillWritten] = {}
            try:
                source = await self._sources.open_object(rendition.object_id)
            except NotFound as error:
                raise AttemptFailed("The picture is gone.", code="no_picture", retryable=True) from error
            async with self._launcher.launch(source.descriptor) as worker:
                async for message in worker.stills(plan.order(), [file.fd for file in files]):
                    if isinstance(message, StillWritten):
                        written[message.output] = message
            await self._staging.sync(files)
            await self._database.write(lambda tx: self._made(tx, video, plan, files, written))

    async def _made(
        self, tx: Transaction, video: Video, plan: "_Plan", files: list[StagedFile], written: dict[int, StillWritten]
    ) -> None:
        facts = StillsFacts(plan.board, plan.duration_ms)
        ids = [file.object_id for file in files]
        await self._lifecycle.stills(tx, video, msgspec.msgpack.encode(facts), sheets=ids[:-1], preview=ids[-1])
        for number, file in enumerate(files):
            await self._staging.complete(tx, video, file, length_bytes=written[number].bytes_total)


def smallest_picture(renditions: list[Rendition]) -> Rendition | None:
    """The smallest of the whole pictures; they come with the largest first."""
    pictures = [rendition for rendition in renditions if rendition.kind is Kind.VIDEO and rendition.whole]
    return pictures[-1] if pictures else None


class _Plan:
    """What is made of one rendition."""

    def __init__(self, rendition: Rendition, index: SegmentIndex) -> None:
        self._index = index
        self._size = (rendition.description.width or 2, rendition.description.height or 2)
        self.duration_ms = index.duration_ms
        self.board: Storyboard = plan_storyboard(self.duration_ms, *self._size)

    @property
    def is_costly(self) -> bool:
        """Whether exact moments would have to be decoded from a large picture."""
        return self._between_keyframes and self._size[0] * self._size[1] > SMALL_PIXELS

    @property
    def _between_keyframes(self) -> bool:
        return self.board.interval_ms < self._index.longest_s * 2000

    def order(self) -> MakeStills:
        """The order for the worker: sheets first, then the preview."""
        board = self.board
        exact = self._between_keyframes and (not self.is_costly or self.duration_ms <= LONGEST_LARGE_MS)
        times = [board.time_ms(tile, self.duration_ms) for tile in range(board.tiles)]
        tiles = picks(self._index, times, exact=exact)
        pieces, piece_ms = preview_pieces(self._index, self.duration_ms)
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
            preview=MakePreview(board.sheets, tuple(pieces), piece_ms, *fit(*self._size, PREVIEW_SIDE)),
        )
