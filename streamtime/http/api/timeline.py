"""/api/v1/videos/{video}/timeline: what was decided about a video and why, for whoever may manage it."""

from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.access.caller import Caller
from streamtime.http.histories import history_of, require_manageable
from streamtime.http.problems import problems
from streamtime.http.services import Services


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
