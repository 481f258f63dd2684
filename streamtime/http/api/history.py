"""Positions reported by players, and the caller's watch history."""

import hashlib
from enum import StrEnum
from typing import Annotated

import msgspec
from litestar import delete, get, patch, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Access, Caller
from streamtime.formatting import time_iso
from streamtime.http.api.videos import RenditionNames, VideoBody, video_body
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, Cursor, Limit, account_id, client_address
from streamtime.http.services import VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.videos.watching import Report

_Ms = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class PositionBody(msgspec.Struct):
    """How far the caller has watched a video. `watched`: to the end, the last time or before."""

    position_ms: int
    watched: bool


class ReportBody(msgspec.Struct, forbid_unknown_fields=True):
    """The position of a player, and how long it has played since it was opened, both in milliseconds."""

    position_ms: _Ms
    played_ms: _Ms = 0


class HistoryEntry(msgspec.Struct):
    """A watched video, how far it was watched, and when."""

    video: VideoBody
    position_ms: int
    watched: bool
    watched_at: str


class Recording(StrEnum):
    """Whether watched videos are added to the history."""

    ON = "on"
    PAUSED = "paused"


class HistoryBody(msgspec.Struct):
    """A page of the history, the last watched first. While `recording` is paused, nothing is added."""

    items: list[HistoryEntry]
    recording: Recording
    next: str | None


class HistoryPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Pauses the history, or goes on with it."""

    recording: Recording


@get(
    "/api/v1/videos/{video:str}/position",
    responses=problems(401, 404),
    tags=["history"],
    summary="Get your position in a video",
)
async def get_position(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> PositionBody:
    """Where the caller stopped watching; 0 if they have not begun, or watched it to the end."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    watch = (await videos.watching.of_videos(user_id, [found.id])).get(found.id)
    return PositionBody(0, watched=False) if watch is None else PositionBody(watch.position_ms, watch.watched)


@put(
    "/api/v1/videos/{video:str}/position",
    status_code=204,
    responses=problems(404),
    tags=["history"],
    summary="Report the position of a player",
)
async def put_position(
    request: ApiRequest,
    video: FromPath[str],
    data: JSONBody[ReportBody],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
) -> None:
    """Keep the position of a signed-in caller, unless their history is paused, and count a view.

    A view is 10 seconds, or a third of a shorter video; it is counted once in six hours for each viewer.
    """
    found = await videos.repository.require(caller, video, Access.VIEW)
    await videos.watching.report(caller, _viewer(request, caller), found, Report(data.position_ms, data.played_ms))


def _viewer(request: ApiRequest, caller: Caller) -> str:
    """Return who views: the account, or a hash of address and browser."""
    if caller.user_id is not None:
        return f"user {caller.user_id}"
    visitor = f"{client_address(request)} {request.headers.get('user-agent', '')}"
    return hashlib.sha256(visitor.encode()).hexdigest()


@get("/api/v1/me/history", responses=problems(401), tags=["history"], summary="Get your history")
async def get_history(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> HistoryBody:
    """The videos that the caller has watched and may still watch, the last one first."""
    user_id = account_id(caller)
    page = await videos.watching.history(caller, limit=limit, cursor=cursor)
    found = [video for video, _ in page.items]
    renditions, tracks = await RenditionNames.of(videos, found), await tracks_of(found, videos)
    items = [
        HistoryEntry(
            video_body(video, caller, videos, renditions, tracks),
            watch.position_ms,
            watch.watched,
            time_iso(watch.updated_at_ms),
        )
        for video, watch in page.items
    ]
    paused = await videos.watching.is_paused(user_id)
    return HistoryBody(items, Recording.PAUSED if paused else Recording.ON, page.next)


@patch("/api/v1/me/history", status_code=204, responses=problems(401), tags=["history"], summary="Pause your history")
async def patch_history(
    data: JSONBody[HistoryPatch], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """While the history is paused, neither videos nor positions are kept; what was kept before stays."""
    await videos.watching.pause(account_id(caller), paused=data.recording is Recording.PAUSED)


@put(
    "/api/v1/me/watched/{video:str}",
    status_code=204,
    responses=problems(401, 404),
    tags=["history"],
    summary="Mark a video as watched",
)
async def mark_watched(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """As if the caller had watched it to its end now, also while their history is paused."""
    user_id = account_id(caller)
    await videos.watching.mark_watched(user_id, await videos.repository.require(caller, video, Access.VIEW))


@delete(
    "/api/v1/me/watched/{video:str}",
    responses=problems(401, 404),
    tags=["history"],
    summary="Mark a video as not watched",
)
async def mark_unwatched(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Forget that the caller has watched it, and where they stopped."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    await videos.watching.forget(user_id, found.id)


@delete("/api/v1/me/history", responses=problems(401), tags=["history"], summary="Clear your history")
async def delete_history(caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]) -> None:
    """Forget all videos that the caller has watched, with their positions."""
    await videos.watching.forget(account_id(caller))


@delete(
    "/api/v1/me/history/{video:str}",
    responses=problems(401, 404),
    tags=["history"],
    summary="Remove a video from your history",
)
async def delete_history_entry(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Forget that the caller has watched a video, and where they stopped."""
    user_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    await videos.watching.forget(user_id, found.id)
