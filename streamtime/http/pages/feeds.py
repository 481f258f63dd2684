"""Feeds of videos for readers and podcast players, the sitemap and robots.txt.

Each feed lists what its caller may find. A reader that cannot sign in uses an address with an API token of the scope
`feed`: `/feeds/TOKEN` before the path of any feed (`middleware/gateway.py`).
"""

import hashlib
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Response

from streamtime.auth.access import Access, AnonymousAccess, Caller
from streamtime.errors import NotFound
from streamtime.formatting import time_iso
from streamtime.http.pages.library import person_in_path
from streamtime.http.public_urls import LinkBase, link_base
from streamtime.http.ranges import NotModified, evaluate_conditions
from streamtime.http.requests import PageRequest
from streamtime.http.secret_paths import FEED_PREFIX
from streamtime.http.services import AccountServices, HttpSettings, PlaylistServices, VideoServices
from streamtime.http.video_urls import (
    mp4_url,
    owner_href,
    picture_href,
    playlist_href,
    poster_url,
    tag_href,
    watch_href,
)
from streamtime.http.views.rss import CONTENT_TYPE, Feed, FeedItem, rss
from streamtime.videos.listing import Filters, ListScope, Query
from streamtime.videos.video import Video

FEED_ITEMS = 50
SITEMAP_VIDEOS = 5_000
"""Videos in one sitemap; the standard allows 50,000 URLs (https://www.sitemaps.org/protocol.html)."""

_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


@dataclass(frozen=True, slots=True)
class _Head:
    """What a feed says about itself; paths on this server."""

    title: str
    description: str
    path: str
    image: str | None = None


@get("/feed.xml", include_in_schema=False)
async def feed(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    settings: NamedDependency[HttpSettings],
    tag: FromQuery[str] = "",
) -> Response[bytes]:
    """Return the newest videos that are listed for the caller: all, or those with a tag.

    Raises:
        NotFound: there is no video with that tag, so that a feed does not reveal the tags of hidden videos.
    """
    filters = Filters(tags=(tag[:200],)) if tag else Filters()
    page = await videos.listing.page(caller, Query(scope=ListScope.LISTED, filters=filters, limit=FEED_ITEMS))
    if tag and not page.items:
        raise NotFound
    head = _Head(tag, f"Videos with the tag {tag}.", tag_href(tag)) if tag else _Head("Streamtime", "", "/explore")
    return await _answer(request, videos, settings, head, page.items)


@get("/{at_owner:str}/feed.xml", include_in_schema=False)
async def person_feed(
    request: PageRequest,
    at_owner: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    videos: NamedDependency[VideoServices],
    settings: NamedDependency[HttpSettings],
) -> Response[bytes]:
    """Return the newest videos of a person, `/@name/feed.xml`, that are listed for the caller."""
    person = await person_in_path(at_owner, accounts)
    query = Query(scope=ListScope.LISTED, filters=Filters(owner=person.name), limit=FEED_ITEMS)
    items = (await videos.listing.page(caller, query)).items
    if not items and not caller.signed_in:
        raise NotFound
    picture = picture_href(person.public_id, person.picture_version)
    head = _Head(person.shown_name, f"Videos of {person.shown_name}.", owner_href(person.name), picture)
    return await _answer(request, videos, settings, head, items)


@get(["/playlists/{playlist:str}/feed.xml", "/playlist/{playlist:str}/feed.xml"], include_in_schema=False)
async def playlist_feed(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
    settings: NamedDependency[HttpSettings],
) -> Response[bytes]:
    """Return the first videos of a playlist that the caller sees, in its order."""
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    items = (await playlists.items.page(caller, found, limit=FEED_ITEMS)).items
    head = _Head(found.title, found.description, playlist_href(found.public_id))
    return await _answer(request, videos, settings, head, items)


async def _answer(
    request: PageRequest, videos: VideoServices, settings: HttpSettings, head: _Head, items: list[Video]
) -> Response[bytes]:
    """Return a feed. Readers ask for it often, so an unchanged one is not sent again."""
    base = link_base(request, settings)
    prefix: str = request.scope.get(FEED_PREFIX, "")  # type: ignore[assignment]  # set by RequestMiddleware
    enclosures = await videos.renditions.enclosures([video.id for video in items])
    names = {video_id: found.name for video_id, found in enclosures.items()}
    image = next((poster for video in items if (poster := poster_url(video))), None)
    body = rss(
        Feed(
            title=head.title,
            description=head.description,
            page_url=base.url(head.path),
            self_url=base.url(f"{prefix}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")),
            image_url=base.url(head.image) if head.image else _media(base, prefix, image),
            items=[
                FeedItem(
                    guid=video.public_id,
                    title=video.title,
                    description=video.description,
                    author=video.owner_shown_name,
                    tags=video.tags,
                    page_url=base.url(watch_href(video)),
                    published_at_ms=video.published_at_ms or video.created_at_ms,
                    duration_ms=video.duration_ms,
                    image_url=_media(base, prefix, poster_url(video)),
                    media_url=_media(base, prefix, mp4_url(video, names[video.id]) if video.id in names else None),
                    media_bytes=enclosures[video.id].length_bytes if video.id in enclosures else 0,
                )
                for video in items
            ],
        )
    )
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
    if_none_match = request.headers.get("if-none-match")
    conditions = evaluate_conditions(
        total=len(body), etag=etag, if_none_match=if_none_match, range_header=None, if_range=None
    )
    if isinstance(conditions, NotModified):
        return Response(b"", status_code=304, headers=headers, media_type=CONTENT_TYPE)
    return Response(body, headers=headers, media_type=CONTENT_TYPE)


def _media(base: LinkBase, prefix: str, path: str | None) -> str | None:
    return None if path is None else base.url(prefix + path)


@get("/sitemap.xml", include_in_schema=False)
async def sitemap(
    request: PageRequest, videos: NamedDependency[VideoServices], settings: NamedDependency[HttpSettings]
) -> Response[bytes]:
    """List the pages of the newest public videos, for search engines.

    Raises:
        NotFound: anonymous visitors may see nothing.
    """
    if settings.anonymous.anonymous_access is AnonymousAccess.NOTHING:
        raise NotFound
    base = link_base(request, settings)
    root = Element("urlset", {"xmlns": _SITEMAP})
    SubElement(SubElement(root, "url"), "loc").text = base.url("/explore")
    for video, published_at_ms in await videos.listing.newest(settings.anonymous, SITEMAP_VIDEOS):
        entry = SubElement(root, "url")
        SubElement(entry, "loc").text = base.url(f"/watch/{video}")
        SubElement(entry, "lastmod").text = time_iso(published_at_ms)
    return Response(tostring(root, encoding="utf-8", xml_declaration=True), media_type="application/xml")


@get("/robots.txt", include_in_schema=False)
async def robots(request: PageRequest, settings: NamedDependency[HttpSettings]) -> Response[str]:
    """Tell search engines what they may read: public pages, or nothing if anonymous visitors may see nothing."""
    if settings.anonymous.anonymous_access is AnonymousAccess.NOTHING:
        return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")
    hidden = ("/api/", "/s/", "/t/", "/feeds/", "/drop/", "/join/", "/login", "/search", "/admin/", "/settings/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in hidden)]
    lines += ["", f"Sitemap: {link_base(request, settings).url('/sitemap.xml')}", ""]
    return Response("\n".join(lines), media_type="text/plain")
