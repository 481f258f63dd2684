"""Embedding a video in other sites: the player alone in a frame, and oEmbed discovery (https://oembed.com).

Browsers send no cookies of ours into a frame on another site, so viewers there are anonymous: only videos that
anonymous users may watch can be embedded, and only if the owner allows it.
"""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from streamtime.clock import Clock
from streamtime.errors import NotFound
from streamtime.http.pages.watch import watch_view
from streamtime.http.problems import PROBLEM_JSON, Problem
from streamtime.http.public_urls import absolute_url, link_base
from streamtime.http.requests import PageRequest
from streamtime.http.services import HttpSettings, StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import poster_url
from streamtime.http.views.links import WIDTH, embed_code, frame_height, is_embeddable
from streamtime.http.views.videos import poster_size
from streamtime.videos.video import Video

_MAX_URL = 2_000
_PIXELS = QueryParameter(ge=1, le=100_000)
_ONLY_JSON = Problem(
    title="Not implemented", status=501, detail="oEmbed responses are JSON only.", code="oembed_format"
)


class OEmbed(msgspec.Struct, omit_defaults=True):
    """An oEmbed 1.0 response for a video (section 2.3.4)."""

    title: str
    author_name: str
    provider_url: str
    html: str
    width: int
    height: int
    thumbnail_url: str | None = None
    thumbnail_width: int | None = None
    thumbnail_height: int | None = None
    type: str = ""
    version: str = ""
    provider_name: str = ""


@get("/embed/{video:str}", include_in_schema=False)
async def embed_page(
    request: PageRequest,
    video: FromPath[str],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the player alone. `middleware/gateway.py` sets which sites may frame it."""
    found = await require_embeddable(video, videos, settings)
    view = await watch_view(found, settings.anonymous, videos, storage, clock)
    answer = templates.page(request, "pages/embed.html", title=found.title, player=True, video=view)
    answer.set_header("X-Robots-Tag", "noindex")
    return answer


@get("/oembed", include_in_schema=False)
async def oembed(
    request: PageRequest,
    videos: NamedDependency[VideoServices],
    settings: NamedDependency[HttpSettings],
    url: Annotated[str, QueryParameter(max_length=_MAX_URL)],
    in_format: Annotated[str, QueryParameter(name="format", max_length=20)] = "json",
    maxwidth: Annotated[int | None, _PIXELS] = None,
    maxheight: Annotated[int | None, _PIXELS] = None,
) -> Response[bytes]:
    """Return the oEmbed data of a video, given its URL.

    Raises:
        NotFound: there is no such video, or it may not be embedded (oEmbed 1.0, section 2.3.5).
    """
    if in_format != "json":
        return Response(msgspec.json.encode(_ONLY_JSON), status_code=501, media_type=PROBLEM_JSON)
    if not settings.frame_ancestors:
        raise NotFound
    found = await require_embeddable(_video_of(url, request, settings), videos, settings)
    answer = _describe(found, request, settings, maxwidth, maxheight)
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


async def require_embeddable(video: str, videos: VideoServices, settings: HttpSettings) -> Video:
    """Return the video with that id if it may be embedded.

    Raises:
        NotFound: there is no such video, or it may not be embedded.
    """
    found = await videos.repository.by_public_id(video)
    if not is_embeddable(found, settings):
        raise NotFound
    return found


def _video_of(url: str, request: PageRequest, settings: HttpSettings) -> str:
    """Return the video id in the URL of a page of this server. Raises `NotFound`."""
    try:
        parsed = urlsplit(url)
    except ValueError:
        raise NotFound from None
    base = link_base(request, settings)
    hosts = {urlsplit(each).netloc for each in (base.base, *base.others)} | {base.requested_host}
    kind, _, video = parsed.path.removeprefix("/").partition("/")
    if parsed.scheme not in {"http", "https"} or parsed.netloc not in hosts:
        raise NotFound
    if kind not in {"watch", "embed"} or not video:
        raise NotFound
    return video


def _describe(
    video: Video, request: PageRequest, settings: HttpSettings, maxwidth: int | None, maxheight: int | None
) -> OEmbed:
    width = min(WIDTH, maxwidth or WIDTH)
    if maxheight is not None and frame_height(video, width) > maxheight:
        width = max(1, width * maxheight // frame_height(video, width))
    poster = poster_url(video)
    answer = OEmbed(
        title=video.title,
        author_name=video.owner_name,
        provider_url=absolute_url(request, settings, ""),
        html=embed_code(video, request, settings, width=width),
        width=width,
        height=frame_height(video, width),
        type="video",
        version="1.0",
        provider_name="Streamtime",
    )
    if poster is not None:
        answer.thumbnail_url = absolute_url(request, settings, poster)
        answer.thumbnail_width, answer.thumbnail_height = poster_size(video)
    return answer
