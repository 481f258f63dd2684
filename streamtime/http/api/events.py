"""/api/v1/events: changes of videos as server-sent events; /api/v1/videos/{video}/timeline: past events of a video."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from streamtime.auth.access import Access, Caller, access_level, require
from streamtime.errors import NotFound
from streamtime.formatting import time_iso
from streamtime.http.api.videos import RenditionNames, video_body
from streamtime.http.event_stream import Feed, event_stream, format_event
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, require_signed_in, rights_epoch
from streamtime.http.services import NoticeServices, StorageServices, StreamServices, VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.http.video_files import files_of
from streamtime.videos.events import BusEvent, ChangeKind, NoticesChanged, VideoChanged
from streamtime.videos.video import Video


@get("/api/v1/events", responses=problems(401, 404, 429), tags=["events"], summary="Stream changes of videos")
async def events(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    notices: NamedDependency[NoticeServices],
    streams: NamedDependency[StreamServices],
    video: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Stream:
    """Events named `video`, of one video or of all the caller's own. `gone` names a video that was deleted or hidden.

    Without `video`, events named `notices` have the number of the caller's unread notices. Events have an id: a client
    that connects again with `Last-Event-ID` gets those that it has missed, or `reset` if they are not known any more.

    The stream of a single video starts with its current state. The number of streams is limited (429).
    """
    if video:
        require(caller, (await _video(video, request, videos, streams)).facts, Access.VIEW)
        feed = video_feed(video, request, caller, videos, streams)
    else:
        require_signed_in(caller)
        feed = own_feed(request, caller, videos, notices, streams)
    return await event_stream(request, caller, streams, feed)


def video_feed(video: str, request: ApiRequest, caller: Caller, videos: VideoServices, streams: StreamServices) -> Feed:
    """Return the state of a video, and its changes for as long as the caller may watch it."""

    def accepts(change: BusEvent) -> bool:
        return isinstance(change, VideoChanged) and change.public_id == video

    async def render(change: BusEvent) -> str:
        gone = isinstance(change, VideoChanged) and change.change is ChangeKind.DELETED
        return _gone(video) if gone else await _state(video, request, caller, videos, streams)

    async def snapshot() -> str:
        return await _state(video, request, caller, videos, streams)

    return Feed(accepts, render, snapshot)


def own_feed(
    request: ApiRequest, caller: Caller, videos: VideoServices, notices: NoticeServices, streams: StreamServices
) -> Feed:
    """Return the changes of all videos of the caller, and of the number of their unread notices."""

    def accepts(change: BusEvent) -> bool:
        if isinstance(change, VideoChanged):
            return change.owner_id == caller.user_id
        return isinstance(change, NoticesChanged) and change.user_id == caller.user_id

    async def render(change: BusEvent) -> str:
        if not isinstance(change, VideoChanged):
            return await unread_event(caller, notices)
        gone = change.change is ChangeKind.DELETED
        return _gone(change.public_id) if gone else await _state(change.public_id, request, caller, videos, streams)

    async def snapshot() -> str:
        return ""

    return Feed(accepts, render, snapshot)


async def unread_event(caller: Caller, notices: NoticeServices) -> str:
    """Return the event with the number of the caller's unread notices."""
    body = {"unread": await notices.listing.unread(caller)}
    return format_event("notices", msgspec.json.encode(body).decode())


async def _video(public_id: str, request: ApiRequest, videos: VideoServices, streams: StreamServices) -> Video:
    """Return the video, read once for all concurrent streams. A change of permissions causes it to be read again.

    Raises:
        NotFound: there is no such video.
    """
    key = "video", public_id, rights_epoch(request)
    return await streams.render_cache.get(key, public_id, lambda: videos.repository.by_public_id(public_id))


async def _state(
    public_id: str, request: ApiRequest, caller: Caller, videos: VideoServices, streams: StreamServices
) -> str:
    """Return the event with the video's state. It is cached in two variants, with and without `MANAGE` access."""
    try:
        found = await _video(public_id, request, videos, streams)
    except NotFound:
        return _gone(public_id)
    access = access_level(caller, found.facts)
    if access < Access.VIEW:
        return _gone(public_id)
    key = "state", public_id, rights_epoch(request), access >= Access.MANAGE
    return await streams.render_cache.get(key, public_id, lambda: _text(found, caller, videos))


async def _text(found: Video, caller: Caller, videos: VideoServices) -> str:
    renditions, tracks = await RenditionNames.of(videos, [found]), await tracks_of([found], videos)
    duplicates = await videos.duplicates.find_for_videos([found])
    body = video_body(found, caller, videos, renditions, tracks, duplicates.get(found.id))
    return format_event("video", msgspec.json.encode(body).decode())


def _gone(public_id: str) -> str:
    return format_event("gone", msgspec.json.encode({"id": public_id}).decode())


class EventBody(msgspec.Struct):
    """One event. `detail` depends on the event: codecs, seconds, speed, bytes, the last output of a worker."""

    at: str
    event: str
    message: str
    detail: dict[str, Any]


class FileBody(msgspec.Struct):
    """One stored file: `original`, or a rendition of `video` or `audio` whose origin is a `copy` or an `encode`."""

    name: str
    kind: str
    origin: str
    bytes: int
    bitrate_bps: int | None


class TimelineBody(msgspec.Struct):
    """The processing history of a video, oldest event first, and its files with their sizes."""

    events: list[EventBody]
    files: list[FileBody]
    bytes_total: int


@get(
    "/api/v1/videos/{video:str}/timeline",
    responses=problems(404),
    tags=["videos"],
    summary="Get the processing history",
)
async def get_timeline(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
) -> TimelineBody:
    """For the owner of the video and admins; others get 404."""
    found = await videos.repository.require_manageable(caller, video)
    files = await files_of(found, videos, storage)
    entries = await videos.timeline.list_for_video(found.id)
    return TimelineBody(
        events=[EventBody(time_iso(one.happened_at_ms), one.event, one.message, one.detail) for one in entries],
        files=[FileBody(one.name, one.kind, one.origin, one.size_bytes, one.bitrate_bps) for one in files],
        bytes_total=sum(file.size_bytes for file in files),
    )
