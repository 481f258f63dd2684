"""What has a term, and goes when it is over: videos in the bin, uploads that nobody goes on with, the audit's lines."""

from functools import partial

from streamtime.accounts.audit_term import AuditTerm
from streamtime.clock import Clock, SteadyWatch
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict
from streamtime.jobs.job import Failure, Job
from streamtime.library.bin import DAY_MS, Bin
from streamtime.library.work import Work
from streamtime.logging import get_logger
from streamtime.periodic import every
from streamtime.uploads.expiry import UploadExpiry

STEADY_S = 3600.0
"""For so long the clock has to have been steady before it is believed, or for as long as the term itself."""

LOOKS_EVERY_S = 60.0

_log = get_logger("expiry")


class Expire:
    """Handles jobs of the kind `expire`."""

    def __init__(self, database: Database, bin_: Bin, uploads: UploadExpiry, audit: AuditTerm) -> None:
        self._database = database
        self._bin = bin_
        self._uploads = uploads
        self._audit = audit

    async def run(self, job: Job) -> None:
        """Let go what is overdue, each in a transaction of its own."""
        given_up = await self._uploads.give_up()
        purged = 0
        while overdue := await self._bin.overdue():
            for video in overdue:
                try:
                    await self._database.write(partial(self._bin.purge, video=video))
                    purged += 1
                except Conflict:
                    continue  # brought back, or deleted for good, a moment ago
        lines = await self._audit.let_go()
        _log.info("expired", job=job.id, uploads=given_up, videos=purged, audit=lines)

    async def gave_up(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Never given up; the next look queues it again."""


class ExpirySchedule:
    """Looks now and then whether something is overdue, and queues the job that lets it go.

    What a clock says right after a start or a jump is not believed: nothing comes back from there.
    """

    def __init__(
        self,
        database: Database,
        work: Work,
        bin_: Bin,
        uploads: UploadExpiry,
        audit: AuditTerm,
        clock: Clock,
        *,
        expire_after_s: int,
    ) -> None:
        self._database = database
        self._work = work
        self._bin = bin_
        self._uploads = uploads
        self._audit = audit
        self._watch = SteadyWatch(clock)
        self._upload_term_s = expire_after_s
        self._bin_term_s = bin_.days * DAY_MS / 1000

    async def keep(self) -> None:
        """Look when something is overdue, until cancelled."""
        begun = False

        async def look() -> None:
            nonlocal begun
            if not begun:
                await self._uploads.begin()
                begun = True
            await self.look()

        await every(min(LOOKS_EVERY_S, max(1.0, self._upload_term_s / 4)), look, "expiry")

    async def look(self) -> None:
        """Queue the job where something is overdue by a clock that can be believed."""
        steady_s = self._watch.steady_s()
        uploads = steady_s >= min(STEADY_S, self._upload_term_s) and await self._uploads.any_overdue()
        binned = steady_s >= min(STEADY_S, self._bin_term_s) and bool(await self._bin.overdue())
        if uploads or binned or (steady_s >= STEADY_S and await self._audit.any_overdue()):
            await self._database.write(self._work.expire)
