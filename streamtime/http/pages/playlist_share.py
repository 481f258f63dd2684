"""The share page of a playlist: its address, and its owner's share links to it."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.clock import Clock
from streamtime.errors import Invalid
from streamtime.http.public_urls import link_base, qr_svg
from streamtime.http.requests import Form, PageRequest, read_form
from streamtime.http.services import HttpSettings, PlaylistServices, SharingServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import playlist_href
from streamtime.http.views.links import EXPIRY_CHOICES, NEW_LINK, link_view, parse_new_link
from streamtime.translation import gettext
from streamtime.videos.playlists import Playlist


@get("/playlists/{playlist:str}/share", include_in_schema=False)
async def playlist_share_page(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
) -> Response[str]:
    """Show the URL of the playlist and its owner's share links. `made` is the id of a link just created."""
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    return await _page(request, found, caller, sharing, clock, settings, templates, NEW_LINK, made=made)


@post("/playlists/{playlist:str}/share", include_in_schema=False)
async def make_playlist_link(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Create a link to the playlist, or show the form again with the errors."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    fields = await read_form(request, "label", "days", "password", "max_views")
    try:
        link = await sharing.links.create(caller, parse_new_link(fields, [], clock.now_ms(), playlist=found), actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _page(request, found, caller, sharing, clock, settings, templates, form, status=400)
    return Redirect(f"{playlist_href(playlist)}/share", query_params={"made": link.public_id}, status_code=303)


async def _page(
    request: PageRequest,
    playlist: Playlist,
    caller: Caller,
    sharing: SharingServices,
    clock: Clock,
    settings: HttpSettings,
    templates: Templates,
    form: Form,
    *,
    status: int = 200,
    made: str = "",
) -> Response[str]:
    owns = caller.user_id == playlist.owner_id
    listed = await sharing.links.list_for_owner(caller, playlist_id=playlist.id) if owns else []
    base, now = link_base(request, settings), clock.now_ms()
    views = [view for view in (link_view(link, now, base) for link in listed) if view.state == "live"]
    created = next((view for view in views if view.id == made), None)
    path = playlist_href(playlist.public_id)
    share = {
        "href": path,
        "title": playlist.title,
        "visibility": playlist.visibility.value,
        "address": base.url(path),
        "others": base.alternate_urls(path),
        "base": base,
        "owns": owns and caller.may_upload,
        "links": views,
        "created": created,
        "qr": qr_svg(created.address if created else base.url(path)),
        "terms": EXPIRY_CHOICES,
    }
    return templates.page(
        request,
        "pages/playlist-share.html",
        confidential=True,
        title=gettext("Share the playlist"),
        nav="playlists",
        status=status,
        share=share,
        form=form,
    )
