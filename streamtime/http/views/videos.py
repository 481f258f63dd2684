"""View values of videos and chapters. They contain only what the caller may see."""

import re
from dataclasses import dataclass
from typing import Any

from streamtime.auth.access import Access, Caller, Visibility, access_level
from streamtime.clock import EpochMs
from streamtime.formatting import (
    age_text,
    clock_seconds,
    day_text,
    duration_iso,
    duration_text,
    span_text,
    speed_text,
    time_iso,
)
from streamtime.hls.storyboard import Storyboard
from streamtime.http.tracks import CaptionBody, Tracks, caption_bodies
from streamtime.http.video_urls import (
    chapters_url,
    master_url,
    mp4_url,
    owner_href,
    picture_href,
    poster_url,
    preview_url,
    still_url,
    storyboard_url,
    watch_href,
)
from streamtime.translation import gettext, gettext_noop
from streamtime.videos.chapters import format_chapters
from streamtime.videos.progress import VideoProgress
from streamtime.videos.video import Video, VideoState
from streamtime.videos.watching import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryboardTile:
    """A thumbnail of a video: a tile of a storyboard sheet. Sizes and offsets are in pixels."""

    at_ms: int
    text: str
    sheet_url: str
    sheet_width: int
    sheet_height: int
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChapterView:
    """A chapter in the chapter list of the player."""

    seconds: float
    time_text: str
    title: str
    tile: StoryboardTile | None
    """None if the video has no storyboard yet."""


def chapter_views(video: Video, tracks: Tracks) -> list[ChapterView]:
    """Return the chapters of a video for templates."""
    return [
        ChapterView(
            chapter.start_ms / 1000,
            duration_text(chapter.start_ms),
            chapter.title,
            _storyboard_tile_at(video, chapter.start_ms),
        )
        for chapter in tracks.chapters.get(video.id, [])
    ]


VISIBILITY_TEXTS = {
    Visibility.PRIVATE: gettext_noop("Private"),
    Visibility.MEMBERS: gettext_noop("Members"),
    Visibility.UNLISTED: gettext_noop("Unlisted"),
    Visibility.PUBLIC: gettext_noop("Public"),
}

