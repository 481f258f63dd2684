"""Runs the maintenance tasks garbage collection, reconciliation and scrub, and records the latest run of each.

Only the holder of the server's lock may run them: the server itself, or a command while no server runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database.tables.storage import maintenance_runs
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Job
from streamtime.logging import get_logger
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.reconcile import Reconciler, StoreReport
from streamtime.maintenance.scrub import Scrubber, ScrubReport
from streamtime.videos.damage import DamageReporter
from streamtime.videos.deletion import Tombstones
from streamtime.videos.job_kinds import COLLECT, COLLECT_SUBJECT


class MaintenanceTask(StrEnum):
    """A maintenance task, as named in rows."""

    COLLECT = "collect"
    RECONCILE = "reconcile"
    SCRUB = "scrub"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The latest or current run of a task. `error` says what kept it from completing."""

    task: MaintenanceTask
    started_at_ms: int
    finished_at_ms: int | None
    error: str
    outcome: dict[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the outcome, summed over all stores."""
        counts: dict[str, int] = {}
        for part in [self.outcome, *self.outcome.get("stores", [])]:
            for name, value in part.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    counts[name] = counts.get(name, 0) + value
        return counts


class MaintenanceLog:
    """Records the latest run of each task."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._opened_at_ms = clock.now_ms()

    async def start(self, task: MaintenanceTask) -> None:
        """Record the start of a task; the outcome of the previous run is kept until `finish`."""
        values = {"started_at_ms": self._clock.now_ms(), "finished_at_ms": None}
        statement = insert(maintenance_runs).values(task=task.value, **values)

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.on_conflict_do_update(index_elements=["task"], set_=values))

        await self._database.write(body)

    async def finish(self, task: MaintenanceTask, outcome: Mapping[str, object], *, error: str = "") -> None:
        """Record the end of a task and its outcome."""
        values = {
            "finished_at_ms": self._clock.now_ms(),
            "trouble": error,
            "outcome": msgspec.json.encode(outcome).decode(),
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(update(maintenance_runs).where(maintenance_runs.c.task == task.value).values(**values))

        await self._database.write(body)

    async def is_due(self, task: MaintenanceTask, *, every_s: int) -> bool:
        """Return whether the latest run of a task started `every_s` seconds ago or earlier, or never."""
        last = (await self.latest_runs()).get(task)
        return last is None or self._clock.now_ms() - last.started_at_ms >= every_s * 1000

    async def mark_interrupted(self) -> None:
        """Mark runs of earlier processes that have not ended: their process has died."""
        if all(run.finished_at_ms is not None for run in (await self.latest_runs()).values()):
            return
        started_earlier = maintenance_runs.c.started_at_ms < self._opened_at_ms
        unfinished = maintenance_runs.c.finished_at_ms.is_(None) & started_earlier
        values = {
            "finished_at_ms": maintenance_runs.c.started_at_ms,
            "trouble": "The server ended before the task did.",
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(update(maintenance_runs).where(unfinished).values(**values))

        await self._database.write(body)

    async def latest_runs(self) -> dict[MaintenanceTask, TaskRun]:
        """The latest run of each task that ever ran."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(maintenance_runs))).mappings()
            return {MaintenanceTask(row["task"]): _task_run(row) for row in rows}


def _task_run(row: RowMapping) -> TaskRun:
    outcome = msgspec.json.decode(row["outcome"])
    return TaskRun(MaintenanceTask(row["task"]), row["started_at_ms"], row["finished_at_ms"], row["trouble"], outcome)


TAKEN_OVER = "taken over"
"""The subject of a `reconcile` job that ignores the share limit of orphans."""

MAX_REPORTED = 100
"""Missing objects that an outcome names; the storage page lists all of them."""

_log = get_logger("maintenance")


class MaintenanceRunner:
    """Runs maintenance tasks, one method each."""

    def __init__(
        self,
        log: MaintenanceLog,
        garbage_collector: GarbageCollector,
        tombstones: Tombstones,
        reconciler: Reconciler,
        scrubber: Scrubber,
        damage_reporter: DamageReporter,
    ) -> None:
        self._log = log
        self._garbage_collector = garbage_collector
        self._tombstones = tombstones
        self._reconciler = reconciler
        self._scrubber = scrubber
        self._damage_reporter = damage_reporter

    async def collect(self, job: Job | None = None) -> int:
        """Delete all objects pending deletion, then the rows of their videos, and complete the job with them.

        Raises:
            Unavailable: not all objects could be deleted now.
        """
        job = job or Job(0, COLLECT, COLLECT_SUBJECT, 1, 1)
        await self._log.start(MaintenanceTask.COLLECT)
        count = 0
        try:
            while not await self._tombstones.delete(job=job):
                count += await self._garbage_collector.collect()
        except StreamtimeError as error:
            await self._log.finish(MaintenanceTask.COLLECT, {"objects": count}, error=error.message)
            raise
        await self._log.finish(MaintenanceTask.COLLECT, {"objects": count})
        _log.info("collected", objects=count)
        return count

    async def reconcile(self, *, dry_run: bool = False, ignore_share_limit: bool = False) -> list[StoreReport]:
        """Compare every store with the rows; `dry_run` changes and records nothing."""
        if not dry_run:
            await self._log.start(MaintenanceTask.RECONCILE)
        reports = [
            report
            async for report in self._reconciler.reconcile(dry_run=dry_run, ignore_share_limit=ignore_share_limit)
        ]
        if not dry_run:
            await self._damage_reporter.report([each for report in reports for each in report.missing])
            errors = " ".join(report.error for report in reports if report.error)
            await self._log.finish(
                MaintenanceTask.RECONCILE, {"stores": [report_counts(report) for report in reports]}, error=errors
            )
            for report in reports:
                (_log.warning if report.error or report.missing else _log.info)("reconciled", **report_counts(report))
        return reports

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Scrub objects for `for_s` seconds."""
        await self._log.start(MaintenanceTask.SCRUB)
        report = await self._scrubber.scrub(for_s=for_s)
        await self._damage_reporter.report(report.damaged)
        outcome = {
            "objects": report.objects,
            "bytes": report.length_bytes,
            "damaged": len(report.damaged),
            "more": report.more,
        }
        errors = " ".join(f"The store {name} does not answer." for name in report.unavailable)
        await self._log.finish(MaintenanceTask.SCRUB, outcome, error=errors)
        log = _log.warning if report.damaged or errors else _log.info
        log("scrubbed", unavailable=report.unavailable, **outcome)
        return report


def report_counts(report: StoreReport) -> dict[str, Any]:
    """A report with the names of rows and logs: counts, and messages about the first missing objects."""
    return {
        "store": report.store,
        "objects": report.objects,
        "watched": report.observed,
        "put_aside": report.quarantined,
        "aside": report.in_quarantine,
        "deleted": report.deleted,
        "brought_back": report.restored,
        "aborted": report.aborted,
        "refused": report.error,
        "missing": len(report.missing),
        "damage": [f"{each.key} ({each.kind}): {each.message}" for each in report.missing[:MAX_REPORTED]],
    }
