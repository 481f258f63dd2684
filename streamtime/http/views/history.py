"""View values of a video's processing history, for its owner: timeline events and the size of each file."""

from dataclasses import dataclass
from typing import Any

from streamtime.formatting import moment_text, size_text, span_text, speed_text, time_iso
from streamtime.http.services import MaintenanceServices, StorageServices, VideoServices
from streamtime.http.video_files import VideoFile, files_of
from streamtime.languages import language_name
from streamtime.translation import gettext
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


async def history_of(
    video: Video, videos: VideoServices, storage: StorageServices, maintenance: MaintenanceServices
) -> VideoHistory:
    """Return the events of a video, oldest first, and its files."""
    files = await files_of(video, videos, storage)
    total = sum(file.size_bytes for file in files)
    damage = {one.id: one.message for one in await maintenance.overview.damaged()}
    return VideoHistory(
        events=[_event(entry) for entry in await videos.timeline.list_for_video(video.id)],
        files=[_file_row(video, file, total or 1, damage) for file in files],
        total_bytes=total,
        total_text=size_text(total),
    )


def _file_row(video: Video, file: VideoFile, total: int, damage: dict[int, str]) -> FileRow:
    rendition = file.rendition
    description = rendition.description if rendition is not None else None
    frame_size = ""
    if description and description.width:
        frame_size = f"{description.width} \N{MULTIPLICATION SIGN} {description.height}"
    return FileRow(
        name=file.name,
        kind=file.kind,
        origin=file.origin,
        size_bytes=file.size_bytes,
        size_text=size_text(file.size_bytes),
        share=round(100 * file.size_bytes / total, 1),
        bitrate_bps=file.bitrate_bps,
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
        at_text=moment_text(entry.happened_at_ms),
        message=gettext(entry.message),
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
