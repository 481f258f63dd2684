"""The job beside the ladder: a storyboard and a preview, out of the smallest picture that is whole.

Nothing waits for it: a video without stills plays as well, and one that they could not be made of is not failed.

Which stills are made of a rendition, and from which of its bytes: pure, from its segment index.
"""

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.storyboard import PREVIEW_SIDE, Storyboard, fit, locate_frames, plan_storyboard, preview_clips
from streamtime.jobs.job import AttemptFailed, Failure, Job
from streamtime.transcoding.job_context import VideoRecords
from streamtime.transcoding.outcome import translate_failures
from streamtime.transcoding.source import Sources
from streamtime.transcoding.staging import FileSpec, StagedFile, Staging
from streamtime.videos.renditions import Rendition, RenditionKind, StillKind, StillsFacts
from streamtime.videos.video import Video, VideoState, video_id_of
from streamtime.videos.videos import VideoNotFound
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import MakePreview, MakeSheet, MakeStills, StillWritten

SMALL_PIXELS = 854 * 480
"""Up to here decoding whole segments, to show exact moments, is cheap."""

LONGEST_LARGE_MS = 120_000
"""Of a large picture that is all there is, exact moments are looked for up to this length."""


class StillsPlan:
    """The storyboard and the preview of one whole rendition, by its index and its size in pixels."""

    def __init__(self, index: SegmentIndex, width: int, height: int) -> None:
        self._index = index
        self._size = (width, height)
        self.duration_ms = index.duration_ms
        self.board: Storyboard = plan_storyboard(self.duration_ms, *self._size)

    @property
    def is_expensive(self) -> bool:
        """Whether exact moments would have to be decoded from a large picture."""
        return self._between_keyframes and self._size[0] * self._size[1] > SMALL_PIXELS

    @property
    def _between_keyframes(self) -> bool:
        return self.board.interval_ms < self._index.longest_s * 2000

    def order(self) -> MakeStills:
        """The order for the worker: sheets first, then the preview."""
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
    """Offset and length of all bytes of the rendition that an order reads."""
    picked = [pick for sheet in order.sheets for pick in sheet.tiles]
    if order.preview is not None:
        picked += [pick for clip in order.preview.clips for pick in clip]
    if order.poster is not None:
        picked.append(order.poster.location)
    return [(0, order.init_length), *((pick.offset, pick.length) for pick in picked)]


UNFINISHED_STATES = frozenset({VideoState.QUEUED, VideoState.PROCESSING})
"""States in which more pictures may come."""


class StillsHandler:
    """Handles jobs of the kind `stills`."""

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

    async def run(self, job: Job) -> None:
        """Make what is not there yet, as soon as there is a picture that is fit for it."""
        async with translate_failures(job, self._records):
            while not await self._run_once(job):
                pass

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Leave a note; the video is as it was."""
        try:
            video = await self._records.videos.by_id(video_id_of(job.subject))
        except VideoNotFound:
            return
        await self._records.timeline.add(tx, video.id, "stills_failed", failure.message, code=failure.code)

    async def _run_once(self, job: Job) -> bool:
        """Make them, or leave it to a later job; False where there was less to wait for than it looked."""
        video = await self._records.videos.by_id(video_id_of(job.subject))
        rendition = smallest_video_rendition(await self._records.renditions.list_for_video(video.id))
        if video.stills is not None or rendition is None or rendition.index is None:
            return True
        size = (rendition.description.width or 2, rendition.description.height or 2)
        plan = StillsPlan(rendition.index, *size)
        if plan.is_expensive and video.state in UNFINISHED_STATES:
            # A smaller picture is on its way, and queues this again; unless all of it came just now.
            return await self._records.database.write(
                lambda tx: self._records.lifecycle.defer_stills(tx, video, job=job)
            )
        await self._make(video, rendition, plan)
        return True

    async def _make(self, video: Video, rendition: Rendition, plan: StillsPlan) -> None:
        wishes = [FileSpec(StillKind.SHEET, ".jpg")] * plan.board.sheets + [FileSpec(StillKind.PREVIEW, ".mp4")]
        async with self._staging.stage(video, wishes) as files:
            order = plan.order()
            written: dict[int, StillWritten] = {}
            try:
                source = await self._sources.open_object(rendition.object_id, ranges=byte_ranges(order))
            except NotFound as error:
                raise AttemptFailed("The picture is gone.", code="no_picture", retryable=True) from error
            async with self._launcher.launch(source.descriptor) as worker:
                async for message in worker.stills(order, [file.fd for file in files]):
                    if isinstance(message, StillWritten):
                        written[message.output] = message
            await self._staging.sync(files)
            await self._records.database.write(lambda tx: self._commit(tx, video, plan, files, written))

    async def _commit(
        self, tx: Transaction, video: Video, plan: StillsPlan, files: list[StagedFile], written: dict[int, StillWritten]
    ) -> None:
        facts = StillsFacts(plan.board, plan.duration_ms)
        ids = [file.object_id for file in files]
        await self._records.lifecycle.set_stills(
            tx, video, msgspec.msgpack.encode(facts), sheets=ids[:-1], preview=ids[-1]
        )
        for number, file in enumerate(files):
            await self._staging.complete(tx, video, file, length_bytes=written[number].bytes_total)


def smallest_video_rendition(renditions: list[Rendition]) -> Rendition | None:
    """The smallest of the whole pictures that play; they come with the largest first."""
    pictures = [r for r in renditions if r.kind is RenditionKind.VIDEO and r.index is not None and r.index.plays]
    return pictures[-1] if pictures else None
