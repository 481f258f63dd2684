"""Jobs as the page of those who run the server shows them: rows joined with their videos, and a few large numbers."""

from dataclasses import dataclass

from streamtime.http.services import HttpSettings, Services
from streamtime.http.views import watch_href
from streamtime.http.words import age_text, size_text, span_text, speed_text
from streamtime.jobs.overview import SeenJob
from streamtime.library.poster_choice import POSTER
from streamtime.library.video import Video, VideoState, id_of, subject_of
from streamtime.library.work import COLLECT, EXPIRE, FIRST, LADDER, PREPARE, RECONCILE, SCRUB, SETTLE, STILLS

KIND_TEXTS = {
    PREPARE: "Prepare",
    FIRST: "Encode first",
    LADDER: "Encode",
    STILLS: "Stills",
    POSTER: "Poster",
    SETTLE: "Store",
    COLLECT: "Clean up",
    RECONCILE: "Compare",
    SCRUB: "Check",
    EXPIRE: "Let go",
}
SUBJECT_TEXTS = {RECONCILE: "stores and database", SCRUB: "stored files"}
"""What jobs that belong to no video are about."""
STOPPABLE = frozenset({PREPARE, FIRST, LADDER})
FAILED_FOR_MS = 7 * 86_400_000
"""Failures older than a week are on the pages of their videos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job. What cannot be said of it is empty."""

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
    why: str
    failure_text: str
    paused: bool
    can_cancel: bool
    can_hurry: bool
    can_retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything on the page."""

    running: list[JobRow]
    waiting: list[JobRow]
    failed: list[JobRow]
    places: int
    memory: tuple[str, str]
    budget_text: str
    free: tuple[str, str]
    least_free_text: str
    disk_full: bool


async def board_of(services: Services, settings: HttpSettings) -> Board:
    """What there is to see at this moment."""
    now = services.clock.now_ms()
    active = await services.jobs.active()
    failed = _latest(await services.jobs.failed(since_ms=now - FAILED_FOR_MS))
    videos = await services.videos.by_ids({id_of(job.subject) for job in [*active, *failed] if _of_video(job)})
    free = await services.stores.spool.free_bytes()
    rows = [(job, _row(job, videos, services, now)) for job in active]
    used = sum(services.roster.memory_bytes(job.subject) or 0 for job in active if job.state == "running")
    return Board(
        running=[row for job, row in rows if job.state == "running"],
        waiting=[row for job, row in rows if job.state != "running"],
        failed=[_row(job, videos, services, now) for job in failed if _still_failed(job, videos)],
        places=settings.encode_places,
        memory=_apart(size_text(used)),
        budget_text=size_text(settings.encode_budget_bytes),
        free=_apart(size_text(free)),
        least_free_text=size_text(settings.encode_minimum_free_bytes),
        disk_full=free < settings.encode_minimum_free_bytes,
    )


def _of_video(job: SeenJob) -> bool:
    return job.subject.startswith(subject_of(0)[:-1])


def _still_failed(job: SeenJob, videos: dict[int, Video]) -> bool:
    video = videos.get(id_of(job.subject)) if _of_video(job) else None
    return video is not None and video.state is VideoState.FAILED


def _latest(jobs: list[SeenJob]) -> list[SeenJob]:
    """The latest job of each subject."""
    by_subject: dict[str, SeenJob] = {}
    for job in jobs:
        by_subject.setdefault(job.subject, job)
    return list(by_subject.values())


def _row(job: SeenJob, videos: dict[int, Video], services: Services, now_ms: int) -> JobRow:
    video = videos.get(id_of(job.subject)) if _of_video(job) else None
    progress = services.progress.of(video) if video is not None and job.kind in STOPPABLE else None
    running, queued = job.state == "running", job.state == "queued"
    memory = services.roster.memory_bytes(job.subject) if running and job.kind in STOPPABLE else None
    return JobRow(
        id=job.id,
        kind_text=KIND_TEXTS.get(job.kind, job.kind),
        video=video.public_id if video else "",
        title=video.title if video else SUBJECT_TEXTS.get(job.kind, ""),
        href=f"{watch_href(video)}/history" if video else "",
        owner=video.owner_name if video else "",
        stage_text=progress.stage if progress and running else "",
        percent=int(progress.fraction * 100) if progress and running else None,
        speed_text=speed_text(progress.speed) if progress and running and progress.speed else "",
        left_text=span_text(progress.left_s) if progress and running and progress.left_s else "",
        attempt_text=f"{max(1, job.attempt)}/{job.max_attempts}" if job.kind in STOPPABLE else "",
        memory_text=size_text(memory) if memory else "",
        planned_memory_text=size_text(job.weight) if job.weight else "",
        since_text=age_text(job.started_at_ms or job.created_at_ms if running else job.created_at_ms, now_ms),
        why=services.waiting.why(job) if queued else (progress.waiting if progress else ""),
        failure_text=job.failure_message or "" if not running else "",
        paused=bool(running and progress and progress.waiting),
        can_cancel=video is not None and job.kind in STOPPABLE and (running or queued),
        can_hurry=queued and video is not None and job.run_after_ms > now_ms,
        can_retry=job.state == "failed" and video is not None,
    )


def _apart(text: str) -> tuple[str, str]:
    """The figure and its unit: one is shown large, the other small."""
    figure, _, unit = text.partition(" ")
    return figure, unit
