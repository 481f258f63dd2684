"""Editing and deleting a video."""

from urllib.parse import quote

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Invalid
from streamtime.http.pages.watch import visibility_from, watch_view
from streamtime.http.requests import Form, PageRequest, read_form
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.space import DuplicateView, duplicate_of
from streamtime.http.views.videos import WatchView, watch_href
from streamtime.languages import LANGUAGES
from streamtime.videos.editing import Edit
from streamtime.videos.video import Video, VideoState

NO_CAPTIONS: Form = {"language": "", "label": "", "errors": {}}
"""The form for a caption track as it begins."""

_LONGEST_MOMENT = 12
"""Digits of a time in milliseconds: thirty years."""


@get("/watch/{video:str}/edit", include_in_schema=False)
async def edit_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The form, filled with what is there."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    view, twin = await watch_view(found, caller, services), await duplicate_of(found, services)
    return _edit(request, templates, view, _form_of(found), status=200, twin=twin)


@post("/watch/{video:str}/edit", include_in_schema=False)
async def edit(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Save it, or show the form again with what is wrong and what was typed."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "title", "description", "tags", "visibility", "poster_ms")
    try:
        tags = tuple(fields["tags"].split(","))
        visibility = visibility_from(fields["visibility"])
        poster_ms = _parse_ms(fields["poster_ms"])
        wanted = Edit(fields["title"], fields["description"], tags, visibility, poster_ms)
        await services.editor.apply(found, wanted, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        view, twin = await watch_view(found, caller, services), await duplicate_of(found, services)
        return _edit(request, templates, view, form, status=400, twin=twin)
    return Redirect(watch_href(found), status_code=303)


@post("/watch/{video:str}/again", include_in_schema=False)
async def prepare_video_again(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Make everything anew; what there is plays until that is done."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.video_jobs.reprocess(tx, found, rungs=None))
    return Redirect(watch_href(found), status_code=303)


@get("/watch/{video:str}/delete", include_in_schema=False)
async def delete_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    now: FromQuery[str] = "",
) -> Response[str]:
    """Ask whether it is to be deleted; with `now`, for good."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    view = await watch_view(found, caller, services)
    if now:
        return templates.page(request, "pages/delete-now.html", title=f"Delete {found.title} for good?", video=view)
    days = 0 if found.state is VideoState.UPLOADING else services.trash.retention_days
    return templates.page(request, "pages/delete.html", title=f"Delete {found.title}?", video=view, days=days)


@post("/watch/{video:str}/delete", include_in_schema=False)
async def delete(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """It is gone for everybody from the answer on; the library offers to undo that, where it can be undone.

    With `now` it is deleted for good; unless `sure` says that this was asked on its own, it is asked first.
    """
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "now", "sure")
    if fields["now"] and not fields["sure"]:
        return Redirect(f"{watch_href(found)}/delete", query_params={"now": "yes"}, status_code=303)
    if fields["now"]:
        await services.database.write(lambda tx: services.deletion.purge(tx, found, actor))
        return Redirect("/library", status_code=303)
    await services.database.write(lambda tx: services.trash.soft_delete(tx, found, actor))
    return Redirect(f"/library?binned={quote(found.public_id)}", status_code=303)


@post("/watch/{video:str}/keep", include_in_schema=False)
async def keep_both(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Its owner has the same file already, and wants both."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.duplicates.keep_both(tx, found))
    return Redirect(f"{watch_href(found)}/edit", status_code=303)


async def show_edit_form_again(
    request: PageRequest, templates: Templates, video: Video, caller: Caller, services: Services, captions: Form
) -> Response[str]:
    """The page with what is wrong about its form for captions."""
    view, twin = await watch_view(video, caller, services), await duplicate_of(video, services)
    return _edit(request, templates, view, _form_of(video), status=400, twin=twin, captions=captions)


def _form_of(video: Video) -> Form:
    return {
        "title": video.title,
        "description": video.description,
        "tags": ", ".join(video.tags),
        "visibility": video.visibility.value,
        "poster_ms": "" if video.poster_ms is None else str(video.poster_ms),
        "errors": {},
    }


def _edit(
    request: PageRequest,
    templates: Templates,
    view: WatchView,
    form: Form,
    *,
    status: int,
    twin: DuplicateView | None,
    captions: Form | None = None,
) -> Response[str]:
    return templates.page(
        request,
        "pages/edit.html",
        title="Edit",
        status=status,
        video=view,
        form=form,
        twin=twin,
        captions=captions or NO_CAPTIONS,
        languages=LANGUAGES,
    )


def _parse_ms(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_MOMENT):
        raise Invalid("Choose one of the pictures.", field="poster_ms")
    return int(text)
