"""The jobs page of those who run the server: what is done, what waits and why, what has failed. Nobody else sees it."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response, Stream

from streamtime.access.caller import Caller
from streamtime.events.bus import VideoChanged
from streamtime.http.event_stream import event_stream, event_text, session_key
from streamtime.http.job_rows import Board, board_of
from streamtime.http.requests import PageRequest, admins_only
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates, frame
from streamtime.jobs.job import Failure

HERE = "/admin/jobs"
STOPPED = Failure("stopped", "The work on this video was stopped by an administrator.")


@get(HERE, include_in_schema=False)
async def jobs_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """All jobs, live."""
    admins_only(caller)
    board = await board_of(services, settings)
    return templates.page(request, "pages/jobs.html", title="Jobs", nav="jobs", board=board)


@get(f"{HERE}/events", include_in_schema=False)
async def jobs_events(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Stream:
    """The board anew whenever something about a video changes."""
    admins_only(caller)
    page, session = frame(request), session_key(request, caller)

    async def board() -> str:
        shown: Board = await board_of(services, settings)
        return event_text("jobs", templates.render("fragments/jobs.html", board=shown, page=page))

    async def snapshot() -> str:
        return await services.shared_texts.get(("jobs", session), "", board)

    async def told(_news: VideoChanged) -> str:
        return await snapshot()

    return await event_stream(request, caller, services, lambda _news: True, told, snapshot)


@post(HERE + "/{video:str}/cancel", include_in_schema=False)
async def cancel(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """End the work on a video. It counts as failed, and can be tried again."""
    admins_only(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.steering.stop(tx, found, STOPPED))
    return Redirect(HERE, status_code=303)


@post(HERE + "/{video:str}/retry", include_in_schema=False)
async def retry(video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Try a failed video again."""
    admins_only(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.steering.retry(tx, found))
    return Redirect(HERE, status_code=303)


@post(HERE + "/{video:str}/hurry", include_in_schema=False)
async def hurry(video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Do not wait out the pause after a failed attempt."""
    admins_only(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.queue.hurry(tx, found.subject))
    return Redirect(HERE, status_code=303)
