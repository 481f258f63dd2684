"""View values of share links, upload requests and embed codes, and the forms that create links."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.datastructures import State

from streamtime.auth.access import Access, access_level
from streamtime.errors import Invalid
from streamtime.formatting import age_text, clock_seconds, duration_iso, size_text, time_iso
from streamtime.http.public_urls import AlternateUrl, LinkBase, absolute_url, link_base
from streamtime.http.requests import Form
from streamtime.http.secret_paths import DROPS, SHARED
from streamtime.http.services import HttpSettings
from streamtime.http.video_urls import poster_url, watch_href
from streamtime.http.views.videos import poster_size
from streamtime.sharing.links import MAX_DAYS, Link, NewLink, expires_after
from streamtime.sharing.upload_requests import UploadRequest
from streamtime.translation import gettext, gettext_noop, number_text
from streamtime.videos.playlists import Playlist
from streamtime.videos.video import Video

WIDTH = 640
"""Default width of an embedded player, in pixels."""


def is_embeddable(video: Video, settings: HttpSettings) -> bool:
    """Return whether the owner allows embedding and anonymous users may watch the video."""
    return video.embeddable and access_level(settings.anonymous, video.facts) >= Access.VIEW


def embed_code(video: Video, request: Request[Any, Any, State], settings: HttpSettings, *, width: int = WIDTH) -> str:
    """Return the HTML code that embeds the player."""
    title = html.escape(video.title, quote=True)
    source = html.escape(absolute_url(request, settings, f"/embed/{video.public_id}"), quote=True)
    height = frame_height(video, width)
    return (
        f'<iframe src="{source}" title="{title}" width="{width}" height="{height}" '
        'style="border:0" allow="fullscreen; picture-in-picture" allowfullscreen></iframe>'
    )


def frame_height(video: Video, width: int) -> int:
    """Return the height of an embedded player of that width, in pixels."""
    poster_width, poster_height = poster_size(video)
    return max(1, round(width * poster_height / poster_width))


def oembed_url(video: Video, request: Request[Any, Any, State], settings: HttpSettings) -> str:
    """Return the oEmbed URL of a video; empty if it may not be embedded or no site may embed videos."""
    if not settings.frame_ancestors or not is_embeddable(video, settings):
        return ""
    query = urlencode({"url": absolute_url(request, settings, watch_href(video)), "format": "json"})
    return absolute_url(request, settings, f"/oembed?{query}")


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """What other programs show of a link to a video: Open Graph, Twitter card and schema.org. URLs are absolute."""

    title: str
    description: str
    url: str
    image: str | None
    image_width: int
    image_height: int
    embed: str | None
    structured: str
    """A JSON-LD `VideoObject`, safe inside a script element."""


_PREVIEW_CHARS = 300


def link_preview(video: Video, request: Request[Any, Any, State], settings: HttpSettings) -> LinkPreview | None:
    """Return the preview of a video's page; None if anonymous visitors may not watch it, as those programs are."""
    if access_level(settings.anonymous, video.facts) < Access.VIEW:
        return None
    base = link_base(request, settings)
    poster = poster_url(video)
    description = " ".join(video.description.split())[:_PREVIEW_CHARS]
    embed = base.url(f"/embed/{video.public_id}") if is_embeddable(video, settings) else None
    structured = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": video.title,
        "description": description or video.title,
        "uploadDate": time_iso(video.published_at_ms or video.created_at_ms),
        "thumbnailUrl": [base.url(poster)] if poster else None,
        "duration": None if video.duration_ms is None else duration_iso(video.duration_ms),
        "embedUrl": embed,
    }
    text = msgspec.json.encode({name: value for name, value in structured.items() if value is not None}).decode()
    width, height = poster_size(video)
    return LinkPreview(
        title=video.title,
        description=description,
        url=base.url(watch_href(video)),
        image=base.url(poster) if poster else None,
        image_width=width,
        image_height=height,
        embed=embed,
        structured=text.replace("<", "\\u003c"),
    )


EXPIRY_CHOICES = {
    "1": gettext_noop("A day"),
    "7": gettext_noop("A week"),
    "30": gettext_noop("A month"),
    "": gettext_noop("No end"),
}
"""Lifetimes offered in forms, by number of days."""

_DIGITS = 7
_CLOCK = re.compile(r"\d{1,6}|\d{1,3}:\d{1,2}(?::\d{1,2})?", re.ASCII)


