"""Handles the maintenance jobs, queues reconciliation and scrub when they are due, and checks the stores."""

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Failure, Job
from streamtime.logging import get_logger
from streamtime.maintenance.runner import TAKEN_OVER, MaintenanceLog, MaintenanceRunner, MaintenanceTask
from streamtime.maintenance.scrub import Scrubber
from streamtime.periodic import every
from streamtime.storage.objects.copy import ObjectFinalizer
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.objects.stores import StoreOwnership, StoreStatus, status_message
from streamtime.videos.job_kinds import RECONCILE, SCRUB, WorkQueue
from streamtime.videos.renditions import object_ids_of
from streamtime.videos.video import video_id_of

SCRUB_SLICE_S = 300.0
"""How long one `scrub` job reads objects, so that other jobs can run in between."""


class FinalizeHandler:
    """Handles jobs of the kind `settle`: copies the complete objects of a video from the spool to the default store."""

    def __init__(self, database: Database, ledger: Ledger, finalizer: ObjectFinalizer) -> None:
        self._database = database
        self._ledger = ledger
        self._finalizer = finalizer

    async def run(self, job: Job) -> None:
        """Finalize the objects, one after another."""
        object_ids = await object_ids_of(self._database, video_id_of(job.subject))
        last_error: StreamtimeError | None = None
        for row in await self._ledger.find(object_ids):
            try:
                await self._finalizer.finalize(row)
            except StreamtimeError as error:
                last_error = error
        if last_error is not None:
            raise last_error

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Do nothing: the objects are served from the spool."""


class CollectHandler:
    """Handles jobs of the kind `collect`."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Delete objects pending deletion, then the rows of their videos.

        The job is completed in the transaction that finds nothing left; a later deletion queues the next one.
        """
        await self._runner.collect(job)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Do nothing: the next deletion queues it again."""


class ReconcileHandler:
    """Handles jobs of the kind `reconcile`."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Reconcile all stores once; errors are recorded with the outcome."""
        await self._runner.reconcile(ignore_share_limit=job.subject == TAKEN_OVER)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Do nothing: the scheduler queues it again."""


class ScrubHandler:
    """Handles jobs of the kind `scrub`."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Scrub for `SCRUB_SLICE_S`; the next job continues."""
        del job
        await self._runner.scrub(for_s=SCRUB_SLICE_S)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Do nothing: the scheduler queues it again."""


MAX_SLEEP_S = 60.0

_log = get_logger("maintenance")


class MaintenanceScheduler:
    """Queues reconciliation and scrub jobs, and checks the store ids, while the server runs."""

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        ownership: StoreOwnership,
        log: MaintenanceLog,
        scrubber: Scrubber,
        *,
        reconcile_every_s: int,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._ownership = ownership
        self._log = log
        self._scrubber = scrubber
        self._every_s = reconcile_every_s

    async def run_forever(self) -> None:
        """Check periodically, until cancelled."""
        await every(min(MAX_SLEEP_S, self._every_s or MAX_SLEEP_S), self.run_once, "storage-schedule")

    async def run_once(self) -> None:
        """Check every store, and queue the tasks that are due."""
        await self._log.mark_interrupted()
        for name in self._ownership.stores.names:
            before = self._ownership.last_status.get(name, StoreStatus.OWNED)
            status = await self._ownership.check(name)
            if status is not before:
                log = _log.info if status is StoreStatus.OWNED else _log.warning
                log("store_status", store=name, status=status.value, error=status_message(name, status))
        if self._every_s and await self._log.is_due(MaintenanceTask.RECONCILE, every_s=self._every_s):
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, RECONCILE))
        if await self._scrubber.due():
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, SCRUB))
