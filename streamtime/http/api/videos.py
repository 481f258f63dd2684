"""/api/v1/videos: find, look at, change, delete.

/api/v1/videos/{video}/timeline: what was decided about a video and why, for whoever may manage it.
"""

from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from streamtime.auth.access import Access, Caller, Visibility
from streamtime.auth.audit import Actor
from streamtime.errors import NotFound
from streamtime.http.api.operations import OptionalBody
from streamtime.http.api.video_bodies import RenditionNames, VideoBody, video_body
from streamtime.http.problems import problems
from streamtime.http.services import Services
from streamtime.http.views.history import history_of, require_manageable
from streamtime.http.views.tracks import tracks_of
from streamtime.videos.editing import Edit
from streamtime.videos.listing import MAX_LIMIT, Query, Sort
from streamtime.videos.video import VideoState


class EventBody(msgspec.Struct):
    """One decision or event. `detail` depends on the event: codecs, seconds, speed, bytes, a worker's last words."""

    at: str
    event: str
    message: str
    detail: dict[str, Any]


class FileBody(msgspec.Struct):
    """One file that is kept: `original`, or a rendition of `video` or `audio` that was a `copy` or an `encode`."""

    name: str
    kind: str
    origin: str
    bytes: int
    bitrate_bps: int | None


class TimelineBody(msgspec.Struct):
    """How a video was prepared, the oldest event first, and what it takes on disk."""

    events: list[EventBody]
    files: list[FileBody]
    bytes_total: int


@get(
    "/api/v1/videos/{video:str}/timeline", responses=problems(404), tags=["videos"], summary="How a video was prepared"
)
async def get_timeline(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> TimelineBody:
    """For its owner and admins; for everybody else there is no such thing."""
    history = await history_of(await require_manageable(video, caller, services), services)
    return TimelineBody(
        events=[EventBody(event.at_iso, event.event, event.message, event.detail) for event in history.events],
        files=[FileBody(row.name, row.kind, row.origin, row.size_bytes, row.bitrate_bps) for row in history.files],
        bytes_total=history.total_bytes,
    )


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
    embeddable: bool | None = None


RungName = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{1,3}p$")]


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be made again: `rungs` by name, or `everything`; with neither, what is missing of a failed video."""

    rungs: Annotated[list[RungName], msgspec.Meta(max_length=20)] = []
    everything: bool = False


Text = Annotated[str, QueryParameter(max_length=200)]


@get("/api/v1/videos", responses=problems(401), tags=["videos"], summary="Find videos")
async def list_videos(
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    q: Text = "",
    owner: Text = "",
    visibility: FromQuery[Visibility | None] = None,
    in_state: Annotated[VideoState | None, QueryParameter(name="state")] = None,
    sort: FromQuery[Sort] = Sort.NEW,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = 24,
    cursor: Annotated[str, QueryParameter(max_length=2_000)] = "",
) -> VideoList:
    """All that the caller may find: what is listed for them, and their own videos in every state and visibility.

    Deleted ones only where `binned` ones are asked for: the caller's own, or, by an admin, those of `owner`.
    """
    query = Query(q=q, owner=owner, visibility=visibility, state=in_state, sort=sort, limit=limit, cursor=cursor)
    page = await services.listing.page(caller, query)
    qualities, tracks = await RenditionNames.of(services, page.items), await tracks_of(page.items, services)
    twins = await services.duplicates.find_for_videos(page.items)
    items = [video_body(video, caller, services, qualities, tracks, twins.get(video.id)) for video in page.items]
    return VideoList(items=items, next=page.next)


@get("/api/v1/videos/{video:str}", responses=problems(404), tags=["videos"], summary="Look at a video")
async def get_video(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> VideoBody:
    """One video, if the caller may know of it."""
    return await _answer(video, caller, services)


@patch("/api/v1/videos/{video:str}", responses=problems(403, 404, 409, 413), tags=["videos"], summary="Change a video")
async def patch_video(
    video: FromPath[str],
    data: JSONBody[VideoPatch],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> VideoBody:
    """Change what is named; all of it or nothing."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    tags = None if data.tags is None else tuple(data.tags)
    edit = Edit(data.title, data.description, tags, data.visibility, data.poster_ms, data.embeddable)
    await services.editor.apply(found, edit, actor)
    return await _answer(video, caller, services)


@delete("/api/v1/videos/{video:str}", responses=problems(403, 404), tags=["videos"], summary="Delete a video")
async def delete_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    now: FromQuery[bool] = False,
) -> None:
    """It is gone for everybody from the answer on. For some days it lies in the bin, and can be restored.

    With `now` it is deleted for good, from the bin too, and its bytes go soon after.
    """
    if not now:
        found = await services.videos.require(caller, video, Access.MANAGE)
        await services.database.write(lambda tx: services.trash.soft_delete(tx, found, actor))
        return
    try:
        found = await services.videos.require(caller, video, Access.MANAGE)
    except NotFound:
        found = await services.trash.require(caller, video)
    await services.database.write(lambda tx: services.deletion.purge(tx, found, actor))


@post(
    "/api/v1/videos/{video:str}/restore",
    status_code=200,
    responses=problems(403, 404, 409),
    tags=["videos"],
    summary="Bring a video back",
)
async def restore_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> VideoBody:
    """Take it out of the bin: it is as it was, and what was half made of it is queued again."""
    found = await services.trash.require(caller, video)
    await services.database.write(lambda tx: services.trash.restore(tx, found, actor))
    return await _answer(video, caller, services)


@post(
    "/api/v1/videos/{video:str}/keep",
    status_code=200,
    responses=problems(403, 404),
    tags=["videos"],
    summary="Keep what is there twice",
)
async def keep_video(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> VideoBody:
    """Say that a video whose bytes are there already is wanted all the same: it is prepared, and nothing more is said.

    The other answer is to delete it, with `now`.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.duplicates.keep_both(tx, found))
    return await _answer(video, caller, services)


@post(
    "/api/v1/videos/{video:str}/retry",
    status_code=202,
    responses=problems(403, 404, 409, 413),
    operation_class=OptionalBody,
    tags=["videos"],
    summary="Prepare a video again",
)
async def retry_video(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    data: JSONBody[Retry | None] = None,
) -> VideoBody:
    """Queue it again, from its original.

    Without a body: a failed video, of which what is finished is kept. With `rungs` or `everything`: those are made
    anew, and what there is plays until they are whole. Rungs that the video is too small for are passed over.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    steering = services.video_jobs
    if data is None or not (data.rungs or data.everything):
        await services.database.write(lambda tx: steering.retry(tx, found))
    else:
        rungs = None if data.everything else data.rungs
        await services.database.write(lambda tx: steering.reprocess(tx, found, rungs=rungs))
    return await _answer(video, caller, services)


async def _answer(public_id: str, caller: Caller, services: Services) -> VideoBody:
    await services.playlists.check_playable(caller, public_id)
    video = await services.videos.require(caller, public_id, Access.VIEW)
    qualities, tracks = await RenditionNames.of(services, [video]), await tracks_of([video], services)
    twins = await services.duplicates.find_for_videos([video])
    return video_body(video, caller, services, qualities, tracks, twins.get(video.id))