_BADGES = ((2160, "4K"), (1440, "1440p"))
_POSTER_WIDTH = 1280
_EDITING_LINES = 480
_DEFAULT_SHAPE = (16, 9)
_MAX_TILES = 24
_MARKS = re.compile(r"(?P<link>https?://[^\s<>\"']{1,500})|(?<![\d:])(?P<time>(?:\d{1,2}:)?\d{1,2}:\d{2})(?![\d:])")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCard:
    """A video in a grid."""

    id: str
    href: str
    edit_href: str
    history_href: str
    title: str
    poster_url: str | None
    poster_width: int
    poster_height: int
    preview_url: str | None
    duration_text: str | None
    duration_iso: str | None
    badge: str | None
    owner_name: str
    owner_href: str
    owner_picture: str | None
    age_text: str
    created_iso: str
    recorded_text: str | None
    """The day on which it was recorded."""
    recorded_iso: str | None
    visibility: str
    visibility_text: str
    state: str
    playable: bool
    percent: int
    stage_text: str
    speed_text: str
    left_text: str
    waiting_text: str
    failure_message: str | None
    failure_is_final: bool
    can_manage: bool
    shared_with: int
    """People and groups that the video is shared with, for those who may change that; else 0."""
    views: int
    watched_percent: int
    """How far the caller has watched it; 0 if not at all."""
    resume_ms: int
    """Where the caller stopped; 0 at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A part of a description: plain text, a link, or a time to seek to."""

    text: str
    href: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of a video that can be saved, and the name that it gets."""

    href: str
    text: str
    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView(VideoCard):
    """A video on its watch page."""

    filename: str | None
    """Name of the uploaded file; only for the owner."""
    guest_name: str | None
    """Name of the guest who uploaded it; only for the owner."""
    description: str
    description_parts: list[TextPart]
    tags: list[str]
    master_url: str
    storyboard_url: str | None
    duration_ms: int | None
    damaged_text: str | None
    """Time up to which a damaged original could be read."""
    width: int | None
    height: int | None
    original_text: str | None
    downloads: list[Download]
    renditions: list[str]
    chapters: list[ChapterView]
    chapters_url: str
    chapters_text: str
    """The chapters as lines of text, for a form."""
    chapters_chosen: bool
    poster_uploaded: bool
    captions: list[CaptionBody]
    storyboard_tiles: list[StoryboardTile]

    @property
    def editing_url(self) -> str | None:
        """A rendition as one file, for pages on which the video is edited: small, since it is sought in often."""
        small = [name for name in self.renditions if int(name.removesuffix("p")) <= _EDITING_LINES]
        name = small[0] if small else self.renditions[-1] if self.renditions else None
        return None if name is None else f"/media/{self.id}/{name.removesuffix('p')}.mp4"


def video_card(
    video: Video, progress: VideoProgress, caller: Caller, now_ms: EpochMs, watch: Watch | None = None
) -> VideoCard:
    """Return the card of a video, as `caller` may see it. `watch`: how far they have watched it."""
    return VideoCard(**_card_values(video, progress, caller, now_ms, watch))


def watch_page_view(
    video: Video,
    progress: VideoProgress,
    caller: Caller,
    now_ms: EpochMs,
    *,
    renditions: list[str],
    original_text: str | None,
    tracks: Tracks,
    watch: Watch | None = None,
) -> WatchView:
    """Return the view of the watch page, as `caller` may see it."""
    return WatchView(
        **_card_values(video, progress, caller, now_ms, watch),
        filename=video.source_name if access_level(caller, video.facts) >= Access.MANAGE else None,
        guest_name=video.guest_name if access_level(caller, video.facts) >= Access.MANAGE else None,
        description=video.description,
        description_parts=description_parts(video.description),
        tags=list(video.tags),
        master_url=master_url(video),
        storyboard_url=storyboard_url(video),
        duration_ms=video.duration_ms,
        damaged_text=None if video.damaged_after_ms is None else duration_text(video.damaged_after_ms),
        width=video.width,
        height=video.height,
        original_text=original_text,
        downloads=_downloads(video, renditions, original_text),
        renditions=renditions,
        chapters=chapter_views(video, tracks),
        chapters_url=chapters_url(video),
        chapters_text=format_chapters(tracks.chapters.get(video.id, [])),
        chapters_chosen=video.chapters_chosen,
        poster_uploaded=video.poster_uploaded,
        captions=caption_bodies(video, tracks),
        storyboard_tiles=storyboard_tiles(video),
    )


def _downloads(video: Video, renditions: list[str], original_text: str | None) -> list[Download]:
    """Return the original, then each complete rendition with its audio as one file."""
    title = video.title.replace("/", "-")
    found = [
        Download(href=mp4_url(video, name), text=f"MP4, {name}", filename=f"{title} {name}.mp4") for name in renditions
    ]
    if original_text:
        found.insert(0, Download(href=f"/media/{video.public_id}/original", text=original_text, filename=""))
    return found


def storyboard_tiles(video: Video) -> list[StoryboardTile]:
    """Return some thumbnails of a video, evenly spaced."""
    if video.stills is None:
        return []
    board = video.stills.storyboard
    count = min(board.tiles, _MAX_TILES)
    return [
        _storyboard_tile(video, board, video.stills.duration_ms, place * board.tiles // count) for place in range(count)
    ]


def _storyboard_tile_at(video: Video, at_ms: int) -> StoryboardTile | None:
    if video.stills is None:
        return None
    board = video.stills.storyboard
    return _storyboard_tile(video, board, video.stills.duration_ms, board.tile_at(at_ms))


def _storyboard_tile(video: Video, board: Storyboard, duration_ms: int, tile: int) -> StoryboardTile:
    sheet, left, top = board.tile_position(tile)
    width, height = board.sheet_size(sheet)
    at_ms = board.time_ms(tile, duration_ms)
    return StoryboardTile(
        at_ms=at_ms,
        text=duration_text(at_ms // 1000 * 1000),
        sheet_url=still_url(video, f"storyboard-{sheet}.jpg") or "",
        sheet_width=width,
        sheet_height=height,
        left=left,
        top=top,
        width=board.tile_width,
        height=board.tile_height,
    )


def description_parts(description: str) -> list[TextPart]:
    """Split a description into plain text, links and times."""
    parts: list[TextPart] = []
    end = 0
    for mark in _MARKS.finditer(description):
        if mark.start() > end:
            parts.append(TextPart(text=description[end : mark.start()]))
        end = mark.end()
        if mark["link"]:
            parts.append(TextPart(text=mark["link"], href=mark["link"]))
        else:
            parts.append(TextPart(text=mark["time"], seconds=clock_seconds(mark["time"])))
    if end < len(description):
        parts.append(TextPart(text=description[end:]))
    return parts


def _badge(video: Video) -> str | None:
    short_side = min(video.width or 0, video.height or 0)
    return next((name for lines, name in _BADGES if short_side >= lines), None)


def poster_size(video: Video) -> tuple[int, int]:
    """Return width and height of the poster in pixels; 16:9 if the size of the video is unknown."""
    width, height = video.width or _DEFAULT_SHAPE[0], video.height or _DEFAULT_SHAPE[1]
    return _POSTER_WIDTH, round(_POSTER_WIDTH * height / width)


_PREPARING, _SOUND = "Preparing ", "sound"
_QUIET_HOURS = re.compile(r"Waits for quiet hours \((\d\d:\d\d)\)")


def stage_text(stage: str) -> str:
    """Return the stage of the work on a video, which may name renditions, in the language of the page."""
    names = stage.removeprefix(_PREPARING)
    if names in {stage, _SOUND}:
        return gettext(stage)
    return gettext("Preparing %(names)s", names=names)


def waiting_text(reason: str) -> str:
    """Return the reason why no work is done on a video in the language of the page."""
    found = _QUIET_HOURS.fullmatch(reason)
    return gettext("Waits for quiet hours (%(time)s)", time=found[1]) if found else gettext(reason)


def _card_values(
    video: Video, progress: VideoProgress, caller: Caller, now_ms: EpochMs, watch: Watch | None
) -> dict[str, Any]:
    width, height = poster_size(video)
    mine = access_level(caller, video.facts) >= Access.MANAGE
    return {
        "id": video.public_id,
        "href": watch_href(video),
        "edit_href": f"{watch_href(video)}/edit",
        "history_href": f"{watch_href(video)}/history",
        "title": video.title,
        "poster_url": poster_url(video),
        "poster_width": width,
        "poster_height": height,
        "preview_url": preview_url(video) if video.playable else None,
        "duration_text": None if video.duration_ms is None else duration_text(video.duration_ms),
        "duration_iso": None if video.duration_ms is None else duration_iso(video.duration_ms),
        "badge": _badge(video),
        "owner_name": video.owner_shown_name,
        "owner_href": owner_href(video.owner_name),
        "owner_picture": picture_href(video.owner_public_id, video.owner_picture_version),
        "age_text": age_text(video.published_at_ms or video.created_at_ms, now_ms),
        "created_iso": time_iso(video.created_at_ms),
        "recorded_text": None if video.recorded is None else day_text(video.recorded.local.date()),
        "recorded_iso": None if video.recorded is None else video.recorded.day,
        "visibility": video.visibility.value,
        "visibility_text": gettext(VISIBILITY_TEXTS[video.visibility]),
        "state": video.state.value,
        "playable": video.playable,
        "percent": 100 if video.state is VideoState.READY else int(progress.fraction * 100),
        "stage_text": stage_text(progress.stage),
        "speed_text": speed_text(progress.speed) if mine and progress.speed else "",
        "left_text": span_text(progress.remaining_s) if mine and progress.remaining_s else "",
        "waiting_text": waiting_text(progress.waiting) if mine else "",
        "failure_message": gettext(video.failure_message) if mine and video.failure_message else None,
        "failure_is_final": video.is_unrecoverable,
        "can_manage": mine,
        "shared_with": video.grants if mine else 0,
        "views": video.views,
        "watched_percent": 0 if watch is None else watch.percent(video.duration_ms),
        "resume_ms": 0 if watch is None else watch.position_ms,
    }
