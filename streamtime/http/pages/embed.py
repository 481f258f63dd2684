"""A video on other people's pages: the bare player in a frame, and oEmbed, by which pages find it (https://oembed.com).

Browsers send no cookies of ours into a frame on another site, so whoever looks there is nobody: what anybody may watch
can be embedded, if its owner allows it, and nothing else.
"""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from streamtime.errors import NotFound
from streamtime.http.embedding import WIDTH, embed_code, height_of, is_embeddable
from streamtime.http.pages.watch import watch_view
from streamtime.http.problems import PROBLEM_JSON, Problem
from streamtime.http.public_urls import absolute_url, link_base
from streamtime.http.requests import PageRequest
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.views.videos import poster_size, poster_url
from streamtime.videos.video import Video

_MAX_URL = 2_000
_PIXELS = QueryParameter(ge=1, le=100_000)
_ONLY_JSON = Problem(title="Not made here", status=501, detail="oEmbed is answered as JSON.", code="oembed_format")


class OEmbed(msgspec.Struct, omit_defaults=True):
    """What oEmbed 1.0, section 2.3.4, says of a video."""

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
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The player alone. Which sites may frame it is a header: see `security_headers.py`."""
    found = await require_embeddable(video, services)
    view = await watch_view(found, services.authenticator.anonymous, services)
    answer = templates.page(request, "pages/embed.html", title=found.title, player=True, video=view)
    answer.set_header("X-Robots-Tag", "noindex")
    return answer


@get("/oembed", include_in_schema=False)
async def oembed(
    request: PageRequest,
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    url: Annotated[str, QueryParameter(max_length=_MAX_URL)],
    in_format: Annotated[str, QueryParameter(name="format", max_length=20)] = "json",
    maxwidth: Annotated[int | None, _PIXELS] = None,
    maxheight: Annotated[int | None, _PIXELS] = None,
) -> Response[bytes]:
    """What a page needs to embed the video of an address.

    Raises:
        NotFound: it is no video that may be embedded, as oEmbed 1.0, section 2.3.5, has it.
    """
    if in_format != "json":
        return Response(msgspec.json.encode(_ONLY_JSON), status_code=501, media_type=PROBLEM_JSON)
    if not settings.frame_ancestors:
        raise NotFound
    found = await require_embeddable(_video_of(url, request, settings), services)
    answer = _describe(found, request, settings, maxwidth, maxheight)
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"Cache-Control": "no-store"})


async def require_embeddable(video: str, services: Services) -> Video:
    """The video of that id, which its owner lets others embed and anybody may watch.

    Raises:
        NotFound: there is none.
    """
    found = await services.videos.by_public_id(video)
    if not is_embeddable(found, services):
        raise NotFound
    return found


def _video_of(url: str, request: PageRequest, settings: HttpSettings) -> str:
    """The id in the address of one of our pages. Raises `NotFound`."""
    try:
        asked = urlsplit(url)
    except ValueError:
        raise NotFound from None
    base = link_base(request, settings)
    ours = {urlsplit(each).netloc for each in (base.base, *base.others)} | {base.requested_host}
    kind, _, video = asked.path.removeprefix("/").partition("/")
    if asked.scheme not in {"http", "https"} or asked.netloc not in ours or kind not in {"watch", "embed"} or not video:
        raise NotFound
    return video


def _describe(
    video: Video, request: PageRequest, settings: HttpSettings, maxwidth: int | None, maxheight: int | None
) -> OEmbed:
    width = min(WIDTH, maxwidth or WIDTH)
    if maxheight is not None and height_of(video, width) > maxheight:
        width = max(1, width * maxheight // height_of(video, width))
    poster = poster_url(video)
    answer = OEmbed(
        title=video.title,
        author_name=video.owner_name,
        provider_url=absolute_url(request, settings, ""),
        html=embed_code(video, request, settings, width=width),
        width=width,
        height=height_of(video, width),
        type="video",
        version="1.0",
        provider_name="Streamtime",
    )
    if poster is not None:
        answer.thumbnail_url = absolute_url(request, settings, poster)
        answer.thumbnail_width, answer.thumbnail_height = poster_size(video)
    return answer
