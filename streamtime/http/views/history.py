"""How a video was prepared, for its owner: what was decided and when, and what each file of it costs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streamtime.auth.access import Access, Caller, access_level
from streamtime.errors import NotFound
from streamtime.formatting import size_text, span_text, speed_text, time_iso
from streamtime.http.services import Services
from streamtime.languages import language_name
from streamtime.videos.events import TimelineEntry
from streamtime.videos.renditions import Rendition, RenditionKind, RenditionOrigin
from streamtime.videos.video import Video, VideoState

_ERROR_EVENTS = frozenset({"failed", "attempt_failed", "crashed", "damaged"})


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of a video. `share` is its part of all that the video takes, in per cent; `label` tells sounds apart."""

    name: str
    kind: str
    origin: str
    size_bytes: int
    size_text: str
    share: float
    bitrate_bps: int | None
    label: str
    picture: str
    growing: bool
    damage_text: str
    can_reencode: bool


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of the timeline, with what it knows in words."""

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
    """All of it."""

    events: list[TimelineEvent]
    files: list[FileRow]
    total_bytes: int
    total_text: str


async def require_manageable(public_id: str, caller: Caller, services: Services) -> Video:
    """The video, for those who may manage it.

    Raises:
        NotFound: for everybody else, whether they may watch it or not: there is nothing here for them.
    """
    video = await services.videos.by_public_id(public_id)
    if access_level(caller, video.facts) < Access.MANAGE:
        raise NotFound
    return video


async def history_of(video: Video, services: Services) -> VideoHistory:
    """What happened to a video, the oldest first, and what it costs."""
    files = await _files(video, services)
    total = sum(row.size_bytes for row in files)
    return VideoHistory(
        events=[_event(entry) for entry in await services.timeline.list_for_video(video.id)],
        files=files,
        total_bytes=total,
        total_text=size_text(total),
    )


async def _files(video: Video, services: Services) -> list[FileRow]:
    renditions = await services.renditions.list_for_video(video.id)
    stored = {row.id: row for row in await services.ledger.find(_object_ids(video, renditions))}
    sizes: list[tuple[Rendition | None, int]] = [
        (None, stored[i].length_bytes) for i in [video.source_object_id] if i in stored
    ]
    sizes += [(rendition, stored[rendition.object_id].length_bytes) for rendition in renditions]
    total = sum(size for _, size in sizes) or 1
    damage = {one.id: one.message for one in await services.storage.damaged()}
    return [_file(video, rendition, size, 100 * size / total, damage) for rendition, size in sizes]


def _object_ids(video: Video, renditions: list[Rendition]) -> list[int]:
    source = [video.source_object_id] if video.source_object_id is not None else []
    return [*source, *(rendition.object_id for rendition in renditions)]


def _file(video: Video, rendition: Rendition | None, size: int, share: float, damage: dict[int, str]) -> FileRow:
    seconds = (video.duration_ms or 0) / 1000
    described = rendition.description if rendition is not None else None
    picture = f"{described.width} \N{MULTIPLICATION SIGN} {described.height}" if described and described.width else ""
    return FileRow(
        name="" if rendition is None else rendition.name,
        kind="original" if rendition is None else rendition.kind.value,
        origin="" if rendition is None else rendition.origin.value,
        size_bytes=size,
        size_text=size_text(size),
        share=round(share, 1),
        bitrate_bps=round(size * 8 / seconds) if seconds and size else None,
        label=_label(rendition),
        picture=picture if rendition is not None and rendition.kind is RenditionKind.VIDEO else "",
        growing=rendition is not None and not rendition.is_complete,
        damage_text=damage.get(video.source_object_id or 0 if rendition is None else rendition.object_id, ""),
        can_reencode=rendition is not None
        and rendition.kind is RenditionKind.VIDEO
        and rendition.origin is RenditionOrigin.ENCODE
        and video.source_object_id is not None
        and video.state in {VideoState.READY, VideoState.FAILED},
    )


def _label(rendition: Rendition | None) -> str:
    sound = rendition.audio if rendition is not None else None
    return (sound.title or language_name(sound.language) or "") if sound is not None else ""


def _event(entry: TimelineEntry) -> TimelineEvent:
    detail = entry.detail
    return TimelineEvent(
        event=entry.event,
        at_iso=time_iso(entry.happened_at_ms),
        at_text=f"{datetime.fromtimestamp(entry.happened_at_ms / 1000, UTC).astimezone():%d %b %H:%M:%S}",
        message=entry.message,
        detail=detail,
        elapsed_text=_words(span_text, detail.get("seconds", detail.get("took_s"))),
        paused_text=_words(span_text, detail.get("paused_seconds")),
        speed_text=_words(speed_text, detail.get("speed")),
        disk_text=_words(size_text, detail.get("disk_bytes")),
        memory_text=_words(size_text, detail.get("memory_bytes")),
        stderr_tail=str(detail.get("last_words", "")),
        is_error=entry.event in _ERROR_EVENTS,
    )


def _words(say: Any, value: Any) -> str:  # noqa: ANN401  # what a JSON detail holds
    return say(value) if value else ""
