"""Space as pages show it: what uses how much, what lies in the bin, what is there twice."""

from dataclasses import dataclass

from streamtime.http.services import Services
from streamtime.http.views import owner_href
from streamtime.http.words import age_text, size_text, time_iso
from streamtime.library.bin import DAY_MS
from streamtime.library.duplicates import ASKED, Twin
from streamtime.library.space import LargeVideo, Usage
from streamtime.library.video import Video

SHOWN_LARGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One kind of bytes. `share` is of the limit, or of everything where there is none, in hundredths."""

    kind: str
    size_text: str
    start: float
    """Where its part of a bar begins, in hundredths of the bar."""
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What one person's files take, or all people's (then `owner` is empty)."""

    owner: str
    owner_href: str
    total_text: str
    limit_text: str
    left_text: str
    percent: int
    """Of the limit; 0 where there is none."""
    videos: int
    parts: list[PartView]


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeView:
    """A video that takes much."""

    title: str
    href: str
    owner: str
    size_text: str
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BinnedView:
    """A video in the bin."""

    id: str
    title: str
    owner: str
    deleted_text: str
    deleted_iso: str
    days_left: int
    size_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinView:
    """The earlier video with the same bytes. `asked` says that nothing is done before there is an answer."""

    title: str
    href: str
    binned: bool
    asked: bool


def usage_view(usage: Usage) -> UsageView:
    """What one person's files take."""
    parts = {
        "originals": usage.originals,
        "renditions": usage.renditions,
        "stills": usage.stills,
        "bin": usage.bin,
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


def _parts(parts: dict[str, int], whole: int) -> list[PartView]:
    views, before = [], 0
    for kind, count in parts.items():
        start, share = round(before * 100 / whole, 2), round(count * 100 / whole, 2)
        views.append(PartView(kind=kind, size_text=size_text(count), start=start, share=share))
        before += count
    return views


def sum_of(usages: list[Usage]) -> Usage:
    """Everybody's together."""
    return Usage(
        owner="",
        originals=sum(usage.originals for usage in usages),
        renditions=sum(usage.renditions for usage in usages),
        stills=sum(usage.stills for usage in usages),
        bin=sum(usage.bin for usage in usages),
        unfinished=sum(usage.unfinished for usage in usages),
        videos=sum(usage.videos for usage in usages),
        limit=None,
    )


def large_views(largest: list[LargeVideo]) -> list[LargeView]:
    """The videos that take most, the first of them as the measure of the others."""
    most = max((video.length_bytes for video in largest), default=0)
    return [
        LargeView(
            title=video.title,
            href=f"/watch/{video.public_id}/history",
            owner=video.owner,
            size_text=size_text(video.length_bytes),
            share=round(video.length_bytes * 100 / max(1, most)),
        )
        for video in largest
    ]


async def binned_views(found: list[Video], services: Services) -> list[BinnedView]:
    """Videos in the bin, with what they take and how long they stay."""
    sizes = await services.space.bytes_of([video.id for video in found])
    now = services.clock.now_ms()
    return [
        BinnedView(
            id=video.public_id,
            title=video.title,
            owner=video.owner_shown_name,
            deleted_text=age_text(video.deleted_at_ms or now, now),
            deleted_iso=time_iso(video.deleted_at_ms or now),
            days_left=max(0, -(-((services.bin.goes_at_ms(video) or now) - now) // DAY_MS)),
            size_text=size_text(sizes.get(video.id, 0)),
        )
        for video in found
    ]


async def twin_of(video: Video, services: Services) -> TwinView | None:
    """The earlier video with the same bytes, as long as nobody has said what is to become of it."""
    found = await services.duplicates.of([video])
    return twin_view(found[video.id], video) if video.id in found else None


def twin_view(twin: Twin, video: Video) -> TwinView:
    """The twin of a video."""
    return TwinView(
        title=twin.title,
        href="/library/bin" if twin.binned else f"/watch/{twin.public_id}",
        binned=twin.binned,
        asked=video.duplicate == ASKED,
    )
