"""Looks after bytes: collects, reconciles, scrubs, and writes down what came of it, whoever asked for it.

Only who holds the server's lock may let it delete anything: the server itself, or a command without one.

What the tasks that look after bytes did last, as rows: for pages, metrics, and commands beside the server.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Job
from streamtime.logging import get_logger
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.reconcile import Reconciler, StoreReport
from streamtime.maintenance.scrub import Scrubber, ScrubReport
from streamtime.videos.damage import DamageReporter
from streamtime.videos.job_kinds import COLLECT, COLLECT_SUBJECT
from streamtime.videos.lifecycle import Lifecycle


class MaintenanceTask(StrEnum):
    """What there is to do."""

    COLLECT = "collect"
    RECONCILE = "reconcile"
    SCRUB = "scrub"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The latest run of a task, or the one under way. `trouble` says in words what kept it from its end."""

    task: MaintenanceTask
    started_at_ms: int
    finished_at_ms: int | None
    error: str
    outcome: dict[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """What came of it, in numbers; those of several stores added up."""
        found: dict[str, int] = {}
        for part in [self.outcome, *self.outcome.get("stores", [])]:
            for name, value in part.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    found[name] = found.get(name, 0) + value
        return found


class MaintenanceLog:
    """The latest run of each task."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self, task: MaintenanceTask) -> None:
        """It runs; what came of the run before is still to be read."""
        values = {"started_at_ms": self._clock.now_ms(), "finished_at_ms": None}
        statement = insert(tables.upkeep).values(task=task.value, **values)

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.on_conflict_do_update(index_elements=["task"], set_=values))

        await self._database.write(body)

    async def finish(self, task: MaintenanceTask, outcome: Mapping[str, object], *, error: str = "") -> None:
        """It ran, and this came of it."""
        values = {
            "finished_at_ms": self._clock.now_ms(),
            "trouble": error,
            "outcome": msgspec.json.encode(outcome).decode(),
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(update(tables.upkeep).where(tables.upkeep.c.task == task.value).values(**values))

        await self._database.write(body)

    async def mark_interrupted(self, *, before_ms: int) -> None:
        """What began before then and has not ended never will: the process that did it is gone."""
        left = tables.upkeep.c.finished_at_ms.is_(None) & (tables.upkeep.c.started_at_ms < before_ms)
        values = {"finished_at_ms": tables.upkeep.c.started_at_ms, "trouble": "The server ended before it was done."}

        async def body(tx: Transaction) -> None:
            await tx.execute(update(tables.upkeep).where(left).values(**values))

        await self._database.write(body)

    async def latest_runs(self) -> dict[MaintenanceTask, TaskRun]:
        """Those that ever ran."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(tables.upkeep))).mappings()
            return {MaintenanceTask(row["task"]): _task_run(row) for row in rows}


def _task_run(row: RowMapping) -> TaskRun:
    outcome = msgspec.json.decode(row["outcome"])
    return TaskRun(MaintenanceTask(row["task"]), row["started_at_ms"], row["finished_at_ms"], row["trouble"], outcome)


TAKEN_OVER = "taken over"
"""The subject of a job that reconciles whatever the share of strays."""

MAX_REPORTED = 100
"""Missing objects that a report names; all of them are on the storage page."""

_log = get_logger("upkeep")


class MaintenanceRunner:
    """What there is to do about bytes, one task a method."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        damage_reporter: DamageReporter,
        log: MaintenanceLog,
        garbage_collector: GarbageCollector,
        reconciler: Reconciler,
        scrubber: Scrubber,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._damage_reporter = damage_reporter
        self._log = log
        self._garbage_collector = garbage_collector
        self._reconciler = reconciler
        self._scrubber = scrubber

    async def collect(self, job: Job | None = None) -> int:
        """Delete all doomed bytes, then the rows of the videos they belonged to, and end the job with that.

        Raises:
            Unavailable: not all could be deleted now.
        """
        ending = job or Job(0, COLLECT, COLLECT_SUBJECT, 1, 1)
        await self._log.start(MaintenanceTask.COLLECT)
        count = 0
        try:
            while not await self._database.write(lambda tx: self._lifecycle.delete_tombstones(tx, job=ending)):
                count += await self._garbage_collector.collect()
        except StreamtimeError as error:
            await self._log.finish(MaintenanceTask.COLLECT, {"objects": count}, error=error.message)
            raise
        await self._log.finish(MaintenanceTask.COLLECT, {"objects": count})
        _log.info("collected", objects=count)
        return count

    async def reconcile(self, *, dry_run: bool = False, ignore_share_limit: bool = False) -> list[StoreReport]:
        """Compare every store with the rows; `dry_run` changes nothing and is written down nowhere."""
        if not dry_run:
            await self._log.start(MaintenanceTask.RECONCILE)
        reports = [
            report
            async for report in self._reconciler.reconcile(dry_run=dry_run, ignore_share_limit=ignore_share_limit)
        ]
        if not dry_run:
            await self._damage_reporter.report([one for report in reports for one in report.missing])
            refused = " ".join(report.refused for report in reports if report.refused)
            await self._log.finish(
                MaintenanceTask.RECONCILE, {"stores": [report_counts(report) for report in reports]}, error=refused
            )
            for report in reports:
                (_log.warning if report.refused or report.missing else _log.info)("reconciled", **report_counts(report))
        return reports

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Re-read objects for so long."""
        await self._log.start(MaintenanceTask.SCRUB)
        report = await self._scrubber.scrub(for_s=for_s)
        await self._damage_reporter.report(report.damaged)
        outcome = {
            "objects": report.objects,
            "bytes": report.length_bytes,
            "damaged": len(report.damaged),
            "more": report.more,
        }
        away = "".join(f"The store {name} does not answer. " for name in report.unavailable)
        await self._log.finish(MaintenanceTask.SCRUB, outcome, error=away.strip())
        (_log.warning if report.damaged or away else _log.info)("scrubbed", away=report.unavailable, **outcome)
        return report


def report_counts(report: StoreReport) -> dict[str, Any]:
    """A report as it is written down: counts, and the first of what is missing in words."""
    words = [f"{one.key} ({one.kind}): {one.message}" for one in report.missing[:MAX_REPORTED]]
    return {**asdict(report), "missing": len(report.missing), "damage": words}
