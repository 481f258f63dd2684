"""View values of storage usage, the trash, and duplicates."""

from dataclasses import dataclass

from streamtime.clock import Clock
from streamtime.formatting import age_text, size_text, time_iso
from streamtime.http.services import StorageServices, VideoServices
from streamtime.http.video_urls import owner_href
from streamtime.videos.duplicates import DUPLICATE_PENDING, Duplicate
from streamtime.videos.quota import LargeVideo, Usage
from streamtime.videos.trash import DAY_MS
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePartView:
    """Usage by one kind of file. `share` is in per cent of the limit, or of the total if there is no limit."""

    kind: str
    size_text: str
    start: float
    """Start of its segment of the bar, in per cent."""
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """Storage usage of one user, or of all users (`owner` is empty)."""

    owner: str
    owner_href: str
    total_text: str
    limit_text: str
    left_text: str
    percent: int
    """Usage in per cent of the limit; 0 without a limit."""
    videos: int
    parts: list[UsagePartView]


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeVideoView:
    """One of the largest videos."""

    title: str
    href: str
    owner: str
    size_text: str
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashedVideoView:
    """A video in the trash."""

    id: str
    title: str
    owner: str
    deleted_text: str
    deleted_iso: str
    days_left: int
    size_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateView:
    """The earlier video with the same content. `awaiting_decision`: processing waits for the owner's decision."""

    title: str
    href: str
    in_trash: bool
    awaiting_decision: bool


def usage_view(usage: Usage) -> UsageView:
    """Return the usage of one user."""
    parts = {
        "originals": usage.originals,
        "renditions": usage.renditions,
        "stills": usage.stills,
        "trash": usage.trash,
        "unfinished": usage.unfinished,
    }
    limit, total = usage.limit, usage.total
    return UsageView(
        owner=usage.owner,
        owner_href=owner_href(usage.owner) if usage.owner else "",
        total_text=size_text(total),
        limit_text=size_text(limit) if limit else "",
        left_text=size_text(max(0, limit - total)) if limit else "",
        percent=min(100, -(-total * 100 // limit)) if limit else 0,
        videos=usage.videos,
        parts=_parts(parts, max(1, limit or 0, total)),
    )


def _parts(sizes: dict[str, int], total: int) -> list[UsagePartView]:
    views, offset = [], 0
    for kind, size in sizes.items():
        start, share = round(offset * 100 / total, 2), round(size * 100 / total, 2)
        views.append(UsagePartView(kind=kind, size_text=size_text(size), start=start, share=share))
        offset += size
    return views


def total_usage(usages: list[Usage]) -> Usage:
    """Return the sum of all users' usage."""
    return Usage(
        owner="",
        originals=sum(usage.originals for usage in usages),
        renditions=sum(usage.renditions for usage in usages),
        stills=sum(usage.stills for usage in usages),
        trash=sum(usage.trash for usage in usages),
        unfinished=sum(usage.unfinished for usage in usages),
        videos=sum(usage.videos for usage in usages),
        limit=None,
    )


def large_video_views(largest: list[LargeVideo]) -> list[LargeVideoView]:
    """Return the largest videos, with their sizes relative to the largest."""
    maximum = max((video.length_bytes for video in largest), default=0)
    return [
        LargeVideoView(
            title=video.title,
            href=f"/watch/{video.public_id}/history",
            owner=video.owner,
            size_text=size_text(video.length_bytes),
            share=round(video.length_bytes * 100 / max(1, maximum)),
        )
        for video in largest
    ]


async def trashed_video_views(
    found: list[Video], videos: VideoServices, storage: StorageServices, clock: Clock
) -> list[TrashedVideoView]:
    """Return videos in the trash, with their sizes and the days until they are deleted."""
    sizes = await storage.usage.bytes_by_video([video.id for video in found])
    now = clock.now_ms()
    return [
        TrashedVideoView(
            id=video.public_id,
            title=video.title,
            owner=video.owner_shown_name,
            deleted_text=age_text(video.deleted_at_ms or now, now),
            deleted_iso=time_iso(video.deleted_at_ms or now),
            days_left=max(0, -(-((videos.trash.purge_at_ms(video) or now) - now) // DAY_MS)),
            size_text=size_text(sizes.get(video.id, 0)),
        )
        for video in found
    ]


async def duplicate_of(video: Video, videos: VideoServices) -> DuplicateView | None:
    """Return the earlier video with the same content, unless the owner has decided to keep both."""
    duplicates = await videos.duplicates.find_for_videos([video])
    return duplicate_view(duplicates[video.id], video) if video.id in duplicates else None


def duplicate_view(duplicate: Duplicate, video: Video) -> DuplicateView:
    """Return the view of a video's duplicate."""
    return DuplicateView(
        title=duplicate.title,
        href="/library/bin" if duplicate.in_trash else f"/watch/{duplicate.public_id}",
        in_trash=duplicate.in_trash,
        awaiting_decision=video.duplicate == DUPLICATE_PENDING,
    )
