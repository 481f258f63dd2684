"""The admin page of jobs: running, waiting (with the reason) and failed jobs, encode slots, memory and free space."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response, Stream

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.formatting import age_text, size_text, span_text, speed_text
from streamtime.http.event_stream import Feed, event_stream, format_event, session_key
from streamtime.http.requests import PageRequest, require_admin
from streamtime.http.services import HttpSettings, JobServices, StorageServices, StreamServices, VideoServices
from streamtime.http.templates import Templates, frame
from streamtime.http.video_urls import watch_href
from streamtime.http.views.videos import stage_text
from streamtime.jobs.job import Failure
from streamtime.jobs.queue import JobSummary
from streamtime.translation import gettext, gettext_noop
from streamtime.videos.events import BusEvent, VideoChanged
from streamtime.videos.job_kinds import (
    COLLECT,
    EXPIRE,
    FIRST,
    LADDER,
    POSTER,
    PREPARE,
    RECONCILE,
    SCRUB,
    SETTLE,
    STILLS,
)
from streamtime.videos.video import Video, VideoState, subject_of, video_id_of

KIND_TEXTS = {
    PREPARE: gettext_noop("Prepare"),
    FIRST: gettext_noop("Encode first"),
    LADDER: gettext_noop("Encode"),
    STILLS: gettext_noop("Stills"),
    POSTER: gettext_noop("Poster"),
    SETTLE: gettext_noop("Store"),
    COLLECT: gettext_noop("Clean up"),
    RECONCILE: gettext_noop("Compare"),
    SCRUB: gettext_noop("Check"),
    EXPIRE: gettext_noop("Let go"),
}
SUBJECT_TEXTS = {RECONCILE: gettext_noop("stores and database"), SCRUB: gettext_noop("stored files")}
"""Titles of jobs that belong to no video."""
CANCELLABLE = frozenset({PREPARE, FIRST, LADDER})
RECENT_FAILURES_MS = 7 * 86_400_000
"""Age limit of failures on the page, in milliseconds. Older ones are on the pages of their videos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job. Values that are unknown are empty."""

    id: int
    kind_text: str
    video: str
    title: str
    href: str
    owner: str
    stage_text: str
    percent: int | None
    speed_text: str
    left_text: str
    attempt_text: str
    memory_text: str
    planned_memory_text: str
    since_text: str
    waiting_reason: str
    failure_text: str
    paused: bool
    can_cancel: bool
    can_run_now: bool
    can_retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsBoard:
    """All values of the page."""

    running: list[JobRow]
    waiting: list[JobRow]
    failed: list[JobRow]
    slots: int
    memory: tuple[str, str]
    budget_text: str
    free: tuple[str, str]
    min_free_text: str
    disk_full: bool


async def jobs_board(
    videos: VideoServices, jobs: JobServices, storage: StorageServices, clock: Clock, settings: HttpSettings
) -> JobsBoard:
    """Return the current state of all jobs."""
    now = clock.now_ms()
    active = await jobs.overview.active()
    failed = _latest(await jobs.overview.failed(since_ms=now - RECENT_FAILURES_MS))
    by_id = await videos.repository.by_ids({video_id_of(job.subject) for job in [*active, *failed] if _of_video(job)})
    free, minimum_free_bytes = await storage.stores.spool.free_bytes(), jobs.admission.rules.minimum_free_bytes
    rows = [(job, _row(job, by_id, videos, jobs, now)) for job in active]
    used = sum(jobs.workers.memory_bytes(job.subject) or 0 for job in active if job.state == "running")
    return JobsBoard(
        running=[row for job, row in rows if job.state == "running"],
        waiting=[row for job, row in rows if job.state != "running"],
        failed=[_row(job, by_id, videos, jobs, now) for job in failed if _still_failed(job, by_id)],
        slots=settings.encode_slots,
        memory=_split_unit(size_text(used)),
        budget_text=size_text(settings.encode_budget_bytes),
        free=_split_unit(size_text(free)),
        min_free_text=size_text(minimum_free_bytes),
        disk_full=free < minimum_free_bytes,
    )


def _of_video(job: JobSummary) -> bool:
    return job.subject.startswith(subject_of(0)[:-1])


def _still_failed(job: JobSummary, videos: dict[int, Video]) -> bool:
    video = videos.get(video_id_of(job.subject)) if _of_video(job) else None
    return video is not None and video.state is VideoState.FAILED


def _latest(jobs: list[JobSummary]) -> list[JobSummary]:
    """Return the latest job of each subject."""
    by_subject: dict[str, JobSummary] = {}
    for job in jobs:
        by_subject.setdefault(job.subject, job)
    return list(by_subject.values())


def _row(job: JobSummary, by_id: dict[int, Video], videos: VideoServices, jobs: JobServices, now_ms: int) -> JobRow:
    video = by_id.get(video_id_of(job.subject)) if _of_video(job) else None
    progress = videos.progress.get(video) if video is not None and job.kind in CANCELLABLE else None
    running, queued = job.state == "running", job.state == "queued"
    memory = jobs.workers.memory_bytes(job.subject) if running and job.kind in CANCELLABLE else None
    return JobRow(
        id=job.id,
        kind_text=gettext(KIND_TEXTS.get(job.kind, job.kind)),
        video=video.public_id if video else "",
        title=video.title if video else gettext(SUBJECT_TEXTS.get(job.kind, "")),
        href=f"{watch_href(video)}/history" if video else "",
        owner=video.owner_name if video else "",
        stage_text=stage_text(progress.stage) if progress and running else "",
        percent=int(progress.fraction * 100) if progress and running else None,
        speed_text=speed_text(progress.speed) if progress and running and progress.speed else "",
        left_text=span_text(progress.remaining_s) if progress and running and progress.remaining_s else "",
        attempt_text=f"{max(1, job.attempt)}/{job.max_attempts}" if job.kind in CANCELLABLE else "",
        memory_text=size_text(memory) if memory else "",
        planned_memory_text=size_text(job.weight) if job.weight else "",
        since_text=age_text(job.started_at_ms or job.created_at_ms if running else job.created_at_ms, now_ms),
        waiting_reason=jobs.status.reason_for(job) if queued else (progress.waiting if progress else ""),
        failure_text=gettext(job.failure_message or "") if not running else "",
        paused=bool(running and progress and progress.waiting),
        can_cancel=video is not None and job.kind in CANCELLABLE and (running or queued),
        can_run_now=queued and video is not None and job.run_after_ms > now_ms,
        can_retry=job.state == "failed" and video is not None,
    )


def _split_unit(text: str) -> tuple[str, str]:
    """Split a size into number and unit, which the page shows in different sizes."""
    figure, _, unit = text.partition(" ")
    return figure, unit


BASE_PATH = "/admin/jobs"
STOPPED = Failure("stopped", "The work on this video was stopped by an administrator.")


@get(BASE_PATH, include_in_schema=False)
async def jobs_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the page."""
    require_admin(caller)
    board = await jobs_board(videos, jobs, storage, clock, settings)
    return templates.page(request, "pages/jobs.html", title=gettext("Jobs"), nav="admin", board=board)


