"""/api/v1/playlists: playlists and their videos."""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from streamtime.auth.access import Access, Caller, Visibility
from streamtime.formatting import time_iso
from streamtime.http.api.videos import RenditionNames, VideoBody, video_body
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, account_id
from streamtime.http.services import PlaylistServices, VideoServices
from streamtime.http.tracks import tracks_of
from streamtime.http.video_urls import playlist_href, poster_url
from streamtime.videos.playlist_items import MAX_ITEMS
from streamtime.videos.playlists import PlaylistEdit, PlaylistSummary

VideoId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Title = Annotated[str, msgspec.Meta(max_length=1_000)]
Description = Annotated[str, msgspec.Meta(max_length=20_000)]


class PlaylistUrls(msgspec.Struct):
    """Paths on this server. `cover` is the poster of the first video."""

    page: str
    cover: str | None


class PlaylistBody(msgspec.Struct):
    """A playlist. Count, duration and cover are those of the videos that the caller may find."""

    id: str
    title: str
    description: str
    owner: str
    visibility: Visibility
    count: int
    duration_ms: int
    created_at: str
    updated_at: str
    urls: PlaylistUrls


class PlaylistList(msgspec.Struct):
    """A page of playlists, and the cursor of the next one."""

    items: list[PlaylistBody]
    next: str | None


class PlaylistItemList(msgspec.Struct):
    """A page of the videos of a playlist in their order, and the cursor of the next one."""

    items: list[VideoBody]
    next: str | None


class NewPlaylist(msgspec.Struct, forbid_unknown_fields=True):
    """A new playlist."""

    title: Title
    description: Description = ""
    visibility: Visibility = Visibility.PRIVATE


class PlaylistPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes; omitted fields stay unchanged."""

    title: Title | None = None
    description: Description | None = None
    visibility: Visibility | None = None


class NewItem(msgspec.Struct, forbid_unknown_fields=True):
    """The id of a video to add."""

    video: VideoId


class ItemOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The ids of videos of the playlist in their new order. Those that are not named follow after them."""

    videos: Annotated[list[VideoId], msgspec.Meta(min_length=1, max_length=MAX_ITEMS)]


class ItemPosition(msgspec.Struct, forbid_unknown_fields=True):
    """How many of the videos that the caller sees in the playlist are to be before this one."""

    position: Annotated[int, msgspec.Meta(ge=0, le=MAX_ITEMS)]


@get("/api/v1/playlists", responses=problems(401), tags=["playlists"], summary="List playlists")
async def list_playlists(
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    own: FromQuery[bool] = False,
    limit: Limit = 24,
    cursor: Cursor = "",
) -> PlaylistList:
    """The caller's own playlists, and those of others that are listed for them; the last changed first.

    With `own`, only their own. Playlists of others that would show the caller no video are left out.
    """
    page = await playlists.repository.page(caller, own=own, limit=limit, cursor=cursor)
    return PlaylistList([_playlist_body(each) for each in page.items], page.next)


