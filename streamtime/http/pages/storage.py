"""The storage page of those who run the server: whether bytes are well, and what is done about it."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.access.rules import Access
from streamtime.database.transaction import Transaction
from streamtime.errors import NotFound
from streamtime.http.requests import PageRequest
from streamtime.http.services import Services
from streamtime.http.storage_rows import board_of
from streamtime.http.templates import Templates
from streamtime.library.work import (
    COLLECT,
    COLLECT_PRIORITY,
    COLLECT_SUBJECT,
    MANY_ATTEMPTS,
    RECONCILE,
    RECONCILE_PRIORITY,
    SCRUB,
    SCRUB_PRIORITY,
)

HERE = "/admin/storage"
_PRIORITIES = {COLLECT: COLLECT_PRIORITY, RECONCILE: RECONCILE_PRIORITY, SCRUB: SCRUB_PRIORITY}


@get(HERE, include_in_schema=False)
async def storage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Stores, tasks and damage."""
    _admin(caller)
    board = await board_of(services)
    return templates.page(request, "pages/storage.html", title="Storage", nav="storage", board=board)


@post(HERE + "/{task:str}", include_in_schema=False)
async def run_now(task: str, caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Do one of the tasks now; stores are asked anew."""
    _admin(caller)
    if task not in _PRIORITIES:
        raise NotFound

    async def body(tx: Transaction) -> None:
        attempts = MANY_ATTEMPTS if task == COLLECT else 3
        await services.queue.enqueue(tx, task, COLLECT_SUBJECT, priority=_PRIORITIES[task], max_attempts=attempts)
        await services.queue.hurry(tx, COLLECT_SUBJECT)

    await services.database.write(body)
    return Redirect(HERE, status_code=303)


@post("/watch/{video:str}/history/{rung:str}", include_in_schema=False)
async def make_again(
    video: str, rung: str, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """Make a damaged rendition again from the original."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    if rung not in (await services.renditions.names([found.id])).get(found.id, []):
        raise NotFound
    await services.database.write(lambda tx: services.steering.again(tx, found, rungs=[rung]))
    return Redirect(f"/watch/{found.public_id}/history", status_code=303)


def _admin(caller: Caller) -> None:
    """Let admins pass.

    Raises:
        NotFound: for everybody else this page is not there.
    """
    if not caller.is_admin:
        raise NotFound
