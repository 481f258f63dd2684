"""The kinds of jobs with their priorities, and the methods that enqueue them."""

from collections.abc import Collection
from dataclasses import dataclass

from streamtime.database.transaction import Transaction
from streamtime.jobs.job import Job
from streamtime.jobs.queue import JobQueue
from streamtime.videos.video import Video

POSTER = "poster"
PREPARE = "prepare"
FIRST = "first"
LADDER = "ladder"
CUT = "cut"
STILLS = "stills"
SETTLE = "settle"
COLLECT = "collect"
COLLECT_SUBJECT = "objects"
RECONCILE = "reconcile"
SCRUB = "scrub"
EXPIRE = "expire"
EXPIRE_SUBJECT = "what is overdue"

POSTER_PRIORITY = 5
CUT_PRIORITY = 8
PREPARE_PRIORITY = 10
FIRST_PRIORITY = 15
LADDER_PRIORITY = 20
STILLS_PRIORITY = 30
SETTLE_PRIORITY = 40
EXPIRE_PRIORITY = 45
COLLECT_PRIORITY = 50
RECONCILE_PRIORITY = 60
SCRUB_PRIORITY = 70
"""Lower numbers run first: jobs that a person waits for before maintenance."""

PROCESSING = (CUT, PREPARE, FIRST, LADDER, STILLS, POSTER)
"""Jobs that are cancelled when their video is deleted. Moving complete files to their store continues."""

FEW_ATTEMPTS = 3
"""For jobs that are enqueued again on a schedule."""

UNLIMITED_ATTEMPTS = 1_000_000
"""For jobs that must succeed eventually: finalizing objects and garbage collection."""

MAINTENANCE = {
    COLLECT: (COLLECT_PRIORITY, UNLIMITED_ATTEMPTS),
    RECONCILE: (RECONCILE_PRIORITY, FEW_ATTEMPTS),
    SCRUB: (SCRUB_PRIORITY, FEW_ATTEMPTS),
}
"""Storage maintenance: priority and maximum attempts of each kind."""


def fair_key(owner_id: int) -> str:
    """Return the key by which the queue shares workers fairly between owners."""
    return f"user:{owner_id}"


@dataclass(frozen=True, slots=True)
class EncodeEstimate:
    """The renditions that an encode makes, and its expected disk use, peak memory and number of passes."""

    names: list[str]
    disk_bytes: int
    memory_bytes: int
    passes: int


class WorkQueue:
    """Enqueues jobs for videos."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def complete(self, tx: Transaction, job: Job) -> None:
        """As `JobQueue.complete`."""
        await self._queue.complete(tx, job)

    async def cancel(self, tx: Transaction, video: Video, *, kinds: Collection[str] | None = None) -> bool:
        """Cancel the jobs of a video, or only those of some kinds. Returns whether there were any."""
        return await self._queue.cancel(tx, video.subject, kinds=kinds)

    async def prepare(self, tx: Transaction, video: Video) -> None:
        """Probe the file, and make everything that needs no video encoding."""
        await self.prepare_by_subject(tx, video.subject, video.owner_id)

    async def prepare_by_subject(self, tx: Transaction, subject: str, owner_id: int) -> None:
        """As `prepare`, with the subject of the video."""
        await self._queue.enqueue(tx, PREPARE, subject, priority=PREPARE_PRIORITY, fair_key=fair_key(owner_id))

    async def cut(self, tx: Transaction, subject: str, owner_id: int) -> None:
        """Write the original of the video with this subject, by cutting another one."""
        await self._queue.enqueue(tx, CUT, subject, priority=CUT_PRIORITY, fair_key=fair_key(owner_id))

    async def first(self, tx: Transaction, video: Video, *, memory_bytes: int) -> None:
        """Encode the first rendition. `memory_bytes` is its expected memory use."""
        await self._queue.enqueue(
            tx, FIRST, video.subject, priority=FIRST_PRIORITY, weight=memory_bytes, fair_key=fair_key(video.owner_id)
        )

    async def ladder(self, tx: Transaction, video: Video, *, memory_bytes: int) -> None:
        """Encode the remaining renditions. `memory_bytes` is the expected peak memory use."""
        await self._queue.enqueue(
            tx, LADDER, video.subject, priority=LADDER_PRIORITY, weight=memory_bytes, fair_key=fair_key(video.owner_id)
        )

    async def poster(self, tx: Transaction, subject: str) -> None:
        """Make the poster that the owner of the video with this subject has chosen."""
        await self._queue.enqueue(tx, POSTER, subject, priority=POSTER_PRIORITY)

    async def stills(self, tx: Transaction, video: Video) -> None:
        """Make the storyboard and the preview."""
        await self._queue.enqueue(tx, STILLS, video.subject, priority=STILLS_PRIORITY)

    async def finalize(self, tx: Transaction, video: Video, object_id: int) -> None:
        """Move a complete object from the spool to its store."""
        await self._queue.enqueue(
            tx,
            SETTLE,
            video.subject,
            priority=SETTLE_PRIORITY,
            max_attempts=UNLIMITED_ATTEMPTS,
            dedup_key=f"{SETTLE} {object_id}",
            fair_key=fair_key(video.owner_id),
        )

    async def expire(self, tx: Transaction) -> None:
        """Purge expired videos in the trash and expired uploads."""
        await self._queue.enqueue(tx, EXPIRE, EXPIRE_SUBJECT, priority=EXPIRE_PRIORITY, max_attempts=UNLIMITED_ATTEMPTS)

    async def collect(self, tx: Transaction) -> None:
        """Delete the bytes of objects that are pending deletion."""
        await self.queue_maintenance(tx, COLLECT)

    async def queue_maintenance(
        self, tx: Transaction, kind: str, subject: str = COLLECT_SUBJECT, *, at_once: bool = False
    ) -> None:
        """Enqueue a kind of `MAINTENANCE`; with `at_once`, without the backoff of an earlier attempt."""
        priority, attempts = MAINTENANCE[kind]
        await self._queue.enqueue(tx, kind, subject, priority=priority, max_attempts=attempts)
        if at_once:
            await self._queue.run_now(tx, subject)
