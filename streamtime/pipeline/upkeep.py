"""The jobs that tidy up: bytes carried to where they stay, deleted when nobody can read them, and looked after."""

from streamtime.database.transaction import Database, Transaction
from streamtime.errors import StreamtimeError
from streamtime.jobs.job import Failure, Job
from streamtime.library.holdings import object_ids_of
from streamtime.library.video import id_of
from streamtime.objects.ledger import Ledger
from streamtime.objects.settle import Settler
from streamtime.pipeline.caretaker import TAKEN_OVER, Caretaker

STRETCH_S = 300.0
"""How long one job re-reads objects: between two of them others get their turn."""


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

    def __init__(self, caretaker: Caretaker) -> None:
        self._caretaker = caretaker

    async def run(self, job: Job) -> None:
        """Delete doomed bytes, then the rows of the videos they belonged to.

        The job ends in the transaction that finds nothing left: what is doomed after it enqueues the next one.
        """
        await self._caretaker.collect(job)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the next deletion queues it again."""


class Reconcile:
    """Handles jobs of the kind `reconcile`."""

    def __init__(self, caretaker: Caretaker) -> None:
        self._caretaker = caretaker

    async def run(self, job: Job) -> None:
        """Compare all stores with the rows once; what was refused is said where results are shown."""
        await self._caretaker.reconcile(despite_share=job.subject == TAKEN_OVER)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """The next round asks for it again."""


class Scrub:
    """Handles jobs of the kind `scrub`: one stretch of re-reading."""

    def __init__(self, caretaker: Caretaker) -> None:
        self._caretaker = caretaker

    async def run(self, job: Job) -> None:
        """Read for some minutes; the next round goes on."""
        del job
        await self._caretaker.scrub(for_s=STRETCH_S)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """The next round asks for it again."""
