"""/api/v1/events: what happens to videos, as server-sent events."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from streamtime.auth.access import Access, Caller, access_level, require
from streamtime.errors import NotFound
from streamtime.http.api.video_bodies import RenditionNames, video_body
from streamtime.http.event_stream import event_stream, format_event
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, require_signed_in, rights_epoch
from streamtime.http.services import Services
from streamtime.http.views.tracks import tracks_of
from streamtime.videos.events import ChangeKind, VideoChanged
from streamtime.videos.video import Video


@get("/api/v1/events", responses=problems(401, 404, 429), tags=["events"], summary="Hear what happens to videos")
async def events(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    video: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Stream:
    """Events named `video`, of one video, or of all the caller's own. `gone` names one that was deleted or hidden.

    The first event of a single video's stream is how it is now. Streams are limited in number (429).
    """
    if video:
        require(caller, (await _video(video, request, services)).facts, Access.VIEW)
    else:
        require_signed_in(caller)

    def wanted(news: VideoChanged) -> bool:
        return news.public_id == video if video else news.owner_id == caller.user_id

    async def told(news: VideoChanged) -> str:
        gone = news.change is ChangeKind.DELETED
        return _gone(news.public_id) if gone else await _state(news.public_id, request, caller, services)

    async def snapshot() -> str:
        return await _state(video, request, caller, services) if video else ""

    return await event_stream(request, caller, services, wanted, told, snapshot)


async def _video(public_id: str, request: ApiRequest, services: Services) -> Video:
    """The video, read once for all who ask at the same time. A change of anybody's rights has it read anew.

    Raises:
        NotFound: there is none.
    """
    key = "video", public_id, rights_epoch(request)
    return await services.render_cache.get(key, public_id, lambda: services.videos.by_public_id(public_id))


async def _state(public_id: str, request: ApiRequest, caller: Caller, services: Services) -> str:
    """The video as the caller is told of it: two texts, one for who manages it, serve everybody."""
    try:
        found = await _video(public_id, request, services)
    except NotFound:
        return _gone(public_id)
    access = access_level(caller, found.facts)
    if access < Access.VIEW:
        return _gone(public_id)
    key = "state", public_id, rights_epoch(request), access >= Access.MANAGE
    return await services.render_cache.get(key, public_id, lambda: _text(found, caller, services))


async def _text(found: Video, caller: Caller, services: Services) -> str:
    qualities, tracks = await RenditionNames.of(services, [found]), await tracks_of([found], services)
    twins = await services.duplicates.find_for_videos([found])
    body = video_body(found, caller, services, qualities, tracks, twins.get(found.id))
    return format_event("video", msgspec.json.encode(body).decode())


def _gone(public_id: str) -> str:
    return format_event("gone", msgspec.json.encode({"id": public_id}).decode())
