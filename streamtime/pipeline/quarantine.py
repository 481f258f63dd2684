"""Sets a file aside when the program that works on it has crashed twice over it, whichever of its jobs that was.

A file that crashes a decoder may be an attack that is still being tried out, so nothing more happens to it by itself.
The owner's own retry is one more attempt: the count stays, and the next crash sets it aside again at once.
"""

from streamtime.database.transaction import Database, Transaction
from streamtime.jobs.job import AttemptFailed, Failure, Handler, Job
from streamtime.library.crashes import Crashes
from streamtime.library.video import id_of
from streamtime.pipeline.failures import COUNTED
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.last_words import as_kept

MOST_CRASHES = 2
"""So many, and it is set aside."""

CODE = "quarantined"
WORDS = (
    "The program that works on this video crashed over it again, so the file is set aside. "
    "Nothing more happens to it unless you try it again."
)

_LAST_WORDS_KEPT = 500


class Quarantine:
    """A handler around another one: lets everything through, and counts crashes."""

    def __init__(self, handler: Handler, database: Database, crashes: Crashes) -> None:
        self._handler = handler
        self._database = database
        self._crashes = crashes

    async def run(self, job: Job) -> None:
        """Do the job.

        Raises:
            AttemptFailed: as the handler says; with `quarantined`, and for good, when it was one crash too many.
            Unavailable, NoSpace: as the handler says.
        """
        try:
            await self._handler.run(job)
        except AttemptFailed as error:
            if error.code in COUNTED and await self._counted(job, error) >= MOST_CRASHES:
                raise AttemptFailed(WORDS, code=CODE, retryable=False) from error
            raise

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """As the handler does."""
        await self._handler.gave_up(tx, job, failure)

    async def _counted(self, job: Job, error: AttemptFailed) -> int:
        cause = error.__cause__
        last_words = as_kept(cause.last_words)[-_LAST_WORDS_KEPT:] if isinstance(cause, WorkerFailed) else ""

        async def body(tx: Transaction) -> int:
            return await self._crashes.add(
                tx, id_of(job.subject), error.message, code=error.code, last_words=last_words
            )

        return await self._database.write(body)
