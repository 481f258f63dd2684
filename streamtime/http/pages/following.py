"""The page of the newest videos of whom the caller follows, and the forms that follow a person or a playlist."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.http.pages.library import next_href, video_cards
from streamtime.http.requests import Cursor, PageRequest, account_id, local_path, read_form, wants_fragment
from streamtime.http.services import AccountServices, PlaylistServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import owner_href, picture_href, playlist_href
from streamtime.http.views.following import FollowView, person_follow_path, playlist_follow_path
from streamtime.translation import gettext
from streamtime.videos.listing import ListScope, Query
from streamtime.videos.playlists import Playlist

SHOWN_PEOPLE = 12
SHOWN_PLAYLISTS = 8
"""Those followed last, above the videos; more would exceed 30 KB of HTML."""


@get("/following", include_in_schema=False)
async def following_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show the newest videos of people and in playlists that the caller follows, as far as they may find them."""
    user_id = account_id(caller)
    cards, page = await video_cards(caller, videos, clock, Query(scope=ListScope.FOLLOWED, cursor=cursor))
    people = [
        {
            "name": each.shown_name,
            "href": owner_href(each.name),
            "picture": picture_href(each.public_id, each.picture_version),
        }
        for each in await videos.following.people(user_id, limit=SHOWN_PEOPLE)
    ]
    lists = [
        {"title": each.title, "href": playlist_href(each.public_id)}
        for each in await videos.following.playlists(caller, limit=SHOWN_PLAYLISTS)
    ]
    return templates.page(
        request,
        "fragments/cards.html" if wants_fragment(request) else "pages/following.html",
        title=gettext("Following"),
        nav="following",
        cards=cards,
        next_href=next_href(request, page),
        lean="menu",
        people=people,
        playlists=lists,
    )


@post("/people/{person:str}/follow", include_in_schema=False)
async def follow_person(
    request: PageRequest,
    person: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Follow a person, or stop with the field `follow` being "no"."""
    account_id(caller)
    found = await accounts.users.by_public_id(person)
    await accounts.profile_visibility.require(caller, found)
    return await _change(request, found, caller, videos, templates)


@post("/playlists/{playlist:str}/follow", include_in_schema=False)
async def follow_playlist(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Follow a playlist, or stop with the field `follow` being "no"."""
    account_id(caller)
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    return await _change(request, found, caller, videos, templates)


async def _change(
    request: PageRequest, subject: User | Playlist, caller: Caller, videos: VideoServices, templates: Templates
) -> Response[str] | Redirect:
    fields = await read_form(request, "follow", "next")
    stops = fields["follow"] == "no"
    await (videos.following.unfollow if stops else videos.following.follow)(account_id(caller), subject)
    if wants_fragment(request):
        of_person = isinstance(subject, User)
        path = person_follow_path(subject.public_id) if of_person else playlist_follow_path(subject.public_id)
        follow = FollowView(path, is_following=not stops)
        return templates.page(request, "fragments/follow.html", title="", follow=follow, next_path=fields["next"])
    return Redirect(local_path(fields["next"] or "/following"), status_code=303)
