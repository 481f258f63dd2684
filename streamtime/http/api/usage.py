"""/api/v1/me/usage and /api/v1/usage: what uses how much, in bytes."""

import msgspec
from litestar import get
from litestar.di import NamedDependency

from streamtime.auth.access import Caller
from streamtime.errors import Forbidden
from streamtime.http.problems import problems
from streamtime.http.requests import account_id, require_signed_in
from streamtime.http.services import Services
from streamtime.http.views.space import SHOWN_LARGEST
from streamtime.videos.quota import LargeVideo, Usage


class UsageBody(msgspec.Struct):
    """What one person's files take. `unfinished` is the announced length of uploads that are not complete.

    `bin` is everything of videos that were deleted and can be restored. `limit` is null where there is none.
    """

    owner: str
    originals: int
    renditions: int
    stills: int
    bin: int
    unfinished: int
    total: int
    limit: int | None
    left: int | None
    videos: int


class LargeBody(msgspec.Struct):
    """A video, and what all its files take."""

    id: str
    title: str
    owner: str
    bytes: int


class MyUsage(msgspec.Struct):
    """One's own, and the videos that take most."""

    usage: UsageBody
    largest: list[LargeBody]


class AllUsage(msgspec.Struct):
    """Everybody's, the largest first, and the videos that take most."""

    people: list[UsageBody]
    largest: list[LargeBody]


@get("/api/v1/me/usage", responses=problems(401), tags=["account"], summary="What do my videos take?")
async def my_usage(caller: NamedDependency[Caller], services: NamedDependency[Services]) -> MyUsage:
    """By kind, with the limit where there is one."""
    owner_id = account_id(caller)
    largest = await services.usage.largest(owner_id, limit=SHOWN_LARGEST)
    return MyUsage(_usage(await services.usage.usage_of(owner_id)), [_large(video) for video in largest])


@get("/api/v1/usage", responses=problems(401, 403), tags=["account"], summary="What does everybody's take?")
async def all_usage(caller: NamedDependency[Caller], services: NamedDependency[Services]) -> AllUsage:
    """For admins: by person and kind."""
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only those who run the server see what everybody uses.")
    largest = await services.usage.largest(None, limit=SHOWN_LARGEST)
    people = [_usage(usage) for usage in await services.usage.usages()]
    return AllUsage(people, [_large(video) for video in largest])


def _usage(usage: Usage) -> UsageBody:
    return UsageBody(
        owner=usage.owner,
        originals=usage.originals,
        renditions=usage.renditions,
        stills=usage.stills,
        bin=usage.trash,
        unfinished=usage.unfinished,
        total=usage.total,
        limit=usage.limit,
        left=None if usage.limit is None else max(0, usage.limit - usage.total),
        videos=usage.videos,
    )


def _large(video: LargeVideo) -> LargeBody:
    return LargeBody(video.public_id, video.title, video.owner, video.length_bytes)
