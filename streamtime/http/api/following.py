"""/api/v1/me/following: people and playlists that the caller follows, and their newest videos."""

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.auth.access import Access, Caller
from streamtime.auth.users import User
from streamtime.errors import NotFound
from streamtime.http.api.videos import RenditionNames, VideoList, video_body
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, account_id
from streamtime.http.services import AccountServices, PlaylistServices, VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.videos.listing import ListScope, Query
from streamtime.videos.playlists import Playlist

FOLLOWING = "/api/v1/me/following"
SUBJECT = FOLLOWING + "/{kind:str}/{subject:str}"


class FollowedPlaylistBody(msgspec.Struct):
    """A playlist that the caller follows."""

    id: str
    title: str
    owner: str


class FollowingBody(msgspec.Struct):
    """The user names of people that the caller follows, and the playlists among those that they may see."""

    people: list[str]
    playlists: list[FollowedPlaylistBody]


@get(FOLLOWING, responses=problems(401), tags=["following"], summary="List whom you follow")
async def get_following(caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]) -> FollowingBody:
    """The last followed first. Only the caller sees it, and following gives no permission."""
    people = await videos.following.people(account_id(caller))
    lists = await videos.following.playlists(caller)
    return FollowingBody(
        [each.name for each in people],
        [FollowedPlaylistBody(each.public_id, each.title, each.owner_name) for each in lists],
    )


@get(FOLLOWING + "/videos", responses=problems(401), tags=["following"], summary="List the newest of whom you follow")
async def list_followed_videos(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> VideoList:
    """Playable videos that are listed for the caller, of people and in playlists that they follow; the newest first."""
    account_id(caller)
    page = await videos.listing.page(caller, Query(scope=ListScope.FOLLOWED, limit=limit, cursor=cursor))
    renditions, tracks = await RenditionNames.of(videos, page.items), await tracks_of(page.items, videos)
    return VideoList([video_body(each, caller, videos, renditions, tracks) for each in page.items], page.next)


@put(SUBJECT, status_code=204, responses=problems(400, 401, 403, 404, 409), tags=["following"], summary="Follow")
async def follow(
    kind: FromPath[str],
    subject: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
) -> None:
    """Follow a person (`people`, by user name) or a playlist that you may see (`playlists`, by id).

    Their new videos are on the page Following, and in your notices. What you may watch stays the same.
    """
    user_id = account_id(caller)
    await videos.following.follow(user_id, await _found(kind, subject, caller, accounts, playlists))


@delete(SUBJECT, responses=problems(401, 403, 404), tags=["following"], summary="Stop following")
async def unfollow(
    kind: FromPath[str],
    subject: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
) -> None:
    """Stop following a person or a playlist. Without effect if you do not follow it."""
    user_id = account_id(caller)
    await videos.following.unfollow(user_id, await _found(kind, subject, caller, accounts, playlists))


async def _found(
    kind: str, subject: str, caller: Caller, accounts: AccountServices, playlists: PlaylistServices
) -> User | Playlist:
    if kind == "playlists":
        return await playlists.repository.require(caller, subject, Access.VIEW)
    if kind != "people":
        raise NotFound
    person = await accounts.users.by_name(subject)
    await accounts.profile_visibility.require(caller, person)
    return person
