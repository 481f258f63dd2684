"""Adding a video to the caller's playlists, and removing it from them: a page that is a dialog with script."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, Visibility
from streamtime.errors import Invalid
from streamtime.http.pages.watch import visibility_from
from streamtime.http.requests import Form, PageRequest, account_id, read_form, wants_fragment
from streamtime.http.services import PlaylistServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.views.marks import marks_view
from streamtime.translation import gettext
from streamtime.videos.listing import MAX_LIMIT
from streamtime.videos.playlists import PlaylistEdit
from streamtime.videos.video import Video

NEW: Form = {"title": "", "visibility": Visibility.PRIVATE.value, "errors": {}}


@get("/watch/{video:str}/playlists", include_in_schema=False)
async def choice_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the caller's playlists, the last changed first, and which contain the video."""
    account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    return await _choices(request, "pages/playlist-choice.html", found, caller, videos, playlists, templates, NEW)


@post("/watch/{video:str}/playlists", include_in_schema=False)
async def choose(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Add the video to the playlist in `add`, remove it from that in `remove`, or add it to a new one, `title`."""
    owner_id = account_id(caller)
    found = await videos.repository.require(caller, video, Access.VIEW)
    fields = await read_form(request, "add", "remove", "title", "visibility")
    form, whole = NEW, not wants_fragment(request)
    try:
        await _change(found, fields, caller, owner_id, playlists)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
    if whole and form is NEW:
        return Redirect(f"/watch/{video}/playlists", status_code=303)
    template = "pages/playlist-choice.html" if whole else "fragments/playlist-choices.html"
    answer = await _choices(request, template, found, caller, videos, playlists, templates, form)
    answer.status_code = 400 if whole else 200  # htmx shows no answer with an error
    return answer


async def _change(
    video: Video, fields: dict[str, str], caller: Caller, owner_id: int, playlists: PlaylistServices
) -> None:
    repository, items = playlists.repository, playlists.items
    if fields["remove"]:
        chosen = await repository.require(caller, fields["remove"], Access.MANAGE)
        await items.remove(caller, chosen, video.public_id)
        return
    playlist = fields["add"]
    if not playlist:
        visibility = visibility_from(fields["visibility"] or Visibility.PRIVATE.value)
        playlist = await repository.create(owner_id, PlaylistEdit(fields["title"], visibility=visibility))
    await items.add(await repository.require(caller, playlist, Access.MANAGE), video)


async def _choices(
    request: PageRequest,
    template: str,
    video: Video,
    caller: Caller,
    videos: VideoServices,
    playlists: PlaylistServices,
    templates: Templates,
    form: Form,
) -> Response[str]:
    own = await playlists.repository.page(caller, own=True, limit=MAX_LIMIT)
    containing = await playlists.items.containing(account_id(caller), video)
    choices = [(each.playlist, each.playlist.id in containing) for each in own.items]
    return templates.page(
        request,
        template,
        title=gettext("Add to playlist"),
        nav="playlists",
        video_id=video.public_id,
        video_title=video.title,
        choices=choices,
        marks=await marks_view(video, caller, videos),
        form=form,
    )
