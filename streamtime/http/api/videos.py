"""/api/v1/videos: find, look at, change, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from streamtime.access.caller import Caller
from streamtime.access.rules import Access, Visibility, decide
from streamtime.errors import NotFound
from streamtime.http.services import Services
from streamtime.http.track_views import (
    CaptionBody,
    ChapterBody,
    Tracks,
    caption_bodies,
    chapter_bodies,
    tracks_of,
)
from streamtime.http.views import master_url, poster_url, preview_url, storyboard_url, watch_href
from streamtime.http.words import time_iso
from streamtime.library.duplicates import ASKED, Twin
from streamtime.library.editing import Edit
from streamtime.library.listing import MAX_LIMIT, Query, Sort
from streamtime.library.video import Video, VideoState


class FailureBody(msgspec.Struct):
    """Why nothing more comes of a video."""

    code: str
    message: str


class VideoUrls(msgspec.Struct):
    """Where to go from here; paths on this server."""

    watch: str
    master: str
    poster: str | None
    storyboard: str | None
    preview: str | None
    original: str | None


class TwinBody(msgspec.Struct):
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
    visibility: Visibility
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
    duplicate_of: TwinBody | None
    renditions: list[str]
    preparing: list[str]
    chapters: list[ChapterBody]
    captions: list[CaptionBody]
    urls: VideoUrls


class VideoList(msgspec.Struct):
    """A page of videos, and the cursor of the next one."""

    items: list[VideoBody]
    next: str | None


class VideoPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What is to change; what is left out stays."""

    title: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=100)] | None = None
    visibility: Visibility | None = None
    poster_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None


RungName = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{1,3}p$")]


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be made again: `rungs` by name, or `everything`; with neither, what is missing of a failed video."""

    rungs: Annotated[list[RungName], msgspec.Meta(max_length=20)] = []
    everything: bool = False


Text = Annotated[str, QueryParameter(max_length=200)]


@get("/api/v1/videos", tags=["videos"], summary="Find videos")
async def list_videos(
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    q: Text = "",
    owner: Text = "",
    visibility: Visibility | None = None,
    in_state: Annotated[VideoState | None, QueryParameter(name="state")] = None,
    sort: Sort = Sort.NEW,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = 24,
    cursor: Annotated[str, QueryParameter(max_length=2_000)] = "",
) -> VideoList:
    """All that the caller may find: what is listed for them, and their own videos in every state and visibility.

    Deleted ones only where `binned` ones are asked for: the caller's own, or, by an admin, those of `owner`.
    """
    query = Query(q=q, owner=owner, visibility=visibility, state=in_state, sort=sort, limit=limit, cursor=cursor)
    page = await services.listing.page(caller, query)
    qualities, tracks = await Qualities.of(services, page.items), await tracks_of(page.items, services)
    twins = await services.duplicates.of(page.items)
    items = [body_of(video, caller, services, qualities, tracks, twins.get(video.id)) for video in page.items]
    return VideoList(items=items, next=page.next)


@get("/api/v1/videos/{video:str}", tags=["videos"], summary="Look at a video")
async def get_video(video: str, caller: NamedDependency[Caller], services: NamedDependency[Services]) -> VideoBody:
    """One video, if the caller may know of it."""
    return await _answer(video, caller, services)


@patch("/api/v1/videos/{video:str}", tags=["videos"], summary="Change a video")
async def patch_video(
    video: str, data: VideoPatch, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> VideoBody:
    """Change what is named; all of it or nothing."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    tags = None if data.tags is None else tuple(data.tags)
    await services.editor.apply(found, Edit(data.title, data.description, tags, data.visibility, data.poster_ms))
    return await _answer(video, caller, services)


@delete("/api/v1/videos/{video:str}", tags=["videos"], summary="Delete a video")
async def delete_video(
    video: str, caller: NamedDependency[Caller], services: NamedDependency[Services], now: bool = False
) -> None:
    """It is gone for everybody from the answer on. For some days it lies in the bin, and can be restored.

    With `now` it is deleted for good, from the bin too, and its bytes go soon after.
    """
    if not now:
        found = await services.videos.require(caller, video, Access.MANAGE)
        await services.database.write(lambda tx: services.bin.put(tx, found))
        return
    try:
        found = await services.videos.require(caller, video, Access.MANAGE)
    except NotFound:
        found = await services.bin.require(caller, video)
    await services.database.write(lambda tx: services.deletion.purge(tx, found))


