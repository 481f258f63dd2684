"""The jobs page of those who run the server: what is done, what waits and why, what has failed. Nobody else sees it."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response, Stream

from streamtime.auth.access import Caller
from streamtime.http.event_stream import event_stream, format_event, session_key
from streamtime.http.requests import PageRequest, require_admin
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates, frame
from streamtime.http.views.jobs import JobsBoard, jobs_board
from streamtime.jobs.job import Failure
from streamtime.videos.events import VideoChanged

BASE_PATH = "/admin/jobs"
STOPPED = Failure("stopped", "The work on this video was stopped by an administrator.")


@get(BASE_PATH, include_in_schema=False)
async def jobs_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """All jobs, live."""
    require_admin(caller)
    board = await jobs_board(services, settings)
    return templates.page(request, "pages/jobs.html", title="Jobs", nav="jobs", board=board)


@get(f"{BASE_PATH}/events", include_in_schema=False)
async def jobs_events(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Stream:
    """The board anew whenever something about a video changes."""
    require_admin(caller)
    page, session = frame(request), session_key(request, caller)

    async def board() -> str:
        shown: JobsBoard = await jobs_board(services, settings)
        return format_event("jobs", templates.render("fragments/jobs.html", board=shown, page=page))

    async def snapshot() -> str:
        return await services.render_cache.get(("jobs", session), "", board)

    async def told(_news: VideoChanged) -> str:
        return await snapshot()

    return await event_stream(request, caller, services, lambda _news: True, told, snapshot)


@post(BASE_PATH + "/{video:str}/cancel", include_in_schema=False)
async def cancel(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Redirect:
    """End the work on a video. It counts as failed, and can be tried again."""
    require_admin(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.video_jobs.cancel(tx, found, STOPPED))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{video:str}/retry", include_in_schema=False)
async def retry(video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Try a failed video again."""
    require_admin(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.video_jobs.retry(tx, found))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{video:str}/hurry", include_in_schema=False)
async def hurry(video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Do not wait out the pause after a failed attempt."""
    require_admin(caller)
    found = await services.videos.by_public_id(video)
    await services.database.write(lambda tx: services.queue.run_now(tx, found.subject))
    return Redirect(BASE_PATH, status_code=303)
