"""/api/v1/videos/{video}/chapters and /poster: what owners set by hand besides the texts of a video."""

from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Access, Caller
from streamtime.auth.rate_limits import RateLimit
from streamtime.http.api.operations import BinaryBody
from streamtime.http.middleware.authentication import MAX_PICTURE_BODY_BYTES, check_picture_size
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest
from streamtime.http.services import AuthServices, VideoServices
from streamtime.http.tracks import ChapterBody, chapter_bodies, tracks_of
from streamtime.http.video_urls import poster_url
from streamtime.videos.chapters import MAX_CHAPTERS, ChapterStart
from streamtime.videos.video import Video

CHAPTERS = "/api/v1/videos/{video:str}/chapters"
POSTER = "/api/v1/videos/{video:str}/poster"


class ChapterStartBody(msgspec.Struct, forbid_unknown_fields=True):
    """A chapter: its start in milliseconds, and its title. It ends where the next one begins."""

    start_ms: Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
    title: Annotated[str, msgspec.Meta(max_length=1_000)]


class ChaptersBody(msgspec.Struct, forbid_unknown_fields=True):
    """All chapters of a video, in any order."""

    chapters: Annotated[list[ChapterStartBody], msgspec.Meta(max_length=MAX_CHAPTERS)]


@get(CHAPTERS, responses=problems(404), tags=["chapters"], summary="List chapters")
async def list_chapters(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> list[ChapterBody]:
    """Those that the owner wrote, or else those of the file."""
    return await _chapters(await videos.repository.require(caller, video, Access.VIEW), videos)


@put(CHAPTERS, responses=problems(403, 404, 409, 413), tags=["chapters"], summary="Replace the chapters")
async def put_chapters(
    video: FromPath[str],
    data: JSONBody[ChaptersBody],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
) -> list[ChapterBody]:
    """Each chapter ends where the next one begins; an empty list removes all. The file itself is not changed."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await videos.chapters.choose(found, [ChapterStart(one.start_ms, one.title) for one in data.chapters])
    return await _chapters(found, videos)


@delete(CHAPTERS, responses=problems(403, 404), tags=["chapters"], summary="Use the chapters of the file")
async def delete_chapters(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Chapters that the owner wrote are removed; those of the file come back."""
    await videos.chapters.restore(await videos.repository.require(caller, video, Access.MANAGE))


async def _chapters(video: Video, videos: VideoServices) -> list[ChapterBody]:
    return chapter_bodies(video, await tracks_of([video], videos))


class PosterBody(msgspec.Struct):
    """The versioned path of the poster."""

    url: str | None


@put(
    POSTER,
    responses=problems(403, 404, 409, 413, 429),
    operation_class=BinaryBody,
    tags=["videos"],
    summary="Upload a poster",
    request_max_body_size=MAX_PICTURE_BODY_BYTES,
    before_request=check_picture_size,
)
async def put_poster(
    request: ApiRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    videos: NamedDependency[VideoServices],
) -> PosterBody:
    """The body is a JPEG, PNG, WebP or GIF of at most 10 MB. Its centre is used, in the shape of the video."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    auth.rate_limiter.consume({RateLimit.PICTURE: str(caller.user_id)})
    await videos.poster_pictures.set(found, await request.body())
    return PosterBody(poster_url(await videos.repository.require(caller, video, Access.MANAGE)))
