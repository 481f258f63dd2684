"""What kinds of work there are on videos, as the queue knows them: their names, how urgent they are, what they cost."""

from dataclasses import dataclass

from streamtime.database.transaction import Transaction
from streamtime.jobs.queue import JobQueue
from streamtime.videos.video import Video

PREPARE = "prepare"
FIRST = "first"
LADDER = "ladder"
STILLS = "stills"
SETTLE = "settle"
COLLECT = "collect"
COLLECT_SUBJECT = "objects"
RECONCILE = "reconcile"
SCRUB = "scrub"
EXPIRE = "expire"
EXPIRE_SUBJECT = "what is overdue"

PREPARE_PRIORITY = 10
FIRST_PRIORITY = 15
LADDER_PRIORITY = 20
STILLS_PRIORITY = 30
SETTLE_PRIORITY = 40
EXPIRE_PRIORITY = 45
COLLECT_PRIORITY = 50
RECONCILE_PRIORITY = 60
SCRUB_PRIORITY = 70
"""Lower goes first: what makes a person wait before what only tidies up."""

FEW_ATTEMPTS = 3
"""For work that is asked for again when its time comes."""

UNLIMITED_ATTEMPTS = 1_000_000
"""For work that is never given up: bytes must settle, and doomed ones must go."""

MAINTENANCE = {
    COLLECT: (COLLECT_PRIORITY, UNLIMITED_ATTEMPTS),
    RECONCILE: (RECONCILE_PRIORITY, FEW_ATTEMPTS),
    SCRUB: (SCRUB_PRIORITY, FEW_ATTEMPTS),
}
"""What looks after bytes: priority and attempts of each."""


def fair_key(owner_id: int) -> str:
    """What the queue tells people apart by when they take turns."""
    return f"user:{owner_id}"


@dataclass(frozen=True, slots=True)
class EncodeEstimate:
    """What an encode will make, and what it is expected to cost on disk and in memory, in so many passes."""

    names: list[str]
    disk_bytes: int
    memory_bytes: int
    passes: int


class WorkQueue:
    """Puts work on videos into the queue."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def prepare(self, tx: Transaction, video: Video) -> None:
        """Look at its file, and make what can be had quickly."""
        await self.prepare_by_subject(tx, video.subject, video.owner_id)

    async def prepare_by_subject(self, tx: Transaction, subject: str, owner_id: int) -> None:
        """The same, for a video that is known by its row alone."""
        await self._queue.enqueue(tx, PREPARE, subject, priority=PREPARE_PRIORITY, fair_key=fair_key(owner_id))

    async def first(self, tx: Transaction, video: Video, *, memory_bytes: int) -> None:
        """Encode the one rendition that is quickly made and useful; `memory_bytes` is what it is expected to need."""
        await self._queue.enqueue(
            tx, FIRST, video.subject, priority=FIRST_PRIORITY, weight=memory_bytes, fair_key=fair_key(video.owner_id)
        )

    async def ladder(self, tx: Transaction, video: Video, *, memory_bytes: int) -> None:
        """Encode all that takes time; `memory_bytes` is what that is expected to need."""
        await self._queue.enqueue(
            tx, LADDER, video.subject, priority=LADDER_PRIORITY, weight=memory_bytes, fair_key=fair_key(video.owner_id)
        )

    async def stills(self, tx: Transaction, video: Video) -> None:
        """Make its storyboard and preview."""
        await self._queue.enqueue(tx, STILLS, video.subject, priority=STILLS_PRIORITY)

    async def finalize(self, tx: Transaction, video: Video, object_id: int) -> None:
        """Carry an object of the video into the store where it stays."""
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
        """Let go what has been in the bin, or has waited for its bytes, for as long as it may."""
        await self._queue.enqueue(tx, EXPIRE, EXPIRE_SUBJECT, priority=EXPIRE_PRIORITY, max_attempts=UNLIMITED_ATTEMPTS)

    async def collect(self, tx: Transaction) -> None:
        """Delete the bytes of doomed objects."""
        await self.queue_maintenance(tx, COLLECT)

    async def queue_maintenance(
        self, tx: Transaction, kind: str, subject: str = COLLECT_SUBJECT, *, at_once: bool = False
    ) -> None:
        """Do one of the tasks of `UPKEEP`; `at_once`, whatever pause an earlier attempt has earned it."""
        priority, attempts = MAINTENANCE[kind]
        await self._queue.enqueue(tx, kind, subject, priority=priority, max_attempts=attempts)
        if at_once:
            await self._queue.run_now(tx, subject)
