"""The jobs that tidy up: bytes carried to where they stay, deleted when nobody can read them, and looked after."""

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Failure, Job
from streamtime.maintenance.runner import TAKEN_OVER, MaintenanceRunner
from streamtime.storage.objects.copy import ObjectFinalizer
from streamtime.storage.objects.ledger import Ledger
from streamtime.videos.deletion import object_ids_of
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
