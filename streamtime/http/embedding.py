"""Which videos other sites may show in a frame, and what a page is told so that it can."""

import html
from typing import Any
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import State

from streamtime.auth.access import Access, access_level
from streamtime.http.public_urls import absolute_url
from streamtime.http.services import HttpSettings, Services
from streamtime.http.views.videos import poster_size, watch_href
from streamtime.videos.video import Video

WIDTH = 640
"""Of a frame, where nobody asks for another: pixels."""


def is_embeddable(video: Video, services: Services) -> bool:
    """Whether its owner lets others embed it and anybody may watch it."""
    return video.embeddable and access_level(services.authenticator.anonymous, video.facts) >= Access.VIEW


def embed_code(video: Video, request: Request[Any, Any, State], settings: HttpSettings, *, width: int = WIDTH) -> str:
    """The HTML that puts the player into a page."""
    title = html.escape(video.title, quote=True)
    source = html.escape(absolute_url(request, settings, f"/embed/{video.public_id}"), quote=True)
    height = height_of(video, width)
    return (
        f'<iframe src="{source}" title="{title}" width="{width}" height="{height}" '
        'style="border:0" allow="fullscreen; picture-in-picture" allowfullscreen></iframe>'
    )


def height_of(video: Video, width: int) -> int:
    """How high a frame of that width is."""
    poster_width, poster_height = poster_size(video)
    return max(1, round(width * poster_height / poster_width))


def oembed_url(video: Video, request: Request[Any, Any, State], services: Services, settings: HttpSettings) -> str:
    """Where oEmbed tells of a video; empty where it may not be embedded, or nowhere."""
    if not settings.frame_ancestors or not is_embeddable(video, services):
        return ""
    query = urlencode({"url": absolute_url(request, settings, watch_href(video)), "format": "json"})
    return absolute_url(request, settings, f"/oembed?{query}")
