"""Captions on the edit page: adding, replacing and deleting tracks."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.captions.formats import MAX_BYTES
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.http.pages.edit import show_edit_form_again
from streamtime.http.requests import FORM_OVERHEAD_BYTES, PageRequest, read_file, read_form
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.tracks import caption_bodies, tracks_of
from streamtime.videos.video import Video


@post("/watch/{video:str}/captions", include_in_schema=False, request_max_body_size=MAX_BYTES + FORM_OVERHEAD_BYTES)
async def add_captions(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Add a track, or show the page again with what is wrong and what was typed."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "language", "label")
    try:
        await services.captions.upload(found, await read_file(request, "file"), **fields)
    except (Invalid, Conflict) as error:
        field = error.field if isinstance(error, Invalid) else None
        captions = {**fields, "errors": {field or "file": error.message}}
        return await show_edit_form_again(request, templates, found, caller, services, captions)
    return _back(found)


@post(
    "/watch/{video:str}/captions/{name:str}",
    include_in_schema=False,
    request_max_body_size=MAX_BYTES + FORM_OVERHEAD_BYTES,
)
async def replace_captions(
    request: PageRequest,
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Put another file in the place of a track's text."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    try:
        await services.captions.replace_from_file(found, name, await read_file(request, "file"))
    except Invalid as error:
        captions = {"language": "", "label": "", "errors": {name: error.message}}
        return await show_edit_form_again(request, templates, found, caller, services, captions)
    return _back(found)


@get("/watch/{video:str}/captions/{name:str}/delete", include_in_schema=False)
async def delete_captions_page(
    request: PageRequest,
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask whether a track is to be deleted.

    Raises:
        NotFound: there is no such track.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    tracks = caption_bodies(found, await tracks_of([found], services))
    track = next((track for track in tracks if track.name == name), None)
    if track is None:
        raise NotFound
    return templates.page(
        request,
        "pages/captions-delete.html",
        title="Delete captions?",
        video=found.public_id,
        track=track,
        of_title=found.title,
    )


@post("/watch/{video:str}/captions/{name:str}/delete", include_in_schema=False)
async def delete_captions(
    video: FromPath[str], name: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Take a track away."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.captions.delete(tx, found, name))
    return _back(found)


def _back(video: Video) -> Redirect:
    return Redirect(f"/watch/{video.public_id}/edit#captions", status_code=303)
