"""/api/v1/videos/{video}/grants and /api/v1/playlists/{playlist}/grants: sharing with people and groups."""

from typing import Annotated

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.formatting import time_iso
from streamtime.http.api.videos import RenditionNames, VideoList, video_body
from streamtime.http.grantees import find_grantee, grantee_kind, people_like
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, account_id
from streamtime.http.services import AccountServices, PlaylistServices, SharingServices, VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.http.video_urls import picture_href
from streamtime.videos.grants import Grant, GranteeKind

SHARED = "/api/v1/me/shared"
VIDEO, PLAYLIST = "/api/v1/videos/{video:str}/grants", "/api/v1/playlists/{playlist:str}/grants"
GRANTEE = "/{kind:str}/{grantee:str}"


class GrantBody(msgspec.Struct):
    """Somebody that a video or playlist is shared with: one of the `people`, by user name, or of the `groups`, by id.

    `members` counts the people. `with_videos` says whether the owner's videos in a playlist are shared too.
    """

    kind: GranteeKind
    id: str
    name: str
    members: int
    with_videos: bool
    granted_at: str


class GrantList(msgspec.Struct):
    """All grants of a video or playlist."""

    items: list[GrantBody]


class PersonBody(msgspec.Struct):
    """An account. `name` is the user name, `text` the name to show."""

    name: str
    text: str
    picture: str | None


class PersonList(msgspec.Struct):
    """People whose names match."""

    items: list[PersonBody]


@get("/api/v1/people", responses=problems(401), tags=["sharing"], summary="Find people by name")
async def find_people(
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    q: Annotated[str, QueryParameter(max_length=100)] = "",
) -> PersonList:
    """Up to ten accounts whose user name or display name contains `q`, without the caller's own."""
    found = await people_like(q, caller, accounts)
    return PersonList(
        [PersonBody(each.name, each.shown_name, picture_href(each.public_id, each.picture_version)) for each in found]
    )


@get(SHARED, responses=problems(401), tags=["sharing"], summary="List what is shared with you")
async def list_shared(
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> VideoList:
    """Playable videos that are shared with the caller by name, through a group or a playlist; the last shared first."""
    account_id(caller)
    page = await videos.shared.page(caller, limit=limit, cursor=cursor)
    renditions, tracks = await RenditionNames.of(videos, page.items), await tracks_of(page.items, videos)
    return VideoList([video_body(each, caller, videos, renditions, tracks) for each in page.items], page.next)


@get(VIDEO, responses=problems(403, 404), tags=["sharing"], summary="List who a video is shared with")
async def list_video_grants(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
) -> GrantList:
    """Besides those who may watch it by its visibility. For those who may change the video."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    return _bodies(await sharing.grants.list(found))


@put(VIDEO + GRANTEE, status_code=204, responses=problems(403, 404, 409), tags=["sharing"], summary="Share a video")
async def put_video_grant(
    video: FromPath[str],
    kind: FromPath[str],
    grantee: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
) -> None:
    """With `people` and a user name, or with `groups` and the id of a group of the caller.

    They may watch it like a video for members, whatever its visibility, and neither change it nor share it.
    """
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await sharing.grants.add(found, await find_grantee(grantee_kind(kind), grantee, caller, accounts, sharing), actor)


@delete(VIDEO + GRANTEE, responses=problems(403, 404), tags=["sharing"], summary="Stop sharing a video")
async def delete_video_grant(
    video: FromPath[str],
    kind: FromPath[str],
    grantee: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
) -> None:
    """Effective immediately: players of people who may not watch it any more stop at the next segment."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await sharing.grants.remove(found, grantee_kind(kind), grantee, actor)


@get(PLAYLIST, responses=problems(403, 404), tags=["sharing"], summary="List who a playlist is shared with")
async def list_playlist_grants(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
) -> GrantList:
    """Besides those who may see it by its visibility. For those who may change the playlist."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    return _bodies(await sharing.grants.list(found))


@put(
    PLAYLIST + GRANTEE,
    status_code=204,
    responses=problems(403, 404, 409),
    tags=["sharing"],
    summary="Share a playlist",
)
async def put_playlist_grant(
    playlist: FromPath[str],
    kind: FromPath[str],
    grantee: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    with_videos: FromQuery[bool] = False,
) -> None:
    """With `people` and a user name, or with `groups` and the id of a group of the caller.

    They see the playlist, and of its videos those that they may watch. With `with_videos` they may also watch the
    videos in it that belong to the owner of the playlist, those that are added later included.
    """
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    chosen = await find_grantee(grantee_kind(kind), grantee, caller, accounts, sharing)
    await sharing.grants.add(found, chosen, actor, with_videos=with_videos)


@delete(PLAYLIST + GRANTEE, responses=problems(403, 404), tags=["sharing"], summary="Stop sharing a playlist")
async def delete_playlist_grant(
    playlist: FromPath[str],
    kind: FromPath[str],
    grantee: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
) -> None:
    """Effective immediately, also for the videos that were shared with it."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await sharing.grants.remove(found, grantee_kind(kind), grantee, actor)


def _bodies(found: list[Grant]) -> GrantList:
    return GrantList(
        [
            GrantBody(each.kind, each.key, each.text, each.members, each.with_videos, time_iso(each.granted_at_ms))
            for each in found
        ]
    )