@get(f"{BASE_PATH}/events", include_in_schema=False)
async def jobs_events(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    streams: NamedDependency[StreamServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Stream:
    """Send the page's content again on every change of a video."""
    require_admin(caller)
    feed = jobs_feed(request, caller, videos, jobs, storage, streams, clock, settings, templates)
    return await event_stream(request, caller, streams, feed)


def jobs_feed(
    request: PageRequest,
    caller: Caller,
    videos: VideoServices,
    jobs: JobServices,
    storage: StorageServices,
    streams: StreamServices,
    clock: Clock,
    settings: HttpSettings,
    templates: Templates,
) -> Feed:
    """Return what the page of jobs sends to an administrator."""
    page, session = frame(request), session_key(request, caller)

    async def board() -> str:
        current: JobsBoard = await jobs_board(videos, jobs, storage, clock, settings)
        return format_event("jobs", templates.render("fragments/jobs.html", board=current, page=page))

    async def snapshot() -> str:
        return await streams.render_cache.get(("jobs", session), "", board)

    async def render(_change: BusEvent) -> str:
        return await snapshot()

    def accepts(change: BusEvent) -> bool:
        return isinstance(change, VideoChanged)

    return Feed(accepts, render, snapshot)


@post(BASE_PATH + "/{video:str}/cancel", include_in_schema=False)
async def cancel(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Cancel the processing of a video. It counts as failed and can be retried."""
    require_admin(caller)
    found = await videos.repository.by_public_id(video)
    await database.write(lambda tx: videos.jobs.cancel(tx, found, STOPPED))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{video:str}/retry", include_in_schema=False)
async def retry(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Retry a failed video."""
    require_admin(caller)
    found = await videos.repository.by_public_id(video)
    await database.write(lambda tx: videos.jobs.retry(tx, found))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/{video:str}/hurry", include_in_schema=False)
async def hurry(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    jobs: NamedDependency[JobServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Run the jobs of a video now, without the delay after a failed attempt."""
    require_admin(caller)
    found = await videos.repository.by_public_id(video)
    await database.write(lambda tx: jobs.queue.run_now(tx, found.subject))
    return Redirect(BASE_PATH, status_code=303)
