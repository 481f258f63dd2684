"""The admin page of storage: stores, database backups, maintenance tasks, damaged objects and reserved space."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Invalid, NotFound
from streamtime.formatting import age_text, size_text
from streamtime.http.public_urls import is_plain_http, untrusted_proxy
from streamtime.http.requests import PageRequest, read_form, require_admin
from streamtime.http.services import JobServices, MaintenanceServices, StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.maintenance.overview import StoreSummary
from streamtime.maintenance.runner import MaintenanceTask, TaskRun
from streamtime.translation import gettext
from streamtime.videos.damage import damage_message
from streamtime.videos.job_kinds import MAINTENANCE, WorkQueue
from streamtime.videos.quota import ReservationSummary


@dataclass(frozen=True, slots=True)
class StoreRow:
    """An object store."""

    name: str
    is_default: bool
    error: str
    objects: int
    size: tuple[str, str]
    orphans: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A maintenance task and its last run; counts that do not apply to the task are 0."""

    name: str
    running: bool
    age_text: str
    error: str
    objects: int
    size_text: str
    damaged: int
    quarantined: int
    deleted: int
    restored: int
    aborted: int
    orphans: int
    missing: int
    more: bool


@dataclass(frozen=True, slots=True)
class DamageRow:
    """A damaged object of a video."""

    title: str
    href: str
    message: str


@dataclass(frozen=True, slots=True)
class ReservedRow:
    """Space reserved for the uploads of one user, or of one upload request (`label`, `drop_id`)."""

    owner: str
    owner_id: int
    label: str
    drop_id: str
    """Row id of the upload request; empty without one. The public id is a secret of its owner."""
    received: bool
    uploads: int
    size_text: str
    received_text: str


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """The database and its automatic backups."""

    damage: str
    backups_enabled: bool
    error: str
    backups: int
    age_text: str
    size_text: str
    path: str
    """Path of the newest backup, or of the backup folder if there is none."""


@dataclass(frozen=True, slots=True)
class StorageBoard:
    """All values of the page."""

    database: DatabaseRow
    stores: list[StoreRow]
    tasks: list[TaskRow]
    damaged: list[DamageRow]
    reserved: list[ReservedRow]
    pending_deletion: int
    pending_deletion_text: str
    restored_text: str


async def storage_board(
    storage: StorageServices, maintenance: MaintenanceServices, clock: Clock, database: Database
) -> StorageBoard:
    """Return the current state of storage."""
    now, summary = clock.now_ms(), await maintenance.overview.summary()
    references = await maintenance.damage_reporter.references([damaged.id for damaged in summary.damaged])
    return StorageBoard(
        database=_database(maintenance, database, now),
        stores=[_store(store) for store in summary.stores],
        tasks=[_task(task, summary.tasks.get(task), now) for task in MaintenanceTask],
        damaged=[
            DamageRow(
                reference.title, f"/watch/{reference.public_id}/history", damage_message(reference, damaged.message)
            )
            for damaged in summary.damaged
            if (reference := references.get(damaged.id)) is not None
        ],
        reserved=[_reserved(reservation) for reservation in await storage.reservations.active()],
        pending_deletion=summary.pending_deletion,
        pending_deletion_text=size_text(summary.pending_deletion_bytes),
        restored_text="" if summary.restored_at_ms is None else age_text(summary.restored_at_ms, now),
    )


def _database(maintenance: MaintenanceServices, database: Database, now_ms: int) -> DatabaseRow:
    backups, status = maintenance.database_backups, maintenance.database_backups.status
    newest = status.newest
    return DatabaseRow(
        damage=database.damage,
        backups_enabled=backups.backups_enabled,
        error=status.error,
        backups=status.count,
        age_text="" if newest is None else age_text(newest.created_at_ms, now_ms),
        size_text="" if newest is None else size_text(newest.length_bytes),
        path=backups.folder if newest is None else str(newest.path),
    )