@post("/api/v1/playlists", responses=problems(401, 403, 409, 413), tags=["playlists"], summary="Create a playlist")
async def create_playlist(
    data: JSONBody[NewPlaylist],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """A private one, unless `visibility` is given; empty at first."""
    new = PlaylistEdit(data.title, data.description, data.visibility)
    created = await playlists.repository.create(account_id(caller), new)
    return await _answer(created, caller, playlists)


@get("/api/v1/playlists/{playlist:str}", responses=problems(404), tags=["playlists"], summary="Get a playlist")
async def get_playlist(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """One playlist, if the caller may see it. Its videos are at `/items`."""
    return await _answer(playlist, caller, playlists)


@patch(
    "/api/v1/playlists/{playlist:str}",
    responses=problems(403, 404, 413),
    tags=["playlists"],
    summary="Change a playlist",
)
async def patch_playlist(
    playlist: FromPath[str],
    data: JSONBody[PlaylistPatch],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """Change the given fields, all or none."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.repository.edit(found, PlaylistEdit(data.title, data.description, data.visibility))
    return await _answer(playlist, caller, playlists)


@delete(
    "/api/v1/playlists/{playlist:str}", responses=problems(403, 404), tags=["playlists"], summary="Delete a playlist"
)
async def delete_playlist(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> None:
    """Its videos stay."""
    await playlists.repository.delete(await playlists.repository.require(caller, playlist, Access.MANAGE))


@get(
    "/api/v1/playlists/{playlist:str}/items",
    responses=problems(404),
    tags=["playlists"],
    summary="List the videos of a playlist",
)
async def list_items(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> PlaylistItemList:
    """Those that the caller may find, in the order of the playlist.

    Unlisted videos of others are included only in the playlists of the account that added them, and in unlisted
    playlists of the videos' owner.
    """
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    page = await playlists.items.page(caller, found, limit=limit, cursor=cursor)
    renditions, tracks = await RenditionNames.of(videos, page.items), await tracks_of(page.items, videos)
    items = [video_body(video, caller, videos, renditions, tracks) for video in page.items]
    return PlaylistItemList(items, page.next)


@post(
    "/api/v1/playlists/{playlist:str}/items",
    status_code=200,
    responses=problems(403, 404, 409, 413),
    tags=["playlists"],
    summary="Add a video to a playlist",
)
async def add_item(
    playlist: FromPath[str],
    data: JSONBody[NewItem],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
) -> PlaylistBody:
    """Append a video that the caller may watch. One that is in the playlist already stays where it is."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.add(found, await videos.repository.require(caller, data.video, Access.VIEW))
    return await _answer(playlist, caller, playlists)


@put(
    "/api/v1/playlists/{playlist:str}/items",
    responses=problems(403, 404, 413),
    tags=["playlists"],
    summary="Order the videos of a playlist",
)
async def order_items(
    playlist: FromPath[str],
    data: JSONBody[ItemOrder],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """Videos that the caller does not see keep their places."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.reorder(caller, found, data.videos)
    return await _answer(playlist, caller, playlists)


@post(
    "/api/v1/playlists/{playlist:str}/sort",
    status_code=200,
    responses=problems(403, 404),
    tags=["playlists"],
    summary="Order the videos of a playlist by episode",
)
async def sort_items(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """Order by season and episode: numbers like `S01E02`, `1x02` or `Episode 3` in titles, or else in file names.

    File names count for the caller's own videos only. Videos without a number follow in their present order.
    """
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.sort_by_episode(caller, found)
    return await _answer(playlist, caller, playlists)


@patch(
    "/api/v1/playlists/{playlist:str}/items/{item:str}",
    responses=problems(403, 404, 413),
    tags=["playlists"],
    summary="Move a video in a playlist",
)
async def move_item(
    playlist: FromPath[str],
    item: FromPath[str],
    data: JSONBody[ItemPosition],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> PlaylistBody:
    """Move the video with the id `item`; the others keep their order."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.move(caller, found, item, to=data.position)
    return await _answer(playlist, caller, playlists)


@delete(
    "/api/v1/playlists/{playlist:str}/items/{item:str}",
    responses=problems(403, 404),
    tags=["playlists"],
    summary="Remove a video from a playlist",
)
async def remove_item(
    playlist: FromPath[str],
    item: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> None:
    """`item` is the id of the video, which itself stays."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.remove(caller, found, item)


async def _answer(playlist: str, caller: Caller, playlists: PlaylistServices) -> PlaylistBody:
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    return _playlist_body(await playlists.repository.summary(caller, found))


def _playlist_body(summary: PlaylistSummary) -> PlaylistBody:
    playlist = summary.playlist
    return PlaylistBody(
        id=playlist.public_id,
        title=playlist.title,
        description=playlist.description,
        owner=playlist.owner_name,
        visibility=playlist.visibility,
        count=summary.count,
        duration_ms=summary.duration_ms,
        created_at=time_iso(playlist.created_at_ms),
        updated_at=time_iso(playlist.updated_at_ms),
        urls=PlaylistUrls(
            page=playlist_href(playlist.public_id), cover=None if summary.cover is None else poster_url(summary.cover)
        ),
    )
