"""Deletes what has expired: videos in the trash, abandoned uploads, old lines of the audit log, old notices."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

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
"""The clock is trusted after it ran this long without a jump, or as long as the retention if that is shorter."""

CHECK_INTERVAL_S = 60.0

_log = get_logger("maintenance")


class Retention(Protocol):
    """Rows of one kind that are deleted when they are old enough."""

    @property
    def name(self) -> str:
        """The name in the log."""

    async def has_expired(self) -> bool:
        """Return whether there are expired rows."""

    async def delete_expired(self) -> int:
        """Delete expired rows and return how many were deleted."""


class ExpireHandler:
    """Handles jobs of the kind `expire`."""

    def __init__(
        self, database: Database, trash: Trash, uploads: UploadExpiry, retentions: Sequence[Retention]
    ) -> None:
        self._database = database
        self._trash = trash
        self._uploads = uploads
        self._retentions = retentions

    async def run(self, job: Job) -> None:
        """Delete what has expired, each item in a transaction of its own."""
        uploads = await self._uploads.expire()
        purged = 0
        while expired := await self._trash.expired():
            for video in expired:
                try:
                    await self._database.write(partial(self._trash.purge, video=video))
                    purged += 1
                except Conflict:
                    continue  # restored or purged meanwhile
        rows = {each.name: await each.delete_expired() for each in self._retentions}
        _log.info("expired", job=job.id, uploads=uploads, videos=purged, **rows)

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Do nothing: the scheduler queues it again."""


class ExpiryScheduler:
    """Checks periodically whether something has expired, and queues the `expire` job.

    The clock is not trusted right after a start or a jump, since expired items cannot be restored.
    """

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        trash: Trash,
        uploads: UploadExpiry,
        retentions: Sequence[Retention],
        clock: Clock,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._trash = trash
        self._uploads = uploads
        self._retentions = retentions
        self._clock_stability = ClockStability(clock)
        self._upload_expiry_s = uploads.expire_after_s

    async def run_forever(self) -> None:
        """Check periodically, until cancelled."""
        backfilled = False

        async def check() -> None:
            nonlocal backfilled
            if not backfilled:
                await self._uploads.backfill()
                backfilled = True
            await self.run_once()

        await every(min(CHECK_INTERVAL_S, max(1.0, self._upload_expiry_s / 4)), check, "expiry")

    async def run_once(self) -> None:
        """Queue the job if something has expired and the clock can be trusted."""
        stable_s = self._clock_stability.stable_s()
        uploads = stable_s >= min(CLOCK_STABLE_S, self._upload_expiry_s) and await self._uploads.has_expired()
        retention_s = self._trash.retention_days * DAY_MS / 1000
        trashed = stable_s >= min(CLOCK_STABLE_S, retention_s) and bool(await self._trash.expired())
        rows = stable_s >= CLOCK_STABLE_S and any([await each.has_expired() for each in self._retentions])
        if uploads or trashed or rows:
            await self._database.write(self._work_queue.expire)