def _store(store: StoreSummary) -> StoreRow:
    figure, _, unit = size_text(store.length_bytes).partition(" ")
    return StoreRow(
        store.name, store.is_default, store.error, store.objects, (figure, unit), store.observed, store.quarantined
    )


def _reserved(reservation: ReservationSummary) -> ReservedRow:
    return ReservedRow(
        owner=reservation.owner,
        owner_id=reservation.owner_id,
        label=reservation.label,
        drop_id="" if reservation.drop_id is None else str(reservation.drop_id),
        received=reservation.received,
        uploads=reservation.uploads,
        size_text=size_text(reservation.pending_bytes),
        received_text=size_text(reservation.received_bytes),
    )


def _task(task: MaintenanceTask, run: TaskRun | None, now_ms: int) -> TaskRow:
    counts = run.counts if run is not None else {}
    return TaskRow(
        name=task.value,
        running=run is not None and run.finished_at_ms is None,
        age_text="" if run is None else age_text(run.finished_at_ms or run.started_at_ms, now_ms),
        error="" if run is None else run.error,
        objects=counts.get("objects", 0),
        size_text=size_text(counts.get("bytes", 0)),
        damaged=counts.get("damaged", 0),
        quarantined=counts.get("put_aside", 0),
        deleted=counts.get("deleted", 0),
        restored=counts.get("brought_back", 0),
        aborted=counts.get("aborted", 0),
        orphans=counts.get("watched", 0),
        missing=counts.get("missing", 0),
        more=run is not None and bool(run.outcome.get("more")),
    )


BASE_PATH = "/admin/storage"
MAX_DIGITS = 18
"""Maximum digits of a row id; SQLite's largest has 19."""


@get(BASE_PATH, include_in_schema=False)
async def storage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    clock: NamedDependency[Clock],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the page."""
    require_admin(caller)
    board = await storage_board(storage, maintenance, clock, database)
    return templates.page(
        request,
        "pages/storage.html",
        title=gettext("Storage"),
        nav="admin",
        board=board,
        exposed=is_plain_http(request),
        untrusted_proxy=untrusted_proxy(request),
    )


@post(BASE_PATH + "/{task:str}", include_in_schema=False)
async def run_now(
    task: FromPath[str],
    caller: NamedDependency[Caller],
    jobs: NamedDependency[JobServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Queue a maintenance task now."""
    require_admin(caller)
    if task not in MAINTENANCE:
        raise NotFound
    await database.write(lambda tx: WorkQueue(jobs.queue).queue_maintenance(tx, task, at_once=True))
    return Redirect(BASE_PATH, status_code=303)


@post(BASE_PATH + "/reservations/release", include_in_schema=False)
async def release_reservation(
    request: PageRequest,
    caller: NamedDependency[Caller],
    storage: NamedDependency[StorageServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Release the space reserved for unfinished uploads. The received bytes are kept, and the uploads can be resumed.

    Raises:
        Invalid: the form does not name a reservation.
    """
    require_admin(caller)
    form = await read_form(request, "owner", "drop", "received")
    owner_id, drop_id = _row_id(form["owner"]), _row_id(form["drop"]) if form["drop"] else None
    received = form["received"] == "yes"
    await database.write(lambda tx: storage.reservations.release(tx, owner_id, drop_id, received=received))
    return Redirect(BASE_PATH, status_code=303)


def _row_id(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise Invalid("There is no such reservation on this page.", field="owner")
    return int(text)


@post("/watch/{video:str}/history/{rung:str}", include_in_schema=False)
async def reencode_rendition(
    video: FromPath[str],
    rung: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Encode a damaged rendition again from the original."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    if rung not in (await videos.renditions.names([found.id])).get(found.id, []):
        raise NotFound
    await database.write(lambda tx: videos.jobs.reprocess(tx, found, rungs=[rung]))
    return Redirect(f"/watch/{found.public_id}/history", status_code=303)
