"""When bytes are looked after: asks for reconciliation and scrubbing when they are due, and minds the markers."""

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.library.work import RECONCILE, SCRUB, Work
from streamtime.logging import get_logger
from streamtime.objects.deployment import Deployment, Standing, words_for
from streamtime.objects.scrub import Scrubber
from streamtime.objects.stores import Stores
from streamtime.objects.upkeep import Task, UpkeepLog
from streamtime.periodic import every

LONGEST_NAP_S = 60.0

_log = get_logger("upkeep")


class Rounds:
    """A caretaker's rounds, for as long as the server runs."""

    def __init__(
        self,
        database: Database,
        work: Work,
        stores: Stores,
        deployment: Deployment,
        log: UpkeepLog,
        scrubber: Scrubber,
        clock: Clock,
        *,
        reconcile_every_s: int,
    ) -> None:
        self._database = database
        self._work = work
        self._stores = stores
        self._deployment = deployment
        self._upkeep = log
        self._scrubber = scrubber
        self._clock = clock
        self._every_s = reconcile_every_s
        self._begun_at_ms = clock.now_ms()

    async def keep(self) -> None:
        """Look when tasks are due, until cancelled."""
        await every(min(LONGEST_NAP_S, self._every_s or LONGEST_NAP_S), self.once, "storage-schedule")

    async def once(self) -> None:
        """See how each store stands, and ask for what is due."""
        if any(done.finished_at_ms is None for done in (await self._upkeep.all()).values()):
            await self._upkeep.broken_off(before_ms=self._begun_at_ms)
        for name in self._stores.names:
            before = self._deployment.seen.get(name, Standing.OURS)
            standing = await self._deployment.look(name)
            if standing is not before:
                tell = _log.info if standing is Standing.OURS else _log.warning
                tell("store_standing", store=name, standing=standing.value, words=words_for(name, standing))
        if await self._reconcile_due():
            await self._database.write(lambda tx: self._work.look_after(tx, RECONCILE))
        if await self._scrubber.due():
            await self._database.write(lambda tx: self._work.look_after(tx, SCRUB))

    async def _reconcile_due(self) -> bool:
        last = (await self._upkeep.all()).get(Task.RECONCILE)
        return bool(self._every_s) and (
            last is None or self._clock.now_ms() - last.started_at_ms >= self._every_s * 1000
        )
