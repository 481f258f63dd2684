"""Requests for cuts: the new video or version, what is cut from what, and the completion of the file."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Visibility
from streamtime.captions.formats import read_captions
from streamtime.clock import Clock
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import cuts, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, NotFound
from streamtime.jobs.job import Job
from streamtime.videos.captions import CompressedCaptions, compress_captions
from streamtime.videos.chapters import chapters_in, replace_chapters
from streamtime.videos.cuts import checked_parts, moved_chapters, moved_cues, moved_time
from streamtime.videos.events import Timeline
from streamtime.videos.ingest import NewVideo, VideoIngest
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.versions import VersionKind, create_version
from streamtime.videos.video import Video, VideoState, require_not_deleted
from streamtime.workers.cut_order import CutPart


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """What to cut from which video; `exact` to the frame, else at keyframes."""

    source_video_id: int
    parts: list[CutPart]
    exact: bool


@dataclass(frozen=True, slots=True)
class SourceCaptions:
    """The caption tracks of the video that is cut."""

    tracks: list[RowMapping]

    def moved(self, parts: Sequence[CutPart]) -> list[dict[str, object]]:
        """Return the rows of the tracks of the result. Call it in a thread: large tracks take some time."""
        rows = []
        for track in self.tracks:
            text = CompressedCaptions(track["cues"], track["webvtt"]).text
            content = compress_captions(moved_cues(parts, read_captions(text.encode())))
            if content.cues:
                values = {name: track[name] for name in ("name", "language", "label", "origin", "created_at_ms")}
                rows.append({**values, "cues": content.cues, "webvtt": content.webvtt})
        return rows


class CutJobs:
    """Creates and completes cuts."""

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        updater: VideoUpdater,
        ingest: VideoIngest,
        timeline: Timeline,
        clock: Clock,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._updater = updater
        self._ingest = ingest
        self._timeline = timeline
        self._clock = clock

    async def create_video(
        self, tx: Transaction, video: Video, title: str, parts: Sequence[CutPart], *, exact: bool
    ) -> int:
        """Create a private video of the parts of another one, and return its row id.

        Raises:
            Invalid: the parts are invalid.
            Conflict: the original was not kept, or the video was not probed yet.
            NotFound: the video was deleted meanwhile.
        """
        row = await require_not_deleted(tx, video.id)
        checked = _checked(row, parts)
        new = NewVideo(
            owner_id=video.owner_id, title=title, visibility=Visibility.PRIVATE, source_name=video.source_name
        )
        video_id, _ = await self._ingest.create(tx, new)
        copied = {name: row[name] for name in ("description", "rotation", "recorded_at_ms", "recorded_offset_min")}
        await self._set(tx, video_id, state=VideoState.QUEUED.value, stage="Waiting", recorded_chosen=True, **copied)
        await self._timeline.add(tx, video_id, "cut", f"It is cut from {video.title}.", video=video.public_id)
        await self._queue(tx, video_id, row, checked, exact=exact)
        return video_id

    async def create_version(self, tx: Transaction, video: Video, parts: Sequence[CutPart], *, exact: bool) -> None:
        """Create a version of a video that has only these parts. Raises as `create_video` and `create_version`."""
        row = await require_not_deleted(tx, video.id)
        checked = _checked(row, parts)
        poster_ms = row["poster_ms"]
        if poster_ms is not None:
            kept = any(part.start_ms <= poster_ms < part.end_ms for part in checked)
            poster_ms = moved_time(checked, poster_ms) if kept else None
        version_id, _ = await create_version(tx, video, VersionKind.CUT, self._clock.now_ms(), poster_ms=poster_ms)
        await self._timeline.add(tx, video.id, "version_begun", "A cut version is being prepared.")
        await self._queue(tx, version_id, row, checked, exact=exact)

    async def of_video(self, video: Video) -> PlannedCut:
        """Return the cut that makes a video. Raises `NotFound`."""
        query = select(cuts).where(cuts.c.video_id == video.id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound
        parts = msgspec.json.decode(row["parts"], type=list[CutPart])
        return PlannedCut(row["source_video_id"], parts, bool(row["exact"]))

    async def captions_of(self, source: Video) -> SourceCaptions:
        """Return the caption tracks of the video that is cut."""
        table = video_tables.captions
        query = select(table).where(table.c.video_id == source.id, table.c.webvtt.is_not(None)).order_by(table.c.id)
        async with self._database.read() as connection:
            return SourceCaptions(list((await connection.execute(query)).mappings()))

    async def complete(
        self,
        tx: Transaction,
        job: Job,
        video: Video,
        object_id: int,
        parts: Sequence[CutPart],
        captions: list[dict[str, object]],
    ) -> None:
        """Take a complete file as the original, with captions and chapters of its parts, and queue the preparation."""
        query = select(cuts.c.source_video_id).where(cuts.c.video_id == video.id)
        source_id: int = (await tx.execute(query)).scalar_one()
        await replace_chapters(tx, video.id, moved_chapters(parts, await chapters_in(tx, source_id)))
        rows = [{**row, "video_id": video.id} for row in captions]
        await tx.execute_many(insert(video_tables.captions), rows)
        text = msgspec.json.encode(list(parts)).decode()
        await tx.execute(update(cuts).where(cuts.c.video_id == video.id).values(parts=text))
        await self._work_queue.complete(tx, job)
        await self._updater.update(
            tx, video, source_object_id=object_id, chapters_chosen=True, state=VideoState.QUEUED, stage="Waiting"
        )
        await self._timeline.add(tx, video.id, "cut_made", "The file is cut.", parts=len(parts))
        await self._work_queue.prepare(tx, video)

    async def _queue(
        self, tx: Transaction, video_id: int, source: RowMapping, parts: Sequence[CutPart], *, exact: bool
    ) -> None:
        text = msgspec.json.encode(list(parts)).decode()
        await tx.execute(insert(cuts).values(video_id=video_id, source_video_id=source["id"], exact=exact, parts=text))
        await self._work_queue.cut(tx, f"video:{video_id}", source["owner_id"])

    async def _set(self, tx: Transaction, video_id: int, **values: object) -> None:
        await tx.execute(update(videos).where(videos.c.id == video_id).values(**values))


def _checked(row: RowMapping, parts: Sequence[CutPart]) -> list[CutPart]:
    if row["source_object_id"] is None:
        raise Conflict("The original was not kept, so nothing can be made of it.", code="no_original")
    if row["duration_ms"] is None or row["source_facts"] is None:
        raise Conflict("A video can be cut once it has been examined.", code="not_probed")
    return checked_parts(parts, row["duration_ms"])
