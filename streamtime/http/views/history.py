"""View values of a video's processing history, for its owner: timeline events and the size of each file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streamtime.auth.access import Access, Caller, access_level
from streamtime.errors import NotFound
from streamtime.formatting import size_text, span_text, speed_text, time_iso
from streamtime.http.services import MaintenanceServices, StorageServices, VideoServices
from streamtime.languages import language_name
from streamtime.videos.events import TimelineEntry
from streamtime.videos.renditions import Rendition, RenditionKind, RenditionOrigin
from streamtime.videos.video import Video, VideoState

_ERROR_EVENTS = frozenset({"failed", "attempt_failed", "crashed", "damaged"})


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of a video. `share` is in per cent of all files of the video; `label` names an audio track."""

    name: str
    kind: str
    origin: str
    size_bytes: int
    size_text: str
    share: float
    bitrate_bps: int | None
    label: str
    frame_size: str
    growing: bool
    damage_text: str
    can_reencode: bool


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event of the timeline, with its details formatted as texts."""

    event: str
    at_iso: str
    at_text: str
    message: str
    detail: dict[str, Any]
    elapsed_text: str
    paused_text: str
    speed_text: str
    disk_text: str
    memory_text: str
    stderr_tail: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class VideoHistory:
    """The events and files of a video."""

    events: list[TimelineEvent]
    files: list[FileRow]
    total_bytes: int
    total_text: str


async def require_manageable(public_id: str, caller: Caller, videos: VideoServices) -> Video:
    """Return a video that the caller may manage.

    Raises:
        NotFound: the caller may not manage it, even if they may watch it.
    """
    video = await videos.repository.by_public_id(public_id)
    if access_level(caller, video.facts) < Access.MANAGE:
        raise NotFound
    return video


async def history_of(
    video: Video, videos: VideoServices, storage: StorageServices, maintenance: MaintenanceServices
) -> VideoHistory:
    """Return the events of a video, oldest first, and its files."""
    files = await _files(video, videos, storage, maintenance)
    total = sum(row.size_bytes for row in files)
    return VideoHistory(
        events=[_event(entry) for entry in await videos.timeline.list_for_video(video.id)],
        files=files,
        total_bytes=total,
        total_text=size_text(total),
    )


async def _files(
    video: Video, videos: VideoServices, storage: StorageServices, maintenance: MaintenanceServices
) -> list[FileRow]:
    renditions = await videos.renditions.list_for_video(video.id)
    stored = {row.id: row for row in await storage.ledger.find(_object_ids(video, renditions))}
    sizes: list[tuple[Rendition | None, int]] = [
        (None, stored[i].length_bytes) for i in [video.source_object_id] if i in stored
    ]
    sizes += [(rendition, stored[rendition.object_id].length_bytes) for rendition in renditions]
    total = sum(size for _, size in sizes) or 1
    damage = {one.id: one.message for one in await maintenance.overview.damaged()}
    return [_file(video, rendition, size, 100 * size / total, damage) for rendition, size in sizes]


def _object_ids(video: Video, renditions: list[Rendition]) -> list[int]:
    source = [video.source_object_id] if video.source_object_id is not None else []
    return [*source, *(rendition.object_id for rendition in renditions)]


def _file(video: Video, rendition: Rendition | None, size: int, share: float, damage: dict[int, str]) -> FileRow:
    seconds = (video.duration_ms or 0) / 1000
    description = rendition.description if rendition is not None else None
    frame_size = ""
    if description and description.width:
        frame_size = f"{description.width} \N{MULTIPLICATION SIGN} {description.height}"
    return FileRow(
        name="" if rendition is None else rendition.name,
        kind="original" if rendition is None else rendition.kind.value,
        origin="" if rendition is None else rendition.origin.value,
        size_bytes=size,
        size_text=size_text(size),
        share=round(share, 1),
        bitrate_bps=round(size * 8 / seconds) if seconds and size else None,
        label=_label(rendition),
        frame_size=frame_size if rendition is not None and rendition.kind is RenditionKind.VIDEO else "",
        growing=rendition is not None and not rendition.is_complete,
        damage_text=damage.get(video.source_object_id or 0 if rendition is None else rendition.object_id, ""),
        can_reencode=rendition is not None
        and rendition.kind is RenditionKind.VIDEO
        and rendition.origin is RenditionOrigin.ENCODE
        and video.source_object_id is not None
        and video.state in {VideoState.READY, VideoState.FAILED},
    )


def _label(rendition: Rendition | None) -> str:
    audio = rendition.audio if rendition is not None else None
    return (audio.title or language_name(audio.language) or "") if audio is not None else ""


def _event(entry: TimelineEntry) -> TimelineEvent:
    detail = entry.detail
    return TimelineEvent(
        event=entry.event,
        at_iso=time_iso(entry.happened_at_ms),
        at_text=f"{datetime.fromtimestamp(entry.happened_at_ms / 1000, UTC).astimezone():%d %b %H:%M:%S}",
        message=entry.message,
        detail=detail,
        elapsed_text=_format(span_text, detail.get("seconds", detail.get("took_s"))),
        paused_text=_format(span_text, detail.get("paused_seconds")),
        speed_text=_format(speed_text, detail.get("speed")),
        disk_text=_format(size_text, detail.get("disk_bytes")),
        memory_text=_format(size_text, detail.get("memory_bytes")),
        stderr_tail=str(detail.get("last_words", "")),
        is_error=entry.event in _ERROR_EVENTS,
    )


def _format(formatter: Any, value: Any) -> str:  # noqa: ANN401  # a value of a JSON detail
    return formatter(value) if value else ""
