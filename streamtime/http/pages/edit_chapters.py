"""The forms of the edit page for chapters and for a poster of one's own."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.rate_limits import RateLimit
from streamtime.clock import Clock
from streamtime.errors import Conflict, Invalid, TooLarge
from streamtime.http.middleware.authentication import MAX_PICTURE_BODY_BYTES, check_picture_size
from streamtime.http.pages.edit import FormErrors, show_edit_form_again
from streamtime.http.requests import PageRequest, read_file, read_form
from streamtime.http.services import AuthServices, StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.videos.chapters import parse_chapters


@post("/watch/{video:str}/chapters", include_in_schema=False)
async def set_chapters(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Replace the chapters by the lines of the form; with `restore`, use those of the file again."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "chapters", "restore")
    try:
        if fields["restore"]:
            await videos.chapters.restore(found)
        else:
            await videos.chapters.choose(found, parse_chapters(fields["chapters"]))
    except (Invalid, Conflict) as error:
        errors = FormErrors(chapters={"text": fields["chapters"], "error": error.message})
        return await show_edit_form_again(request, templates, found, caller, videos, storage, clock, errors)
    return Redirect(f"/watch/{found.public_id}/edit#chapters", status_code=303)


@post(
    "/watch/{video:str}/poster",
    include_in_schema=False,
    request_max_body_size=MAX_PICTURE_BODY_BYTES,
    before_request=check_picture_size,
)
async def set_poster(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Use an uploaded picture as the poster, or show the page again with the error."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    try:
        data = await read_file(request, "picture")
        auth.rate_limiter.consume({RateLimit.PICTURE: str(caller.user_id)})
        await videos.poster_pictures.set(found, data)
    except (Invalid, Conflict, TooLarge) as error:
        errors = FormErrors(poster=error.message)
        return await show_edit_form_again(request, templates, found, caller, videos, storage, clock, errors)
    return Redirect(f"/watch/{found.public_id}/edit#poster", status_code=303)
