"""Editing, reprocessing and deleting a video, and its caption tracks."""

from dataclasses import dataclass
from urllib.parse import quote

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.captions.formats import MAX_BYTES
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.http.pages.watch import visibility_from, watch_view
from streamtime.http.requests import FORM_OVERHEAD_BYTES, Form, PageRequest, read_file, read_form
from streamtime.http.services import StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.tracks import caption_bodies, tracks_of
from streamtime.http.video_urls import watch_href
from streamtime.http.views.space import DuplicateView, duplicate_of
from streamtime.http.views.versions import VersionsView, versions_view
from streamtime.http.views.videos import WatchView
from streamtime.languages import language_choices
from streamtime.translation import gettext
from streamtime.videos.editing import Edit
from streamtime.videos.video import Video, VideoState

NO_CAPTIONS: Form = {"language": "", "label": "", "errors": {}}
"""Initial values of the form for a caption track."""


@dataclass(frozen=True, slots=True)
class FormErrors:
    """The input and the errors of the forms beside the main one; None for a form without errors."""

    captions: Form | None = None
    chapters: Form | None = None
    poster: str | None = None


_MAX_TIME_DIGITS = 12
"""Maximum digits of a time in milliseconds (about thirty years)."""


@get("/watch/{video:str}/edit", include_in_schema=False)
async def edit_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the form with the current values."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    shown = await _shown(found, caller, videos, storage, clock)
    return _edit(request, templates, shown, _form_of(found), status=200)