NEW_LINK: Form = {"label": "", "days": "7", "password": "", "max_views": "", "errors": {}}
"""Initial values of the share link form. Links expire by default."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """A share link in a list."""

    id: str
    href: str
    address: str
    alternate_urls: list[AlternateUrl]
    label: str
    titles: tuple[str, ...]
    playlist: str
    """The title of the playlist that it shows; empty if it shows videos."""
    has_password: bool
    views: int
    max_views: int | None
    state: str
    created_text: str
    expires_iso: str | None
    viewed_text: str | None


def link_view(link: Link, now_ms: int, base: LinkBase) -> LinkView:
    """Return the view of a share link; its URL starts with `base`."""
    return LinkView(
        id=link.public_id,
        href=SHARED + link.public_id,
        address=base.url(SHARED + link.public_id),
        alternate_urls=base.alternate_urls(SHARED + link.public_id),
        label=link.label,
        titles=tuple(video.title for video in link.videos),
        playlist="" if link.playlist is None else link.playlist.title,
        has_password=link.has_password,
        views=link.views,
        max_views=link.max_views,
        state=link.state(now_ms).value,
        created_text=age_text(link.created_at_ms, now_ms),
        expires_iso=None if link.expires_at_ms is None else time_iso(link.expires_at_ms),
        viewed_text=None if link.last_viewed_at_ms is None else age_text(link.last_viewed_at_ms, now_ms),
    )


SHARED_BEFORE = 5
SHARED_AFTER = 30
"""Videos before and after the current one that the page of a link lists; all of a playlist would exceed 30 KB."""


@dataclass(frozen=True, slots=True)
class SharedVideoView:
    """A video in the list of a share link."""

    number: int
    href: str
    title: str
    current: bool


@dataclass(frozen=True, slots=True)
class SharedListView:
    """The videos of a share link around the current one."""

    title: str
    """The title of the playlist, if the link shows one."""
    total: int
    items: list[SharedVideoView]
    previous: SharedVideoView | None
    next: SharedVideoView | None


def shared_list(link: Link, number: int) -> SharedListView:
    """Return the list of a link's videos around video `number`, counted from 1."""
    start = max(0, number - 1 - SHARED_BEFORE)
    items = [
        SharedVideoView(at, f"{SHARED}{link.public_id}?v={at}", video.title, at == number)
        for at, video in enumerate(link.videos[start : number + SHARED_AFTER], start + 1)
    ]
    here = number - 1 - start
    return SharedListView(
        title="" if link.playlist is None else link.playlist.title,
        total=len(link.videos),
        items=items,
        previous=items[here - 1] if here > 0 else None,
        next=items[here + 1] if here + 1 < len(items) else None,
    )


def parse_start(text: str) -> int:
    """Parse the moment at which a shared video starts, as "1:30" or in seconds; 0 where it is none."""
    return clock_seconds(text) if _CLOCK.fullmatch(text.strip()) else 0


def start_query(start_s: int) -> str:
    """Return the query of a URL that starts playback at that second."""
    return f"?t={start_s}" if start_s else ""


def starting_at(view: LinkView, start_s: int) -> LinkView:
    """Return the view of a share link whose URLs start playback at that second."""
    query = start_query(start_s)
    others = [replace(other, url=other.url + query) for other in view.alternate_urls]
    return replace(view, address=view.address + query, alternate_urls=others)


def parse_new_link(
    fields: Mapping[str, str], videos: list[Video], now_ms: int, *, playlist: Playlist | None = None
) -> NewLink:
    """Parse the share link form, for some videos or for a playlist.

    Raises:
        Invalid: a field has no valid value.
    """
    return NewLink(
        videos=videos,
        label=fields["label"],
        password=fields["password"] or None,
        max_views=parse_optional_int(fields["max_views"], "max_views"),
        expires_at_ms=parse_expiry(fields["days"], now_ms),
        playlist=playlist,
    )


def parse_expiry(days: str, now_ms: int) -> int | None:
    """Parse a form's number of days into an expiry time in epoch milliseconds; None: no expiry.

    Raises:
        Invalid: it is not a number from 1 to `MAX_DAYS`.
    """
    count = parse_optional_int(days, "days")
    if count is not None and not 1 <= count <= MAX_DAYS:
        raise Invalid(gettext("Choose 1 to %(most)s days.", most=number_text(MAX_DAYS)), field="days")
    return expires_after(count, now_ms)


def parse_optional_int(text: str, field: str) -> int | None:
    """Parse an optional whole number of a form.

    Raises:
        Invalid: it is not a whole number.
    """
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Invalid("Write a whole number, or leave it empty.", field=field)
    return int(text)


@dataclass(frozen=True, slots=True)
class UploadRequestView:
    """An upload request in a list."""

    id: str
    href: str
    address: str
    alternate_urls: list[AlternateUrl]
    label: str
    files: int
    max_files: int | None
    max_size_text: str | None
    state: str
    created_text: str
    expires_iso: str | None


def upload_request_view(upload_request: UploadRequest, now_ms: int, base: LinkBase) -> UploadRequestView:
    """Return the view of an upload request; its URL starts with `base`."""
    return UploadRequestView(
        id=upload_request.public_id,
        href=DROPS + upload_request.public_id,
        address=base.url(DROPS + upload_request.public_id),
        alternate_urls=base.alternate_urls(DROPS + upload_request.public_id),
        label=upload_request.label,
        files=upload_request.files,
        max_files=upload_request.max_files,
        max_size_text=None if upload_request.max_bytes is None else size_text(upload_request.max_bytes),
        state=upload_request.state(now_ms).value,
        created_text=age_text(upload_request.created_at_ms, now_ms),
        expires_iso=None if upload_request.expires_at_ms is None else time_iso(upload_request.expires_at_ms),
    )
