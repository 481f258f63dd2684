"""/api/v1/videos/{video}/related: what to watch after a video."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from streamtime.auth.access import Access, Caller
from streamtime.http.api.videos import RenditionNames, VideoBody, video_body
from streamtime.http.problems import problems
from streamtime.http.services import VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.videos.related import MAX_RELATED, SHOWN_RELATED


class RelatedList(msgspec.Struct):
    """What to watch after a video, the best to go on with first."""

    items: list[VideoBody]


@get(
    "/api/v1/videos/{video:str}/related",
    responses=problems(404),
    tags=["search"],
    summary="List what to watch after a video",
)
async def list_related(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_RELATED)] = SHOWN_RELATED,
) -> RelatedList:
    """The next episode of its series, by numbers like `S01E02`, `1x02` or `Episode 3` in titles of the same owner.

    Then videos with the same tags, those with most of them first; then others of its owner, and the newest ones. Only
    playable videos that the caller may find.
    """
    found = await videos.repository.require(caller, video, Access.VIEW)
    related = await videos.related.find(caller, found, limit=limit)
    renditions, tracks = await RenditionNames.of(videos, related), await tracks_of(related, videos)
    return RelatedList([video_body(each, caller, videos, renditions, tracks) for each in related])
