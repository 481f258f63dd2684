"""The jobs that tidy up: bytes carried to where they stay, and bytes deleted that nobody can read."""

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Failure, Job
from streamtime.library.holdings import object_ids_of
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.video import id_of
from streamtime.objects.collect import Collector
from streamtime.objects.ledger import Ledger
from streamtime.objects.settle import Settler


class Settle:
    """Handles jobs of the kind `settle`: everything of a video that is whole and still in the spool."""

    def __init__(self, database: Database, ledger: Ledger, settler: Settler) -> None:
        self._database = database
        self._ledger = ledger
        self._settler = settler

    async def run(self, job: Job) -> None:
        """Carry them over, one after another."""
        object_ids = await object_ids_of(self._database, id_of(job.subject))
        trouble: StreamtimeError | None = None
        for row in await self._ledger.find(object_ids):
            try:
                await self._settler.settle(row)
            except StreamtimeError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the bytes are served from the spool meanwhile."""


class Collect:
    """Handles jobs of the kind `collect`."""

    def __init__(self, database: Database, collector: Collector, lifecycle: Lifecycle) -> None:
        self._database = database
        self._collector = collector
        self._lifecycle = lifecycle

    async def run(self, job: Job) -> None:
        """Delete doomed bytes, then the rows of the videos they belonged to.

        The job ends in the transaction that finds nothing left: what is doomed after it enqueues the next one.
        """
        while not await self._database.write(lambda tx: self._lifecycle.bury(tx, after=job)):
            await self._collector.collect()

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the next deletion queues it again."""
