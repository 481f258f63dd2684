"""/api/v1/videos: find, read, change, delete, restore and reprocess videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from streamtime.auth.access import Access, Caller, Visibility, access_level
from streamtime.auth.audit import Actor
from streamtime.database.transaction import Database
from streamtime.errors import NotFound
from streamtime.formatting import time_iso
from streamtime.http.api.operations import OptionalBody
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, Text
from streamtime.http.services import PlaybackServices, VideoServices
from streamtime.http.tracks import CaptionBody, ChapterBody, Tracks, caption_bodies, chapter_bodies, tracks_of
from streamtime.http.video_urls import master_url, mp4_url, poster_url, preview_url, storyboard_url, watch_href
from streamtime.videos.duplicates import DUPLICATE_PENDING, Duplicate
from streamtime.videos.editing import Edit
from streamtime.videos.listing import Filters, Query, Sort
from streamtime.videos.video import Video, VideoState


class FailureBody(msgspec.Struct):
    """Why processing failed. `final`: the file is at fault, so that a retry would fail in the same way."""

    code: str
    message: str
    final: bool


class VideoUrls(msgspec.Struct):
    """Paths of the video's resources on this server. `mp4`: one plain file with audio for each complete rendition."""

    watch: str
    master: str
    poster: str | None
    storyboard: str | None
    preview: str | None
    original: str | None
    mp4: dict[str, str]


class DuplicateBody(msgspec.Struct):
    """An earlier video with the same original. `asked`: processing waits until the owner keeps or deletes the copy."""

    id: str
    title: str
    binned: bool
    asked: bool


class VideoBody(msgspec.Struct):
    """A video. `speed` (seconds of video per second), `left_s` and `waiting` (why it waits) are only for its owner.

    `gone_at` is when a `binned` video will be deleted permanently.
    """

    id: str
    title: str
    description: str
    tags: list[str]
    owner: str
    guest_name: str | None
    filename: str | None
    """Name of the uploaded file; only for the owner."""
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
    views: int
    poster_ms: int | None
    recorded_at: str | None
    """When it was recorded, with the offset from UTC at that place."""
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
    """The names of complete and of growing video renditions, by video."""

    complete: dict[int, list[str]]
    growing: dict[int, list[str]]

    @classmethod
    async def of(cls, videos: VideoServices, shown: Sequence[Video]) -> "RenditionNames":
        """Read them for several videos."""
        names = videos.renditions.names
        processing = [video.id for video in shown if video.state is VideoState.PROCESSING]
        return cls(
            await names([video.id for video in shown]), await names(processing, growing=True) if processing else {}
        )


def video_body(
    video: Video,
    caller: Caller,
    videos: VideoServices,
    renditions: RenditionNames,
    tracks: Tracks,
    duplicate: Duplicate | None = None,
) -> VideoBody:
    """Return a video as `caller` may see it."""
    progress = videos.progress.get(video)
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
        views=video.views,
        poster_ms=video.poster_ms,
        recorded_at=None if video.recorded is None else video.recorded.iso,
        created_at=time_iso(video.created_at_ms),
        published_at=None if video.published_at_ms is None else time_iso(video.published_at_ms),
        gone_at=None if (gone := videos.trash.purge_at_ms(video)) is None else time_iso(gone),
        duplicate_of=_duplicate_body(duplicate, video) if duplicate is not None and manages else None,
        renditions=renditions.complete.get(video.id, []),
        preparing=renditions.growing.get(video.id, []),
        chapters=chapter_bodies(video, tracks),
        captions=caption_bodies(video, tracks),
        urls=VideoUrls(
            watch=watch_href(video),
            master=master_url(video),
            poster=poster_url(video),
            storyboard=storyboard_url(video),
            preview=preview_url(video),
            original=f"/media/{video.public_id}/original" if has_original else None,
            mp4={name: mp4_url(video, name) for name in renditions.complete.get(video.id, [])},
        ),
    )


def _duplicate_body(duplicate: Duplicate, video: Video) -> DuplicateBody:
    return DuplicateBody(
        id=duplicate.public_id,
        title=duplicate.title,
        binned=duplicate.in_trash,
        asked=video.duplicate == DUPLICATE_PENDING,
    )


class VideoList(msgspec.Struct):
    """A page of videos, and the cursor of the next one."""

    items: list[VideoBody]
    next: str | None


class VideoPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes; omitted fields stay unchanged."""

    title: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=100)] | None = None
    visibility: Visibility | None = None
    poster_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    embeddable: bool | None = None
    recorded_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """A day or a time in ISO 8601 format; an empty text removes the date."""


RungName = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{1,3}p$")]


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """What to process again: `rungs` by name, or `everything`; with neither, the missing parts of a failed video."""

    rungs: Annotated[list[RungName], msgspec.Meta(max_length=20)] = []
    everything: bool = False


@get("/api/v1/videos", responses=problems(401), tags=["videos"], summary="Find videos")
async def list_videos(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    filters: NamedDependency[Filters],
    q: Text = "",
    sort: FromQuery[Sort] = Sort.NEW,
    limit: Limit = 24,
    cursor: Cursor = "",
) -> VideoList:
    """Videos that are listed for the caller, and their own videos in every state and visibility.

    `q` searches like `/api/v1/search`. Deleted videos are included only with `state=binned`: the caller's own, or, for
    an admin, those of `owner`.
    """
    query = Query(q=q, filters=filters, sort=sort, limit=limit, cursor=cursor)
    page = await videos.listing.page(caller, query)
    renditions, tracks = await RenditionNames.of(videos, page.items), await tracks_of(page.items, videos)
    duplicates = await videos.duplicates.find_for_videos(page.items)
    items = [video_body(video, caller, videos, renditions, tracks, duplicates.get(video.id)) for video in page.items]
    return VideoList(items=items, next=page.next)


@get("/api/v1/videos/{video:str}", responses=problems(404), tags=["videos"], summary="Get a video")
async def get_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
) -> VideoBody:
    """One video, if the caller may see it."""
    return await _answer(video, caller, videos, playback)


@patch("/api/v1/videos/{video:str}", responses=problems(403, 404, 409, 413), tags=["videos"], summary="Change a video")
async def patch_video(
    video: FromPath[str],
    data: JSONBody[VideoPatch],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
) -> VideoBody:
    """Change the given fields, all or none."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    tags = None if data.tags is None else tuple(data.tags)
    edit = Edit(data.title, data.description, tags, data.visibility, data.poster_ms, data.embeddable, data.recorded_at)
    await videos.editor.apply(found, edit, actor)
    return await _answer(video, caller, videos, playback)


@delete("/api/v1/videos/{video:str}", responses=problems(403, 404), tags=["videos"], summary="Delete a video")
async def delete_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
    now: FromQuery[bool] = False,
) -> None:
    """Move the video to the trash. It is hidden from everyone immediately, and can be restored for some days.

    With `now` it is deleted permanently, also from the trash, and its files soon after.
    """
    if not now:
        found = await videos.repository.require(caller, video, Access.MANAGE)
        await database.write(lambda tx: videos.trash.soft_delete(tx, found, actor))
        return
    try:
        found = await videos.repository.require(caller, video, Access.MANAGE)
    except NotFound:
        found = await videos.trash.require(caller, video)
    await database.write(lambda tx: videos.deletion.purge(tx, found, actor))


@post(
    "/api/v1/videos/{video:str}/restore",
    status_code=200,
    responses=problems(403, 404, 409),
    tags=["videos"],
    summary="Restore a video",
)
async def restore_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
    database: NamedDependency[Database],
) -> VideoBody:
    """Restore the video from the trash. Unfinished processing is queued again."""
    found = await videos.trash.require(caller, video)
    await database.write(lambda tx: videos.trash.restore(tx, found, actor))
    return await _answer(video, caller, videos, playback)


@post(
    "/api/v1/videos/{video:str}/keep",
    status_code=200,
    responses=problems(403, 404),
    tags=["videos"],
    summary="Keep a duplicate",
)
async def keep_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
    database: NamedDependency[Database],
) -> VideoBody:
    """Keep a video whose file is the same as an earlier one's, and process it.

    The alternative is to delete it, with `now`.
    """
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.duplicates.keep_both(tx, found))
    return await _answer(video, caller, videos, playback)


@post(
    "/api/v1/videos/{video:str}/retry",
    status_code=202,
    responses=problems(403, 404, 409, 413),
    operation_class=OptionalBody,
    tags=["videos"],
    summary="Process a video again",
)
async def retry_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
    database: NamedDependency[Database],
    data: JSONBody[Retry | None] = None,
) -> VideoBody:
    """Queue the video for processing from its original.

    Without a body, a failed video is retried, and its finished renditions are kept. With `rungs` or `everything`, those
    are encoded again; the existing renditions play until the new ones are complete. Rungs above the height of the video
    are ignored.
    """
    found = await videos.repository.require(caller, video, Access.MANAGE)
    video_jobs = videos.jobs
    if data is None or not (data.rungs or data.everything):
        await database.write(lambda tx: video_jobs.retry(tx, found))
    else:
        rungs = None if data.everything else data.rungs
        await database.write(lambda tx: video_jobs.reprocess(tx, found, rungs=rungs))
    return await _answer(video, caller, videos, playback)


async def _answer(public_id: str, caller: Caller, videos: VideoServices, playback: PlaybackServices) -> VideoBody:
    await playback.playlists.check_playable(caller, public_id)
    video = await videos.repository.require(caller, public_id, Access.VIEW)
    renditions, tracks = await RenditionNames.of(videos, [video]), await tracks_of([video], videos)
    duplicates = await videos.duplicates.find_for_videos([video])
    return video_body(video, caller, videos, renditions, tracks, duplicates.get(video.id))