@post("/api/v1/videos/{video:str}/restore", status_code=200, tags=["videos"], summary="Bring a video back")
async def restore_video(video: str, caller: NamedDependency[Caller], services: NamedDependency[Services]) -> VideoBody:
    """Take it out of the bin: it is as it was, and what was half made of it is queued again."""
    found = await services.bin.require(caller, video)
    await services.database.write(lambda tx: services.bin.restore(tx, found))
    return await _answer(video, caller, services)


@post("/api/v1/videos/{video:str}/keep", status_code=200, tags=["videos"], summary="Keep what is there twice")
async def keep_video(video: str, caller: NamedDependency[Caller], services: NamedDependency[Services]) -> VideoBody:
    """Say that a video whose bytes are there already is wanted all the same: it is prepared, and nothing more is said.

    The other answer is to delete it, with `now`.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.duplicates.keep_both(tx, found))
    return await _answer(video, caller, services)


@post("/api/v1/videos/{video:str}/retry", status_code=202, tags=["videos"], summary="Prepare a video again")
async def retry_video(
    video: str, caller: NamedDependency[Caller], services: NamedDependency[Services], data: Retry | None = None
) -> VideoBody:
    """Queue it again, from its original.

    Without a body: a failed video, of which what is finished is kept. With `rungs` or `everything`: those are made
    anew, and what there is plays until they are whole. Rungs that the video is too small for are passed over.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    steering = services.steering
    if data is None or not (data.rungs or data.everything):
        await services.database.write(lambda tx: steering.retry(tx, found))
    else:
        rungs = None if data.everything else data.rungs
        await services.database.write(lambda tx: steering.again(tx, found, rungs=rungs))
    return await _answer(video, caller, services)


@dataclass(frozen=True, slots=True)
class Qualities:
    """The names of pictures that are whole, and of those in the making, by video."""

    whole: dict[int, list[str]]
    growing: dict[int, list[str]]

    @classmethod
    async def of(cls, services: Services, videos: Sequence[Video]) -> "Qualities":
        """Those of several videos."""
        names = services.renditions.names
        working = [video.id for video in videos if video.state is VideoState.PROCESSING]
        return cls(await names([video.id for video in videos]), await names(working, growing=True) if working else {})


def body_of(
    video: Video, caller: Caller, services: Services, qualities: Qualities, tracks: Tracks, twin: Twin | None = None
) -> VideoBody:
    """A video as the API shows it to `caller`."""
    progress = services.progress.of(video)
    manages = decide(caller, video.facts) >= Access.MANAGE
    failure = None
    if video.failure_code is not None and manages:
        failure = FailureBody(video.failure_code, video.failure_message or "")
    has_original = video.source_object_id is not None
    return VideoBody(
        id=video.public_id,
        title=video.title,
        description=video.description,
        tags=list(video.tags),
        owner=video.owner_name,
        visibility=video.visibility,
        state=video.shown_state,
        playable=video.playable,
        progress=1.0 if video.state is VideoState.READY else round(progress.fraction, 4),
        stage=progress.stage,
        speed=round(progress.speed, 2) if manages and progress.speed else None,
        left_s=round(progress.left_s) if manages and progress.left_s else None,
        waiting=(progress.waiting or None) if manages else None,
        failure=failure,
        duration_ms=video.duration_ms,
        damaged_after_ms=video.damaged_after_ms,
        width=video.width,
        height=video.height,
        poster_ms=video.poster_ms,
        created_at=time_iso(video.created_at_ms),
        published_at=None if video.published_at_ms is None else time_iso(video.published_at_ms),
        gone_at=None if (gone := services.bin.goes_at_ms(video)) is None else time_iso(gone),
        duplicate_of=_twin(twin, video) if twin is not None and manages else None,
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


async def _answer(public_id: str, caller: Caller, services: Services) -> VideoBody:
    video = await services.videos.require(caller, public_id, Access.VIEW)
    qualities, tracks = await Qualities.of(services, [video]), await tracks_of([video], services)
    twins = await services.duplicates.of([video])
    return body_of(video, caller, services, qualities, tracks, twins.get(video.id))


def _twin(twin: Twin, video: Video) -> TwinBody:
    return TwinBody(id=twin.public_id, title=twin.title, binned=twin.binned, asked=video.duplicate == ASKED)
