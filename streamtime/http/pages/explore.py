"""The start page: Explore with its shelves, and the list of all videos behind it."""

from dataclasses import dataclass
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.http.pages.library import current_video_card, video_grid
from streamtime.http.requests import Cursor, PageRequest, Text, wants_fragment
from streamtime.http.services import AccountServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import owner_href, picture_href, tag_href
from streamtime.http.views.playlists import playlist_view
from streamtime.translation import gettext
from streamtime.videos.home import SHOWN_NEWEST, Person
from streamtime.videos.listing import ListScope, Query, Sort


@get("/", include_in_schema=False)
async def home(accounts: NamedDependency[AccountServices]) -> Redirect:
    """Redirect to setup if it is still needed, else to Explore."""
    return Redirect("/setup" if await accounts.setup.needed() else "/explore", status_code=303)


@dataclass(frozen=True, slots=True)
class PersonLink:
    """A person on the start page."""

    name: str
    href: str
    picture: str | None


@get("/explore", include_in_schema=False)
async def explore(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    q: Text = "",
    sort: FromQuery[Sort] = Sort.NEW,
    cursor: Cursor = "",
) -> Response[str] | Redirect:
    """Show the start page; with an order or a cursor, all videos that are listed for the caller.

    With `q`, redirect to the search, which was here before.
    """
    if q.strip():
        return Redirect(f"/search?{urlencode({'q': q})}", status_code=301)
    if cursor or "sort" in request.query_params or wants_fragment(request):
        query = Query(scope=ListScope.LISTED, sort=sort, cursor=cursor)
        return await video_grid(request, caller, videos, clock, templates, query)
    found = await videos.start_page.read(caller)
    return templates.page(
        request,
        "pages/explore.html",
        title=gettext("Explore"),
        nav="explore",
        begun=[current_video_card(video, caller, videos, clock, watch) for video, watch in found.begun],
        cards=[current_video_card(video, caller, videos, clock, watch) for video, watch in found.newest],
        next_href=f"/explore?{urlencode({'cursor': found.next})}" if found.next else None,
        has_room=len(found.newest) < SHOWN_NEWEST,
        follows=found.follows,
        tags=[(tag, tag_href(tag)) for tag in found.tags],
        people=[_person_link(each) for each in found.people],
        playlists=[playlist_view(each, caller, clock.now_ms()) for each in found.playlists],
    )


def _person_link(person: Person) -> PersonLink:
    picture = picture_href(person.public_id, person.picture_version)
    return PersonLink(person.shown_name, owner_href(person.name), picture)
