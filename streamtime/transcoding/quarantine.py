"""Sets a file aside when the program that works on it has crashed twice over it, whichever of its jobs that was.

A file that crashes a decoder may be an attack that is still being tried out, so nothing more happens to it by itself.
The owner's own retry is one more attempt: the count stays, and the next crash sets it aside again at once.
"""

from streamtime.database.transaction import Database, Transaction
from streamtime.jobs.job import AttemptFailed, Failure, Handler, Job
from streamtime.transcoding.outcome import CRASH_CODES
from streamtime.videos.events import CrashCounter
from streamtime.videos.video import video_id_of
from streamtime.workers.failure import WorkerFailed, sanitize_stderr

MAX_CRASHES = 2
"""So many, and it is set aside."""

CODE = "quarantined"
MESSAGE = (
    "The program that works on this video crashed over it again, so the file is set aside. "
    "Nothing more happens to it unless you try it again."
)

_STDERR_CHARS = 500


class CrashQuarantine:
    """A handler around another one: lets everything through, and counts crashes."""

    def __init__(self, handler: Handler, database: Database, crash_counter: CrashCounter) -> None:
        self._handler = handler
        self._database = database
        self._crash_counter = crash_counter

    async def run(self, job: Job) -> None:
        """Do the job.

        Raises:
            AttemptFailed: as the handler says; with `quarantined`, and for good, when it was one crash too many.
            Unavailable, NoSpace: as the handler says.
        """
        try:
            await self._handler.run(job)
        except AttemptFailed as error:
            if error.code in CRASH_CODES and await self._count_crash(job, error) >= MAX_CRASHES:
                raise AttemptFailed(MESSAGE, code=CODE, retryable=False) from error
            raise

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """As the handler does."""
        await self._handler.on_failed(tx, job, failure)

    async def _count_crash(self, job: Job, error: AttemptFailed) -> int:
        cause = error.__cause__
        last_words = sanitize_stderr(cause.stderr_tail)[-_STDERR_CHARS:] if isinstance(cause, WorkerFailed) else ""

        async def body(tx: Transaction) -> int:
            return await self._crash_counter.increment(
                tx, video_id_of(job.subject), error.message, code=error.code, stderr_tail=last_words
            )

        return await self._database.write(body)
