"""/api/v1/events: what happens to videos, as server-sent events."""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from streamtime.access.caller import Caller
from streamtime.access.rules import Access
from streamtime.errors import NotFound
from streamtime.events.bus import Change, VideoChanged
from streamtime.http.event_stream import event_stream, event_text
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, signed_in
from streamtime.http.services import Services
from streamtime.http.track_views import tracks_of
from streamtime.http.video_bodies import Qualities, body_of


@get("/api/v1/events", responses=problems(401, 404), tags=["events"], summary="Hear what happens to videos")
async def events(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    video: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Stream:
    """Events named `video`, of one video, or of all the caller's own. `gone` names one that was deleted or hidden.

    The first event of a single video's stream is how it is now.
    """
    if video:
        await services.videos.require(caller, video, Access.VIEW)
    else:
        signed_in(caller)

    def wanted(news: VideoChanged) -> bool:
        return news.public_id == video if video else news.owner_id == caller.user_id

    async def told(news: VideoChanged) -> AsyncGenerator[str, None]:
        gone = news.change is Change.DELETED
        yield _gone(news.public_id) if gone else await _state(news.public_id, caller, services)

    async def snapshot() -> AsyncGenerator[str, None]:
        if video:
            yield await _state(video, caller, services)

    return event_stream(request, services.bus, wanted, told, snapshot)


async def _state(public_id: str, caller: Caller, services: Services) -> str:
    try:
        found = await services.videos.require(caller, public_id, Access.VIEW)
    except NotFound:
        return _gone(public_id)
    qualities, tracks = await Qualities.of(services, [found]), await tracks_of([found], services)
    twins = await services.duplicates.of([found])
    body = body_of(found, caller, services, qualities, tracks, twins.get(found.id))
    return event_text("video", msgspec.json.encode(body).decode())


def _gone(public_id: str) -> str:
    return event_text("gone", msgspec.json.encode({"id": public_id}).decode())
