"""The storage page of those who run the server: whether bytes are well, and what is done about it."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.errors import Invalid, NotFound
from streamtime.http.public_urls import is_plain_http, untrusted_proxy
from streamtime.http.requests import PageRequest, read_form, require_admin
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.storage import storage_board
from streamtime.videos.job_kinds import MAINTENANCE, WorkQueue

BASE_PATH = "/admin/storage"
MAX_DIGITS = 18
"""Of a row id: SQLite's largest has 19."""


@get(BASE_PATH, include_in_schema=False)
async def storage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Stores, tasks and damage."""
    require_admin(caller)
    board = await storage_board(services)
    return templates.page(
        request,
        "pages/storage.html",
        title="Storage",
        nav="storage",
        board=board,
        exposed=is_plain_http(request),
        unbelieved=untrusted_proxy(request),
    )


@post(BASE_PATH + "/{task:str}", include_in_schema=False)
async def run_now(
    task: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Do one of the tasks now; stores are asked anew."""
    require_admin(caller)
    if task not in MAINTENANCE:
        raise NotFound
    await services.database.write(lambda tx: WorkQueue(services.queue).queue_maintenance(tx, task, at_once=True))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/reservations/release", include_in_schema=False)
async def release_reservation(
    request: PageRequest, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Give back the room that is reserved for somebody's uploads. What has arrived stays, and may be gone on with.

    Raises:
        Invalid: the form names no line of the page.
    """
    require_admin(caller)
    form = await read_form(request, "owner", "drop", "received")
    owner_id, drop_id = _row_id(form["owner"]), _row_id(form["drop"]) if form["drop"] else None
    received = form["received"] == "yes"
    await services.database.write(lambda tx: services.reservations.release(tx, owner_id, drop_id, received=received))
    return Redirect(BASE_PATH, status_code=303)


def _row_id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise Invalid("That is no line of this page.", field="owner")
    return int(text)


@post("/watch/{video:str}/history/{rung:str}", include_in_schema=False)
async def reencode_rendition(
    video: FromPath[str], rung: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Make a damaged rendition again from the original."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    if rung not in (await services.renditions.names([found.id])).get(found.id, []):
        raise NotFound
    await services.database.write(lambda tx: services.video_jobs.reprocess(tx, found, rungs=[rung]))
    return Redirect(f"/watch/{found.public_id}/history", status_code=303)
