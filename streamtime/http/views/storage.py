"""Storage as the page of those who run the server shows it: stores, what was done about them, what is damaged."""

from dataclasses import dataclass

from streamtime.formatting import age_text, size_text
from streamtime.http.services import Services
from streamtime.maintenance.overview import StoreSummary
from streamtime.maintenance.runner import MaintenanceTask, TaskRun
from streamtime.videos.damage import damage_message
from streamtime.videos.quota import ReservationSummary


@dataclass(frozen=True, slots=True)
class StoreRow:
    """One store."""

    name: str
    is_default: bool
    error: str
    objects: int
    size: tuple[str, str]
    orphans: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task and what came of it last; counts that are not its own are 0."""

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
    words: str


@dataclass(frozen=True, slots=True)
class ReservedRow:
    """Room that is reserved for the uploads of one person, or by one link for sending (`label`, `drop_id`)."""

    owner: str
    owner_id: int
    label: str
    drop_id: str
    """Of the row; empty without a link. The address of a link is for nobody but its owner."""
    received: bool
    uploads: int
    size_text: str
    arrived_text: str


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """The database and its automatic copies."""

    damage: str
    makes_copies: bool
    error: str
    copies: int
    age_text: str
    size_text: str
    path: str
    """Of the newest copy, or of the folder where there is none."""


@dataclass(frozen=True, slots=True)
class StorageBoard:
    """Everything on the page."""

    database: DatabaseRow
    stores: list[StoreRow]
    tasks: list[TaskRow]
    damaged: list[DamageRow]
    reserved: list[ReservedRow]
    pending_deletion: int
    pending_deletion_text: str
    restored_text: str


async def storage_board(services: Services) -> StorageBoard:
    """What there is to see at this moment."""
    now, seen = services.clock.now_ms(), await services.storage.summary()
    pieces = await services.damage_reporter.references([one.id for one in seen.damaged])
    return StorageBoard(
        database=_database(services, now),
        stores=[_store(store) for store in seen.stores],
        tasks=[_task(task, seen.tasks.get(task), now) for task in MaintenanceTask],
        damaged=[
            DamageRow(piece.title, f"/watch/{piece.public_id}/history", damage_message(piece, one.message))
            for one in seen.damaged
            if (piece := pieces.get(one.id)) is not None
        ],
        reserved=[_reserved(line) for line in await services.reservations.active()],
        pending_deletion=seen.pending_deletion,
        pending_deletion_text=size_text(seen.pending_deletion_bytes),
        restored_text="" if seen.restored_at_ms is None else age_text(seen.restored_at_ms, now),
    )


def _database(services: Services, now_ms: int) -> DatabaseRow:
    keeper, state = services.database_backups, services.database_backups.status
    newest = state.newest
    return DatabaseRow(
        damage=services.database.damage,
        makes_copies=keeper.backups_enabled,
        error=state.error,
        copies=state.count,
        age_text="" if newest is None else age_text(newest.created_at_ms, now_ms),
        size_text="" if newest is None else size_text(newest.length_bytes),
        path=keeper.folder if newest is None else str(newest.path),
    )


def _store(seen: StoreSummary) -> StoreRow:
    figure, _, unit = size_text(seen.length_bytes).partition(" ")
    return StoreRow(
        seen.name, seen.is_default, seen.error, seen.objects, (figure, unit), seen.observed, seen.quarantined
    )


def _reserved(line: ReservationSummary) -> ReservedRow:
    return ReservedRow(
        owner=line.owner,
        owner_id=line.owner_id,
        label=line.label,
        drop_id="" if line.drop_id is None else str(line.drop_id),
        received=line.received,
        uploads=line.uploads,
        size_text=size_text(line.pending_bytes),
        arrived_text=size_text(line.received_bytes),
    )


def _task(task: MaintenanceTask, done: TaskRun | None, now_ms: int) -> TaskRow:
    counts = done.counts if done is not None else {}
    return TaskRow(
        name=task.value,
        running=done is not None and done.finished_at_ms is None,
        age_text="" if done is None else age_text(done.finished_at_ms or done.started_at_ms, now_ms),
        error="" if done is None else done.error,
        objects=counts.get("objects", 0),
        size_text=size_text(counts.get("bytes", 0)),
        damaged=counts.get("damaged", 0),
        quarantined=counts.get("put_aside", 0),
        deleted=counts.get("deleted", 0),
        restored=counts.get("brought_back", 0),
        aborted=counts.get("aborted", 0),
        orphans=counts.get("watched", 0),
        missing=counts.get("missing", 0),
        more=done is not None and bool(done.outcome.get("more")),
    )
