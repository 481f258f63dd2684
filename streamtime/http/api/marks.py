"""/api/v1/me/watch-later and /api/v1/me/favourites: private marks on videos."""

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.auth.access import Access, Caller
from streamtime.http.api.videos import RenditionNames, VideoList, video_body
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, account_id
from streamtime.http.services import VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.videos.marks import MarkKind

LATER, FAVOURITES = "/api/v1/me/watch-later", "/api/v1/me/favourites"


class MarksBody(msgspec.Struct):
    """The caller's marks on a video, and whether they have watched it to its end."""

    watch_later: bool
    favourite: bool
    watched: bool


@get(
    "/api/v1/videos/{video:str}/marks",
    responses=problems(401, 404),
    tags=["marks"],
    summary="Get your marks on a video",
)
async def get_marks(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> MarksBody:
    """Only the caller sees them."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    marks = (await videos.marks.of_videos(user_id, [found.id])).get(found.id, frozenset())
    watch = (await videos.watching.of_videos(user_id, [found.id])).get(found.id)
    return MarksBody(MarkKind.LATER in marks, MarkKind.FAVOURITE in marks, watch is not None and watch.watched)


@get(LATER, responses=problems(401), tags=["marks"], summary="List what you want to watch later")
async def list_watch_later(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> VideoList:
    """The last added first, without videos that the caller may no longer watch."""
    return await _list(MarkKind.LATER, caller, videos, limit, cursor)


@put(
    LATER + "/{video:str}",
    status_code=204,
    responses=problems(401, 404, 409),
    tags=["marks"],
    summary="Watch a video later",
)
async def add_watch_later(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """A video that is in the list already keeps its place."""
    await _add(MarkKind.LATER, video, caller, videos)


@delete(
    LATER + "/{video:str}",
    responses=problems(401, 404),
    tags=["marks"],
    summary="Remove a video from Watch later",
)
async def remove_watch_later(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Without effect if it is not in the list."""
    await _remove(MarkKind.LATER, video, caller, videos)


@get(FAVOURITES, responses=problems(401), tags=["marks"], summary="List your favourites")
async def list_favourites(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> VideoList:
    """The last added first, without videos that the caller may no longer watch."""
    return await _list(MarkKind.FAVOURITE, caller, videos, limit, cursor)


@put(
    FAVOURITES + "/{video:str}",
    status_code=204,
    responses=problems(401, 404, 409),
    tags=["marks"],
    summary="Add a video to your favourites",
)
async def add_favourite(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """A video that is in the list already keeps its place."""
    await _add(MarkKind.FAVOURITE, video, caller, videos)


@delete(
    FAVOURITES + "/{video:str}",
    responses=problems(401, 404),
    tags=["marks"],
    summary="Remove a video from your favourites",
)
async def remove_favourite(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Without effect if it is not in the list."""
    await _remove(MarkKind.FAVOURITE, video, caller, videos)


async def _list(kind: MarkKind, caller: Caller, videos: VideoServices, limit: int, cursor: str) -> VideoList:
    account_id(caller)
    page = await videos.marks.page(caller, kind, limit=limit, cursor=cursor)
    renditions, tracks = await RenditionNames.of(videos, page.items), await tracks_of(page.items, videos)
    return VideoList([video_body(each, caller, videos, renditions, tracks) for each in page.items], page.next)


async def _add(kind: MarkKind, video: str, caller: Caller, videos: VideoServices) -> None:
    user_id = account_id(caller)
    await videos.marks.add(user_id, await videos.repository.require(caller, video, Access.VIEW), kind)


async def _remove(kind: MarkKind, video: str, caller: Caller, videos: VideoServices) -> None:
    user_id = account_id(caller)
    await videos.marks.remove(user_id, await videos.repository.require(caller, video, Access.VIEW), kind)
