"""The pages of playlists: all that the caller may find, one with its videos, and forms to change it."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, Visibility
from streamtime.clock import Clock
from streamtime.errors import Invalid
from streamtime.http.pages.library import current_video_card, next_href, watches_of
from streamtime.http.pages.watch import visibility_from
from streamtime.http.requests import (
    Cursor,
    Form,
    PageRequest,
    account_id,
    local_path,
    read_form,
    require_signed_in,
    wants_fragment,
)
from streamtime.http.services import PlaylistServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import playlist_href
from streamtime.http.views.following import follow_playlist_view
from streamtime.http.views.playlists import playlist_view, queue_href
from streamtime.ids import shuffle_seed
from streamtime.translation import gettext
from streamtime.videos.playlists import Playlist, PlaylistEdit

ROWS = 16
"""Videos per page of a playlist; more would exceed 30 KB of HTML."""

NEW: Form = {"title": "", "description": "", "visibility": Visibility.PRIVATE.value, "errors": {}}
"""Initial values of the form for a playlist."""


@get("/playlists", include_in_schema=False)
async def playlists_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    own: FromQuery[str] = "",
    cursor: Cursor = "",
) -> Response[str]:
    """Show the caller's own playlists and those that are listed for them; with `own`, only their own."""
    page = await playlists.repository.page(caller, own=bool(own), cursor=cursor)
    shown = [playlist_view(each, caller, clock.now_ms()) for each in page.items]
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/playlist-cards.html", title="", playlists=shown, next_href=more)
    return templates.page(
        request,
        "pages/playlists.html",
        title=gettext("Playlists"),
        nav="playlists",
        playlists=shown,
        next_href=more,
        own=bool(own),
    )


@get("/playlists/new", include_in_schema=False)
async def new_playlist_page(
    request: PageRequest, caller: NamedDependency[Caller], templates: NamedDependency[Templates]
) -> Response[str]:
    """Show the form for a new playlist."""
    require_signed_in(caller)
    return _form(request, templates, None, NEW)


@post("/playlists", include_in_schema=False)
async def create_playlist(
    request: PageRequest,
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Create a playlist, or show the form again with the input and its errors."""
    owner_id = account_id(caller)
    fields = await read_form(request, "title", "description", "visibility")
    try:
        created = await playlists.repository.create(owner_id, _edit_from(fields))
    except Invalid as error:
        return _form(request, templates, None, {**fields, "errors": {error.field or "": error.message}}, status=400)
    return Redirect(playlist_href(created), status_code=303)


@get("/playlists/{playlist:str}", include_in_schema=False)
async def playlist_page(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show a playlist and its videos in their order."""
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    page = await playlists.items.page(caller, found, limit=ROWS, cursor=cursor)
    summary = await playlists.repository.summary(caller, found)
    watches = await watches_of(caller, page.items, videos)
    answer = templates.page(
        request,
        "fragments/playlist-rows.html" if wants_fragment(request) else "pages/playlist.html",
        title=found.title,
        nav="playlists",
        playlist=playlist_view(summary, caller, clock.now_ms()),
        rows=[
            (number, current_video_card(video, caller, videos, clock, watches.get(video.id)), queue_href(video, found))
            for number, video in enumerate(page.items, page.start + 1)
        ],
        next_href=next_href(request, page),
        follow=await follow_playlist_view(caller, found, videos),
    )
    if found.visibility is not Visibility.PUBLIC:
        answer.set_header("X-Robots-Tag", "noindex")
    return answer


@get("/playlists/{playlist:str}/play", include_in_schema=False)
async def play(
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    shuffle: FromQuery[str] = "",
) -> Redirect:
    """Play the playlist from its beginning; with `shuffle`, in a new shuffled order."""
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    seed = shuffle_seed() if shuffle else ""
    first = await playlists.items.first(caller, found, seed)
    return Redirect(playlist_href(playlist) if first is None else queue_href(first, found, seed), status_code=303)


@get("/playlists/{playlist:str}/edit", include_in_schema=False)
async def edit_page(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the form with the current values."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    values = {"title": found.title, "description": found.description, "visibility": found.visibility.value}
    return _form(request, templates, found, {**values, "errors": {}})


@post("/playlists/{playlist:str}/edit", include_in_schema=False)
async def edit(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Save the changes, or show the form again with the input and its errors."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    fields = await read_form(request, "title", "description", "visibility")
    try:
        await playlists.repository.edit(found, _edit_from(fields))
    except Invalid as error:
        return _form(request, templates, found, {**fields, "errors": {error.field or "": error.message}}, status=400)
    return Redirect(playlist_href(playlist), status_code=303)


@post("/playlists/{playlist:str}/items", include_in_schema=False)
async def change_items(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
) -> Redirect:
    """Move the video in the field `up` or `down` one place, or remove that in `remove`."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    fields = await read_form(request, "up", "down", "remove", "next")
    back = local_path(fields["next"]) if fields["next"] else playlist_href(playlist)
    if fields["remove"]:
        await playlists.items.remove(caller, found, fields["remove"])
        return Redirect(back, status_code=303)
    moved = fields["up"] or fields["down"]
    if moved:
        await playlists.items.move(caller, found, moved, by=-1 if fields["up"] else 1)
    return Redirect(f"{back}#item-{moved}" if moved.isalnum() else back, status_code=303)


@post("/playlists/{playlist:str}/sort", include_in_schema=False)
async def sort_by_episode(
    playlist: FromPath[str], caller: NamedDependency[Caller], playlists: NamedDependency[PlaylistServices]
) -> Redirect:
    """Order the videos by the season and episode numbers in their names."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    await playlists.items.sort_by_episode(caller, found)
    return Redirect(playlist_href(playlist), status_code=303)


@get("/playlists/{playlist:str}/delete", include_in_schema=False)
async def delete_page(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask for confirmation."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    view = playlist_view(await playlists.repository.summary(caller, found), caller, clock.now_ms())
    title = gettext("Delete %(title)s?", title=found.title)
    return templates.page(request, "pages/playlist-delete.html", title=title, nav="playlists", playlist=view)


@post("/playlists/{playlist:str}/delete", include_in_schema=False)
async def delete(
    playlist: FromPath[str], caller: NamedDependency[Caller], playlists: NamedDependency[PlaylistServices]
) -> Redirect:
    """Delete the playlist; its videos stay."""
    await playlists.repository.delete(await playlists.repository.require(caller, playlist, Access.MANAGE))
    return Redirect("/playlists", status_code=303)


def _edit_from(fields: dict[str, str]) -> PlaylistEdit:
    return PlaylistEdit(fields["title"], fields["description"], visibility_from(fields["visibility"]))


def _form(
    request: PageRequest, templates: Templates, playlist: Playlist | None, form: Form, *, status: int = 200
) -> Response[str]:
    return templates.page(
        request,
        "pages/playlist-edit.html",
        title=gettext("New playlist") if playlist is None else gettext("Edit %(title)s", title=playlist.title),
        nav="playlists",
        status=status,
        href=None if playlist is None else playlist_href(playlist.public_id),
        form=form,
    )
