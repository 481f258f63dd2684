"""Looks after bytes: collects, reconciles, scrubs, and writes down what came of it, whoever asked for it.

Only who holds the server's lock may let it delete anything: the server itself, or a command without one.
"""

from dataclasses import asdict
from typing import Any

from streamtime.database.transaction import Database
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Job
from streamtime.library.damage import Damage
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.work import COLLECT, COLLECT_SUBJECT
from streamtime.logging import get_logger
from streamtime.objects.collect import Collector
from streamtime.objects.reconcile import Reconciler, StoreReport
from streamtime.objects.scrub import Scrubber, ScrubReport
from streamtime.objects.upkeep import Task, UpkeepLog

TAKEN_OVER = "taken over"
"""The subject of a job that reconciles whatever the share of strays."""

MOST_TOLD = 100
"""Missing objects that a report names; all of them are on the storage page."""

_log = get_logger("upkeep")


class Caretaker:
    """What there is to do about bytes, one task a method."""

    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        damage: Damage,
        log: UpkeepLog,
        collector: Collector,
        reconciler: Reconciler,
        scrubber: Scrubber,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._damage = damage
        self._log = log
        self._collector = collector
        self._reconciler = reconciler
        self._scrubber = scrubber

    async def collect(self, job: Job | None = None) -> int:
        """Delete all doomed bytes, then the rows of the videos they belonged to, and end the job with that.

        Raises:
            Unavailable: not all could be deleted now.
        """
        ending = job or Job(0, COLLECT, COLLECT_SUBJECT, 1, 1)
        await self._log.begun(Task.COLLECT)
        count = 0
        try:
            while not await self._database.write(lambda tx: self._lifecycle.bury(tx, after=ending)):
                count += await self._collector.collect()
        except StreamtimeError as error:
            await self._log.ended(Task.COLLECT, {"objects": count}, trouble=error.message)
            raise
        await self._log.ended(Task.COLLECT, {"objects": count})
        _log.info("collected", objects=count)
        return count

    async def reconcile(self, *, dry_run: bool = False, despite_share: bool = False) -> list[StoreReport]:
        """Compare every store with the rows; `dry_run` changes nothing and is written down nowhere."""
        if not dry_run:
            await self._log.begun(Task.RECONCILE)
        reports = [report async for report in self._reconciler.reconcile(dry_run=dry_run, despite_share=despite_share)]
        if not dry_run:
            await self._damage.tell([one for report in reports for one in report.missing])
            refused = " ".join(report.refused for report in reports if report.refused)
            await self._log.ended(
                Task.RECONCILE, {"stores": [counts_of(report) for report in reports]}, trouble=refused
            )
            for report in reports:
                (_log.warning if report.refused or report.missing else _log.info)("reconciled", **counts_of(report))
        return reports

    async def scrub(self, *, for_s: float) -> ScrubReport:
        """Re-read objects for so long."""
        await self._log.begun(Task.SCRUB)
        report = await self._scrubber.scrub(for_s=for_s)
        await self._damage.tell(report.damaged)
        outcome = {
            "objects": report.objects,
            "bytes": report.length_bytes,
            "damaged": len(report.damaged),
            "more": report.more,
        }
        away = "".join(f"The store {name} does not answer. " for name in report.away)
        await self._log.ended(Task.SCRUB, outcome, trouble=away.strip())
        (_log.warning if report.damaged or away else _log.info)("scrubbed", away=report.away, **outcome)
        return report


def counts_of(report: StoreReport) -> dict[str, Any]:
    """A report as it is written down: counts, and the first of what is missing in words."""
    words = [f"{one.key} ({one.kind}): {one.words}" for one in report.missing[:MOST_TOLD]]
    return {**asdict(report), "missing": len(report.missing), "damage": words}