@post("/watch/{video:str}/edit", include_in_schema=False)
async def edit(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Save the changes, or show the form again with the input and its errors."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "title", "description", "tags", "visibility", "poster_ms", "recorded_at")
    try:
        tags = tuple(fields["tags"].split(","))
        visibility = visibility_from(fields["visibility"])
        poster_ms = _parse_ms(fields["poster_ms"])
        recorded = fields["recorded_at"]
        changes = Edit(fields["title"], fields["description"], tags, visibility, poster_ms, recorded=recorded)
        await videos.editor.apply(found, changes, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        shown = await _shown(found, caller, videos, storage, clock)
        return _edit(request, templates, shown, form, status=400)
    return Redirect(watch_href(found), status_code=303)


@post("/watch/{video:str}/again", include_in_schema=False)
async def prepare_video_again(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Process the whole video again. The existing renditions play until the new ones are complete."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.jobs.reprocess(tx, found, rungs=None))
    return Redirect(watch_href(found), status_code=303)


@get("/watch/{video:str}/delete", include_in_schema=False)
async def delete_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    now: FromQuery[str] = "",
) -> Response[str]:
    """Ask for confirmation; with `now`, of deleting the video permanently."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    view = await watch_view(found, caller, videos, storage, clock)
    if now:
        return templates.page(
            request, "pages/delete-now.html", title=gettext("Delete %(title)s for good?", title=found.title), video=view
        )
    days = 0 if found.state is VideoState.UPLOADING else videos.trash.retention_days
    return templates.page(
        request, "pages/delete.html", title=gettext("Delete %(title)s?", title=found.title), video=view, days=days
    )


@post("/watch/{video:str}/delete", include_in_schema=False)
async def delete(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Move the video to the trash; the library then offers to restore it.

    With `now` it is deleted permanently, after a confirmation page, which sends `sure`.
    """
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "now", "sure")
    if fields["now"] and not fields["sure"]:
        return Redirect(f"{watch_href(found)}/delete", query_params={"now": "yes"}, status_code=303)
    if fields["now"]:
        await database.write(lambda tx: videos.deletion.purge(tx, found, actor))
        return Redirect("/library", status_code=303)
    await database.write(lambda tx: videos.trash.soft_delete(tx, found, actor))
    return Redirect(f"/library?binned={quote(found.public_id)}", status_code=303)


@post("/watch/{video:str}/keep", include_in_schema=False)
async def keep_both(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Keep a video whose file is the same as an earlier one's."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.duplicates.keep_both(tx, found))
    return Redirect(f"{watch_href(found)}/edit", status_code=303)


async def show_edit_form_again(
    request: PageRequest,
    templates: Templates,
    video: Video,
    caller: Caller,
    videos: VideoServices,
    storage: StorageServices,
    clock: Clock,
    errors: FormErrors,
) -> Response[str]:
    """Return the edit page with the errors of one of its other forms."""
    shown = await _shown(video, caller, videos, storage, clock)
    return _edit(request, templates, shown, _form_of(video), status=400, errors=errors)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the edit page shows besides its forms."""

    view: WatchView
    duplicate: DuplicateView | None
    versions: VersionsView


async def _shown(video: Video, caller: Caller, videos: VideoServices, storage: StorageServices, clock: Clock) -> _Shown:
    view, duplicate = await watch_view(video, caller, videos, storage, clock), await duplicate_of(video, videos)
    return _Shown(view, duplicate, await versions_view(video, videos, storage))


def _form_of(video: Video) -> Form:
    return {
        "title": video.title,
        "description": video.description,
        "tags": ", ".join(video.tags),
        "visibility": video.visibility.value,
        "recorded_at": "" if video.recorded is None else video.recorded.day,
        "poster_ms": "" if video.poster_ms is None else str(video.poster_ms),
        "errors": {},
    }


def _edit(
    request: PageRequest,
    templates: Templates,
    shown: _Shown,
    form: Form,
    *,
    status: int,
    errors: FormErrors | None = None,
) -> Response[str]:
    errors = errors or FormErrors()
    return templates.page(
        request,
        "pages/edit.html",
        title=gettext("Edit"),
        status=status,
        video=shown.view,
        form=form,
        duplicate=shown.duplicate,
        versions=shown.versions,
        captions=errors.captions or NO_CAPTIONS,
        chapters=errors.chapters or {"text": shown.view.chapters_text, "error": None},
        poster_error=errors.poster,
        languages=language_choices(),
    )


def _parse_ms(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_TIME_DIGITS):
        raise Invalid("Choose one of the images.", field="poster_ms")
    return int(text)


@post("/watch/{video:str}/captions", include_in_schema=False, request_max_body_size=MAX_BYTES + FORM_OVERHEAD_BYTES)
async def add_captions(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Add a caption track, or show the page again with the input and its errors."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "language", "label")
    try:
        await videos.captions.upload(found, await read_file(request, "file"), **fields)
    except (Invalid, Conflict) as error:
        field = error.field if isinstance(error, Invalid) else None
        errors = FormErrors(captions={**fields, "errors": {field or "file": error.message}})
        return await show_edit_form_again(request, templates, found, caller, videos, storage, clock, errors)
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
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Replace the text of a caption track by another file."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    try:
        await videos.captions.replace_from_file(found, name, await read_file(request, "file"))
    except Invalid as error:
        errors = FormErrors(captions={"language": "", "label": "", "errors": {name: error.message}})
        return await show_edit_form_again(request, templates, found, caller, videos, storage, clock, errors)
    return _back(found)


@get("/watch/{video:str}/captions/{name:str}/delete", include_in_schema=False)
async def delete_captions_page(
    request: PageRequest,
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask for confirmation of deleting a caption track.

    Raises:
        NotFound: there is no such track.
    """
    found = await videos.repository.require(caller, video, Access.MANAGE)
    tracks = caption_bodies(found, await tracks_of([found], videos))
    track = next((track for track in tracks if track.name == name), None)
    if track is None:
        raise NotFound
    return templates.page(
        request,
        "pages/captions-delete.html",
        title=gettext("Delete captions?"),
        video=found.public_id,
        track=track,
        of_title=found.title,
    )


@post("/watch/{video:str}/captions/{name:str}/delete", include_in_schema=False)
async def delete_captions(
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Delete a caption track."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.captions.delete(tx, found, name))
    return _back(found)


def _back(video: Video) -> Redirect:
    return Redirect(f"/watch/{video.public_id}/edit#captions", status_code=303)
