"""RSS 2.0 documents with the elements that podcast players read (Apple's `itunes`, Media RSS, a link to themselves)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
MEDIA_RSS = "http://search.yahoo.com/mrss/"
ATOM = "http://www.w3.org/2005/Atom"

CONTENT_TYPE = "application/rss+xml; charset=utf-8"

REFRESH_MINUTES = 30
"""How often readers are asked to look."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow (section 2.2)."""

for _prefix, _uri in (("itunes", ITUNES), ("media", MEDIA_RSS), ("atom", ATOM)):
    register_namespace(_prefix, _uri)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A video in a feed. All URLs are absolute."""

    guid: str
    title: str
    description: str
    author: str
    tags: Sequence[str]
    page_url: str
    published_at_ms: int
    duration_ms: int | None
    image_url: str | None
    media_url: str | None
    """An MP4 file; None while the video has no complete rendition."""
    media_bytes: int


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed. All URLs are absolute."""

    title: str
    description: str
    page_url: str
    self_url: str
    image_url: str | None
    items: Sequence[FeedItem]


def rss(feed: Feed) -> bytes:
    """Return the document. Characters that XML does not allow are left out."""
    root = Element("rss", {"version": "2.0"})
    channel = SubElement(root, "channel")
    _text(channel, "title", feed.title)
    _text(channel, "link", feed.page_url)
    _text(channel, "description", feed.description or feed.title)
    _text(channel, "generator", "Streamtime")
    _text(channel, "ttl", str(REFRESH_MINUTES))
    if feed.items:
        _text(channel, "lastBuildDate", _date(max(item.published_at_ms for item in feed.items)))
    SubElement(channel, f"{{{ATOM}}}link", {"href": feed.self_url, "rel": "self", "type": "application/rss+xml"})
    _text(channel, f"{{{ITUNES}}}explicit", "false")
    _text(channel, f"{{{ITUNES}}}type", "episodic")
    if feed.image_url:
        SubElement(channel, f"{{{ITUNES}}}image", {"href": feed.image_url})
        image = SubElement(channel, "image")
        for name, value in (("url", feed.image_url), ("title", feed.title), ("link", feed.page_url)):
            _text(image, name, value)
    for item in feed.items:
        _add_item(channel, item)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_item(channel: Element, item: FeedItem) -> None:
    element = SubElement(channel, "item")
    _text(element, "title", item.title)
    _text(element, "link", item.page_url)
    _text(element, "guid", item.guid).set("isPermaLink", "false")
    _text(element, "pubDate", _date(item.published_at_ms))
    _text(element, "description", item.description)
    _text(element, f"{{{ITUNES}}}author", item.author)
    for tag in item.tags:
        _text(element, "category", tag)
    if item.duration_ms is not None:
        _text(element, f"{{{ITUNES}}}duration", str(round(item.duration_ms / 1000)))
    if item.image_url:
        SubElement(element, f"{{{ITUNES}}}image", {"href": item.image_url})
        SubElement(element, f"{{{MEDIA_RSS}}}thumbnail", {"url": item.image_url})
    if item.media_url:
        attributes = {"url": item.media_url, "length": str(item.media_bytes), "type": "video/mp4"}
        SubElement(element, "enclosure", attributes)


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = _NOT_XML.sub("", text)
    return element


def _date(at_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_ms / 1000, tz=UTC), usegmt=True)
