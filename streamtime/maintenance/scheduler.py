"""When bytes are looked after: asks for reconciliation and scrubbing when they are due, and minds the markers."""

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.logging import get_logger
from streamtime.maintenance.run_log import MaintenanceLog, MaintenanceTask
from streamtime.maintenance.scrub import Scrubber
from streamtime.periodic import every
from streamtime.storage.objects.store_id import StoreOwnership, StoreStatus, status_message
from streamtime.storage.objects.stores import Stores
from streamtime.videos.job_kinds import RECONCILE, SCRUB, WorkQueue

MAX_SLEEP_S = 60.0

_log = get_logger("upkeep")


class MaintenanceScheduler:
    """A caretaker's rounds, for as long as the server runs."""

    def __init__(
        self,
        database: Database,
        work_queue: WorkQueue,
        stores: Stores,
        ownership: StoreOwnership,
        log: MaintenanceLog,
        scrubber: Scrubber,
        clock: Clock,
        *,
        reconcile_every_s: int,
    ) -> None:
        self._database = database
        self._work_queue = work_queue
        self._stores = stores
        self._ownership = ownership
        self._log = log
        self._scrubber = scrubber
        self._clock = clock
        self._every_s = reconcile_every_s
        self._begun_at_ms = clock.now_ms()

    async def run_forever(self) -> None:
        """Look when tasks are due, until cancelled."""
        await every(min(MAX_SLEEP_S, self._every_s or MAX_SLEEP_S), self.run_once, "storage-schedule")

    async def run_once(self) -> None:
        """See how each store stands, and ask for what is due."""
        if any(done.finished_at_ms is None for done in (await self._log.latest_runs()).values()):
            await self._log.mark_interrupted(before_ms=self._begun_at_ms)
        for name in self._stores.names:
            before = self._ownership.last_status.get(name, StoreStatus.OWNED)
            standing = await self._ownership.check(name)
            if standing is not before:
                tell = _log.info if standing is StoreStatus.OWNED else _log.warning
                tell("store_status", store=name, standing=standing.value, words=status_message(name, standing))
        if await self._reconcile_due():
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, RECONCILE))
        if await self._scrubber.due():
            await self._database.write(lambda tx: self._work_queue.queue_maintenance(tx, SCRUB))

    async def _reconcile_due(self) -> bool:
        last = (await self._log.latest_runs()).get(MaintenanceTask.RECONCILE)
        return bool(self._every_s) and (
            last is None or self._clock.now_ms() - last.started_at_ms >= self._every_s * 1000
        )
