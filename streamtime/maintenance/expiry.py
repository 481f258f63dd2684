"""What has a term, and goes when it is over: videos in the bin, uploads that nobody goes on with, the audit's lines."""

from functools import partial

from streamtime.auth.audit import AuditRetention
from streamtime.clock import Clock, ClockStability
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.jobs.job import Failure, Job
from streamtime.logging import get_logger
from streamtime.periodic import every
from streamtime.uploads.terminate import UploadExpiry
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.trash import DAY_MS, Trash

CLOCK_STABLE_S = 3600.0
"""For so long the clock has to have been steady before it is believed, or for as long as the term itself."""

CHECK_INTERVAL_S = 60.0

_log = get_logger("expiry")


class ExpireHandler:
    """Handles jobs of the kind `expire`."""

    def __init__(self, database: Database, trash: Trash, uploads: UploadExpiry, audit: AuditRetention) -> None:
        self._database = database
        self._trash = trash
        self._uploads = uploads
        self._audit = audit

    async def run(self, job: Job) -> None:
        """Let go what is overdue, each in a transaction of its own."""
        given_up = await self._uploads.expire()
        purged = 0
        while overdue := await self._trash.expired():
            for video in overdue:
                try:
                    await self._database.write(partial(self._trash.purge, video=video))
                    purged += 1
                except Conflict:
                    continue  # brought back, or deleted for good, a moment ago
        lines = await self._audit.delete_expired()
        _log.info("expired", job=job.id, uploads=given_up, videos=purged, audit=lines)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the next look queues it again."""


class ExpiryScheduler:
    """Looks now and then whether something is overdue, and queues the job that lets it go.

    What a clock says right after a start or a jump is not believed: nothing comes back from there.
    """

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        trash: Trash,
        uploads: UploadExpiry,
        audit: AuditRetention,
        clock: Clock,
        *,
        expire_after_s: int,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._trash = trash
        self._uploads = uploads
        self._audit = audit
        self._watch = ClockStability(clock)
        self._upload_expiry_s = expire_after_s
        self._trash_retention_s = trash.retention_days * DAY_MS / 1000

    async def run_forever(self) -> None:
        """Look when something is overdue, until cancelled."""
        begun = False

        async def look() -> None:
            nonlocal begun
            if not begun:
                await self._uploads.backfill()
                begun = True
            await self.run_once()

        await every(min(CHECK_INTERVAL_S, max(1.0, self._upload_expiry_s / 4)), look, "expiry")

    async def run_once(self) -> None:
        """Queue the job where something is overdue by a clock that can be believed."""
        steady_s = self._watch.stable_s()
        uploads = steady_s >= min(CLOCK_STABLE_S, self._upload_expiry_s) and await self._uploads.has_expired()
        binned = steady_s >= min(CLOCK_STABLE_S, self._trash_retention_s) and bool(await self._trash.expired())
        if uploads or binned or (steady_s >= CLOCK_STABLE_S and await self._audit.has_expired()):
            await self._database.write(self._work_queue.expire)
