"""Looks after bytes: collects, reconciles, scrubs, and writes down what came of it, whoever asked for it.

Only who holds the server's lock may let it delete anything: the server itself, or a command without one.
"""

from dataclasses import asdict
from typing import Any

from streamtime.database.transaction import Database
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Job
from streamtime.logging import get_logger
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.reconcile import Reconciler, StoreReport
from streamtime.maintenance.run_log import MaintenanceLog, MaintenanceTask
from streamtime.maintenance.scrub import Scrubber, ScrubReport
from streamtime.videos.damage import DamageReporter
from streamtime.videos.job_kinds import COLLECT, COLLECT_SUBJECT
from streamtime.videos.lifecycle import Lifecycle

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
