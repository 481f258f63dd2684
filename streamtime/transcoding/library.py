"""The library as a sink of renditions: what exists of a video, and where an interrupted encode resumes."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import msgspec

from streamtime.database.transaction import Transaction
from streamtime.storage.object_store import OpenedFile
from streamtime.transcoding.job_context import LibraryServices
from streamtime.transcoding.library_order import LibraryOrder
from streamtime.transcoding.order_runner import OrderSink, PlannedOrder, Present
from streamtime.transcoding.plan import CompleteRendition, PlannedRendition, format_time
from streamtime.transcoding.subtitles import unsupported_subtitles
from streamtime.videos.captions import imported_streams
from streamtime.videos.chapters import import_chapters
from streamtime.videos.ingest import embedded_title
from streamtime.videos.lifecycle import MediaInfo
from streamtime.videos.recording_date import date_from_file
from streamtime.videos.renditions import Rendition, RenditionKind
from streamtime.videos.video import Video
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import CopyVideo, OrderDone, Resume
from streamtime.workers.worker import Worker

LEAD_IN_SEGMENTS = 2
"""Segments before the resume point that a worker decodes: each has at least one frame, and decode times lead by two."""


class LibrarySink:
    """Stores the renditions of a video: see `order_runner.Sink`."""

    def __init__(self, services: LibraryServices, video: Video) -> None:
        self._services = services
        self._records = services.records
        self._video = video

    @property
    def rotation(self) -> int:
        """The rotation that the owner chose."""
        return self._video.rotation

    def new_key(self, ending: str) -> str:
        """Return a new object key of the video."""
        return self._video.new_key(ending)

    async def open_source(self) -> OpenedFile:
        """Open the original."""
        return await self._services.sources.open(self._video)

    async def probed(self, facts: ProbeResult) -> None:
        """Save the probe result, the title in the file, and the chapters."""
        await self._records.database.write(lambda tx: self._save_facts(tx, facts))

    async def present(self) -> Present:
        """Return the complete renditions that are not outdated, and what the row says now."""
        video = await self._records.videos.by_id(self._video.id)
        made = [one for one in await self._records.renditions.list_for_video(video.id) if one.is_complete]
        return Present(
            [_complete(one) for one in sorted(made, key=lambda one: one.id) if not one.outdated],
            has_poster=video.poster_object_id is not None,
            caption_streams=await imported_streams(self._records.database, video.id),
            duration_ms=video.duration_ms,
            measured=any(one.kind is RenditionKind.VIDEO for one in made),
        )

    async def resume(self, planned: Sequence[PlannedRendition]) -> Sequence[PlannedRendition]:
        """Resume renditions at their checkpoints, and drop other growing renditions."""
        left = await self._resumable()
        resumed = [resume_planned(one, left) for one in planned]
        kept = [one.resumed.id for one in resumed if one.resumed is not None]
        await self._records.database.write(
            lambda tx: self._records.lifecycle.drop_growing(tx, self._video.id, keep=kept)
        )
        return resumed

    async def restart(self, reason: str) -> None:
        """Drop all growing renditions."""

        async def body(tx: Transaction) -> None:
            await self._records.lifecycle.drop_growing(tx, self._video.id)
            await self._records.timeline.add(tx, self._video.id, "begun_anew", reason)

        await self._records.database.write(body)

    async def require_space(self, wanted_bytes: int) -> None:
        """Check that the disk has room. Raises `NoSpace`."""
        await self._services.monitor.require_space(wanted_bytes)

    def order(self, worker: Worker, planned_order: PlannedOrder) -> AbstractAsyncContextManager[OrderSink]:
        """Begin an order on the video."""
        return LibraryOrder(self._services, self._video, planned_order).run(worker)

    async def record_end(self, done: OrderDone) -> None:
        """Save the measured duration, and where the original is truncated."""
        await self._records.database.write(lambda tx: self._save_end(tx, done))

    async def note(self, event: str, message: str, **detail: object) -> None:
        """Add a timeline entry."""
        await self._records.database.write(
            lambda tx: self._records.timeline.add(tx, self._video.id, event, message, **detail)
        )

    async def _save_facts(self, tx: Transaction, facts: ProbeResult) -> None:
        video = self._video
        recorded = date_from_file(facts.creation_dates, video.created_at_ms)
        media_info = MediaInfo(facts.duration_ms, facts.video.width, facts.video.height, recorded)
        title = embedded_title(facts.title, video.source_name)
        await self._records.lifecycle.set_probe_result(tx, video, msgspec.msgpack.encode(facts), media_info, title)
        await self._records.timeline.add(
            tx, video.id, "probed",
            f"{facts.video.codec} {facts.video.width} \N{MULTIPLICATION SIGN} {facts.video.height}",
            copyable=facts.video.copyable, obstacle=facts.video.copy_obstacle, container=facts.container,
            fps=round(float(facts.video.fps), 3), duration_ms=facts.duration_ms, bitrate_bps=facts.bitrate_bps,
            sound=[f"{track.codec}, {track.channels} ch" for track in facts.audios],
        )  # fmt: skip
        await import_chapters(tx, video.id, facts)
        if message := unsupported_subtitles(facts):
            await self._records.timeline.add(tx, video.id, "subtitles_not_shown", message)

    async def _save_end(self, tx: Transaction, done: OrderDone) -> None:
        lifecycle, video = self._records.lifecycle, self._video
        if done.duration_ms:
            await lifecycle.set_duration(tx, video, duration_ms=done.duration_ms)
        if done.damaged_after_ms is not None:
            message = f"The file is damaged after {format_time(done.damaged_after_ms)}; what comes before plays."
            await lifecycle.mark_truncated(tx, video, after_ms=done.damaged_after_ms, message=message)

    async def _resumable(self) -> list[Rendition]:
        """Return the growing renditions of earlier attempts whose checkpointed bytes exist."""
        left = []
        for rendition in await self._records.renditions.list_for_video(self._video.id):
            if rendition.checkpoint is not None:
                file = await self._services.spool.head(rendition.key)
                if file is not None and file.length_bytes >= rendition.checkpoint.bytes_total:
                    left.append(rendition)
        return left


def _complete(rendition: Rendition) -> CompleteRendition:
    format_ = rendition.description
    return CompleteRendition(
        rendition.kind,
        rendition.origin,
        rendition.name,
        rendition.target_duration_s,
        rendition.ceiling_bps,
        rendition.index,
        pixels=(format_.width or 0) * (format_.height or 0),
    )


def resume_planned(plan: PlannedRendition, left: Sequence[Rendition]) -> PlannedRendition:
    """Return the plan resumed at the last checkpoint of the same rendition in `left`, or else unchanged."""
    new, order = plan.new, plan.order
    for rendition in left:
        index = rendition.checkpoint
        if isinstance(order, CopyVideo) or index is None or not index.segments:
            continue
        same = (rendition.kind, rendition.origin, rendition.name) == (new.kind, new.origin, new.name)
        if same and rendition.target_duration_s == new.target_duration_s:
            resume = Resume(
                segments=len(index.segments),
                init_length=index.init_length,
                bytes_total=index.bytes_total,
                starts=sum(segment.duration for segment in index.segments),
                lead_in=sum(segment.duration for segment in index.segments[:-LEAD_IN_SEGMENTS]),
                timescale=index.timescale,
            )
            new = replace(new, spool_key=rendition.key)
            return PlannedRendition(new, msgspec.structs.replace(order, resume=resume), rendition)
    return plan
