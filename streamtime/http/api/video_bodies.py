"""Videos as the API shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from streamtime.auth.access import Access, Caller, Visibility, access_level
from streamtime.formatting import time_iso
from streamtime.http.services import Services
from streamtime.http.views.tracks import CaptionBody, ChapterBody, Tracks, caption_bodies, chapter_bodies
from streamtime.http.views.videos import master_url, poster_url, preview_url, storyboard_url, watch_href
from streamtime.videos.duplicates import DUPLICATE_PENDING, Duplicate
from streamtime.videos.video import Video, VideoState


class FailureBody(msgspec.Struct):
    """Why nothing more comes of a video. `final` where its file is at fault: trying again would end in the same way."""

    code: str
    message: str
    final: bool


class VideoUrls(msgspec.Struct):
    """Where to go from here; paths on this server."""

    watch: str
    master: str
    poster: str | None
    storyboard: str | None
    preview: str | None
    original: str | None


class DuplicateBody(msgspec.Struct):
    """An earlier video whose original has the same bytes. With `asked` nothing is made before there is an answer."""

    id: str
    title: str
    binned: bool
    asked: bool


class VideoBody(msgspec.Struct):
    """A video. `speed` (seconds of video a second), `left_s` and `waiting` (why nothing goes on) are its owner's.

    `gone_at` is when one that is `binned` goes for good.
    """

    id: str
    title: str
    description: str
    tags: list[str]
    owner: str
    guest_name: str | None
    filename: str | None
    """What the uploaded file was called, for its owner alone."""
    visibility: Visibility
    embeddable: bool
    state: VideoState
    playable: bool
    progress: float
    stage: str
    speed: float | None
    left_s: int | None
    waiting: str | None
    failure: FailureBody | None
    duration_ms: int | None
    damaged_after_ms: int | None
    width: int | None
    height: int | None
    poster_ms: int | None
    created_at: str
    published_at: str | None
    gone_at: str | None
    duplicate_of: DuplicateBody | None
    renditions: list[str]
    preparing: list[str]
    chapters: list[ChapterBody]
    captions: list[CaptionBody]
    urls: VideoUrls


@dataclass(frozen=True, slots=True)
class RenditionNames:
    """The names of pictures that are whole, and of those in the making, by video."""

    whole: dict[int, list[str]]
    growing: dict[int, list[str]]

    @classmethod
    async def of(cls, services: Services, videos: Sequence[Video]) -> "RenditionNames":
        """Those of several videos."""
        names = services.renditions.names
        working = [video.id for video in videos if video.state is VideoState.PROCESSING]
        return cls(await names([video.id for video in videos]), await names(working, growing=True) if working else {})


def video_body(
    video: Video,
    caller: Caller,
    services: Services,
    qualities: RenditionNames,
    tracks: Tracks,
    twin: Duplicate | None = None,
) -> VideoBody:
    """A video as the API shows it to `caller`."""
    progress = services.progress.get(video)
    manages = access_level(caller, video.facts) >= Access.MANAGE
    failure = None
    if video.failure_code is not None and manages:
        failure = FailureBody(video.failure_code, video.failure_message or "", video.is_unrecoverable)
    has_original = video.source_object_id is not None
    return VideoBody(
        id=video.public_id,
        title=video.title,
        description=video.description,
        tags=list(video.tags),
        owner=video.owner_name,
        guest_name=video.guest_name if manages else None,
        filename=video.source_name if manages else None,
        visibility=video.visibility,
        embeddable=video.embeddable,
        state=video.display_state,
        playable=video.playable,
        progress=1.0 if video.state is VideoState.READY else round(progress.fraction, 4),
        stage=progress.stage,
        speed=round(progress.speed, 2) if manages and progress.speed else None,
        left_s=round(progress.remaining_s) if manages and progress.remaining_s else None,
        waiting=(progress.waiting or None) if manages else None,
        failure=failure,
        duration_ms=video.duration_ms,
        damaged_after_ms=video.damaged_after_ms,
        width=video.width,
        height=video.height,
        poster_ms=video.poster_ms,
        created_at=time_iso(video.created_at_ms),
        published_at=None if video.published_at_ms is None else time_iso(video.published_at_ms),
        gone_at=None if (gone := services.trash.purge_at_ms(video)) is None else time_iso(gone),
        duplicate_of=_duplicate_body(twin, video) if twin is not None and manages else None,
        renditions=qualities.whole.get(video.id, []),
        preparing=qualities.growing.get(video.id, []),
        chapters=chapter_bodies(video, tracks),
        captions=caption_bodies(video, tracks),
        urls=VideoUrls(
            watch=watch_href(video),
            master=master_url(video),
            poster=poster_url(video),
            storyboard=storyboard_url(video),
            preview=preview_url(video),
            original=f"/media/{video.public_id}/original" if has_original else None,
        ),
    )


def _duplicate_body(duplicate: Duplicate, video: Video) -> DuplicateBody:
    return DuplicateBody(
        id=duplicate.public_id,
        title=duplicate.title,
        binned=duplicate.in_trash,
        asked=video.duplicate == DUPLICATE_PENDING,
    )
