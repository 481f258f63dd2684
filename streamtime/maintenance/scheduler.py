"""When bytes are looked after: asks for reconciliation and scrubbing when they are due, and minds the markers.

The jobs that tidy up: bytes carried to where they stay, deleted when nobody can read them, and looked after.
"""

from streamtime.clock import Clock
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Failure, Job
from streamtime.logging import get_logger
from streamtime.maintenance.runner import TAKEN_OVER, MaintenanceLog, MaintenanceRunner, MaintenanceTask
from streamtime.maintenance.scrub import Scrubber
from streamtime.periodic import every
from streamtime.storage.objects.copy import ObjectFinalizer
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.objects.stores import StoreOwnership, Stores, StoreStatus, status_message
from streamtime.videos.deletion import object_ids_of
from streamtime.videos.job_kinds import RECONCILE, SCRUB, WorkQueue
from streamtime.videos.video import video_id_of

SCRUB_SLICE_S = 300.0
"""How long one job re-reads objects: between two of them others get their turn."""


class FinalizeHandler:
    """Handles jobs of the kind `settle`: everything of a video that is whole and still in the spool."""

    def __init__(self, database: Database, ledger: Ledger, finalizer: ObjectFinalizer) -> None:
        self._database = database
        self._ledger = ledger
        self._finalizer = finalizer

    async def run(self, job: Job) -> None:
        """Carry them over, one after another."""
        object_ids = await object_ids_of(self._database, video_id_of(job.subject))
        trouble: StreamtimeError | None = None
        for row in await self._ledger.find(object_ids):
            try:
                await self._finalizer.finalize(row)
            except StreamtimeError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the bytes are served from the spool meanwhile."""


class CollectHandler:
    """Handles jobs of the kind `collect`."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Delete doomed bytes, then the rows of the videos they belonged to.

        The job ends in the transaction that finds nothing left: what is doomed after it enqueues the next one.
        """
        await self._runner.collect(job)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the next deletion queues it again."""


class ReconcileHandler:
    """Handles jobs of the kind `reconcile`."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Compare all stores with the rows once; what was refused is said where results are shown."""
        await self._runner.reconcile(ignore_share_limit=job.subject == TAKEN_OVER)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """The next round asks for it again."""


class ScrubHandler:
    """Handles jobs of the kind `scrub`: one stretch of re-reading."""

    def __init__(self, runner: MaintenanceRunner) -> None:
        self._runner = runner

    async def run(self, job: Job) -> None:
        """Read for some minutes; the next round goes on."""
        del job
        await self._runner.scrub(for_s=SCRUB_SLICE_S)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """The next round asks for it again."""


MAX_SLEEP_S = 60.0

_log = get_logger("upkeep")


class MaintenanceScheduler:
    """A caretaker's rounds, for as long as the server runs."""

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        stores: Stores,
        ownership: StoreOwnership,
        log: MaintenanceLog,
        scrubber: Scrubber,
        clock: Clock,
        *,
        reconcile_every_s: int,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._stores = stores
        self._ownership = ownership
        self._log = log
        self._scrubber = scrubber
        self._clock = clock
        self._every_s = reconcile_every_s
        self._begun_at_ms = clock.now_ms()

    async def run_forever(self) -> None:
        """Look when tasks are due, until cancelled."""
        await every(min(MAX_SLEEP_S, self._every_s or MAX_SLEEP_S), self.run_once, "storage-schedule")

    async def run_once(self) -> None:
        """See how each store stands, and ask for what is due."""
        if any(done.finished_at_ms is None for done in (await self._log.latest_runs()).values()):
            await self._log.mark_interrupted(before_ms=self._begun_at_ms)
        for name in self._stores.names:
            before = self._ownership.last_status.get(name, StoreStatus.OWNED)
            standing = await self._ownership.check(name)
            if standing is not before:
                tell = _log.info if standing is StoreStatus.OWNED else _log.warning
                tell("store_status", store=name, standing=standing.value, words=status_message(name, standing))
        if await self._reconcile_due():
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, RECONCILE))
        if await self._scrubber.due():
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, SCRUB))

    async def _reconcile_due(self) -> bool:
        last = (await self._log.latest_runs()).get(MaintenanceTask.RECONCILE)
        return bool(self._every_s) and (
            last is None or self._clock.now_ms() - last.started_at_ms >= self._every_s * 1000
        )
