"""The event stream of pages: all that the open pages of a browser want to know, in one connection.

Browsers allow six connections to a server over HTTP/1.1, so the tabs of a browser share one stream (web/scripts/live).
Each page names its topics: `notices`, `own`, `library`, `jobs`, `explore`, `video:ID`, `playlist:ID`. All events are
named `live`; the first line of their data is the topic and the event, the others are what the topic alone would send.
A topic that the caller may not follow sends nothing, or `gone`, like one that does not exist.
"""

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from streamtime.auth.access import Access, Caller, access_level, listed_visibilities
from streamtime.clock import Clock
from streamtime.errors import Forbidden, NotFound
from streamtime.http.api.events import own_feed, video_feed
from streamtime.http.event_stream import Feed, event_stream, format_event
from streamtime.http.notice_texts import notice_text
from streamtime.http.pages.jobs import jobs_feed
from streamtime.http.pages.library import library_feed
from streamtime.http.requests import PageRequest
from streamtime.http.services import (
    HttpSettings,
    JobServices,
    NoticeServices,
    PlaylistServices,
    StorageServices,
    StreamServices,
    VideoServices,
)
from streamtime.http.templates import Templates
from streamtime.videos.events import BusEvent, NoticesChanged, PlaylistChanged, VideoChanged

MAX_TOPICS = 100

_EVENT = re.compile(r"^event: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LiveTopics:
    """What pages can follow."""

    videos: VideoServices
    playlists: PlaylistServices
    notices: NoticeServices
    jobs: JobServices
    storage: StorageServices
    streams: StreamServices
    clock: Clock
    settings: HttpSettings
    templates: Templates

    def feed(self, topic: str, request: PageRequest, caller: Caller) -> Feed | None:
        """Return the feed of a topic; None if there is none for the caller."""
        kind, _, subject = topic.partition(":")
        if kind == "video":
            return video_feed(subject, request, caller, self.videos, self.streams)
        if kind == "playlist":
            return _playlist_feed(subject, caller, self.playlists)
        if kind == "explore":
            return _explore_feed(caller, self.videos, self.clock)
        return self._own_feed(kind, request, caller) if caller.signed_in else None

    def _own_feed(self, kind: str, request: PageRequest, caller: Caller) -> Feed | None:
        videos, streams, clock, templates = self.videos, self.streams, self.clock, self.templates
        if kind == "notices":
            return _notices_feed(caller, self.notices)
        if kind == "own":
            return own_feed(request, caller, videos, self.notices, streams)
        if kind == "library":
            return library_feed(request, caller, videos, streams, clock, templates)
        if kind == "jobs" and caller.is_admin:
            jobs, storage = self.jobs, self.storage
            return jobs_feed(request, caller, videos, jobs, storage, streams, clock, self.settings, templates)
        return None


@get("/live", include_in_schema=False)
async def live(
    request: PageRequest,
    caller: NamedDependency[Caller],
    streams: NamedDependency[StreamServices],
    live_topics: NamedDependency[LiveTopics],
    topic: Annotated[list[str] | None, QueryParameter(max_items=MAX_TOPICS)] = None,
    after: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Stream:
    """Send the events of these topics; `after` is the id of the last event that the browser has got."""
    found = {name: live_topics.feed(name, request, caller) for name in topic or ()}
    joined = _joined({name: feed for name, feed in found.items() if feed is not None})
    return await event_stream(request, caller, streams, joined, after=after)


def _joined(feeds: dict[str, Feed]) -> Feed:
    """Return a feed with the events of all of these, each with its topic."""

    def accepts(event: BusEvent) -> bool:
        return any(feed.accepts(event) for feed in feeds.values())

    async def render(event: BusEvent) -> str:
        return "".join(
            [_addressed(topic, await feed.render(event)) for topic, feed in feeds.items() if feed.accepts(event)]
        )

    async def snapshot() -> str:
        return "".join([_addressed(topic, await feed.snapshot()) for topic, feed in feeds.items()])

    return Feed(accepts, render, snapshot, idle=format_event("alive", "{}"))


def _addressed(topic: str, text: str) -> str:
    """Write the topic into events. Lines of data begin with `data: `, so none of them is taken for an event."""
    safe = topic.replace("\n", "").replace("\r", "")
    return _EVENT.sub(lambda found: f"event: live\ndata: {safe} {found[1]}", text)


@dataclass(frozen=True, slots=True)
class NewestNotice:
    """The newest unread notice, which a browser may show as a notification."""

    id: str
    text: str
    page: str


def _notices_feed(caller: Caller, notices: NoticeServices) -> Feed:
    """Return the number of unread notices, and the newest of them."""

    def accepts(event: BusEvent) -> bool:
        return isinstance(event, NoticesChanged) and event.user_id == caller.user_id

    async def snapshot() -> str:
        unread = await notices.listing.unread(caller)
        if caller.user_id is not None:
            notices.notices.set_unread_count(caller.user_id, unread)
        found = (await notices.listing.page(caller, limit=1)).items if unread else []
        said = [(each, notice_text(each)) for each in found if not each.read]
        newest = [NewestNotice(each.public_id, text.text, text.href) for each, text in said]
        body = {"unread": unread, "newest": newest[0] if newest else None}
        return format_event("notices", msgspec.json.encode(body).decode())

    async def render(_event: BusEvent) -> str:
        return await snapshot()

    return Feed(accepts, render, snapshot)


def _explore_feed(caller: Caller, videos: VideoServices, clock: Clock) -> Feed:
    """Return videos that are listed for the caller as they change, and `gone` for those that no longer are."""
    listed = listed_visibilities(caller)

    def accepts(event: BusEvent) -> bool:
        return isinstance(event, VideoChanged)

    async def render(event: BusEvent) -> str:
        if not isinstance(event, VideoChanged):
            return ""  # none is accepted
        try:
            video = await videos.repository.by_public_id(event.public_id)
        except NotFound:
            video = None
        if video and video.playable and video.visibility in listed and access_level(caller, video.facts) >= Access.VIEW:
            age_s = None if video.published_at_ms is None else (clock.now_ms() - video.published_at_ms) / 1000
            body = {"id": video.public_id, "title": video.title, "age_s": age_s}
            return format_event("listed", msgspec.json.encode(body).decode())
        # Only what they could see before: a name of a private video tells nothing to anyone.
        was_listed = event.visibility_before in listed
        return format_event("gone", msgspec.json.encode({"id": event.public_id}).decode()) if was_listed else ""

    return Feed(accepts, render, _nothing)


def _playlist_feed(public_id: str, caller: Caller, playlists: PlaylistServices) -> Feed:
    """Return the changes of a playlist for as long as the caller may see it."""
    body = msgspec.json.encode({"id": public_id}).decode()

    def accepts(event: BusEvent) -> bool:
        return isinstance(event, PlaylistChanged) and event.public_id == public_id

    async def render(_event: BusEvent) -> str:
        try:
            await playlists.repository.require(caller, public_id, Access.VIEW)
        except (NotFound, Forbidden):
            return format_event("gone", body)
        return format_event("playlist", body)

    return Feed(accepts, render, _nothing)


async def _nothing() -> str:
    return ""
