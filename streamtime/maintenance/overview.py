"""How the bytes are kept, for people to look at: stores, what lies in them, what was done last. It changes nothing."""

from dataclasses import dataclass

from streamtime.errors import StreamtimeError
from streamtime.maintenance.orphans import Orphans
from streamtime.maintenance.runner import MaintenanceLog, MaintenanceTask, TaskRun
from streamtime.storage.objects.ledger import SPOOL, DamagedObject, Inventory, ObjectLocations, StoreTotals
from streamtime.storage.objects.stores import StoreOwnership, Stores, StoreStatus, status_message


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One store as it stood when it was last looked at. `trouble` is empty where it is ours and answers."""

    name: str
    is_default: bool
    error: str
    objects: int
    length_bytes: int
    watched: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class StorageSummary:
    """All of it."""

    stores: list[StoreSummary]
    pending_deletion: int
    pending_deletion_bytes: int
    damaged: list[DamagedObject]
    tasks: dict[MaintenanceTask, TaskRun]
    restored_at_ms: int | None


class StorageOverview:
    """Reads rows, and remembers what the last round saw of the stores."""

    def __init__(
        self,
        inventory: Inventory,
        locations: ObjectLocations,
        orphans: Orphans,
        stores: Stores,
        ownership: StoreOwnership,
        log: MaintenanceLog,
    ) -> None:
        self._inventory = inventory
        self._locations = locations
        self._orphans = orphans
        self._stores = stores
        self._ownership = ownership
        self._log = log

    async def summary(self) -> StorageSummary:
        """What there is to see, without asking a store anything."""
        held = {each.store: each for each in await self._locations.totals_by_store()}
        strays = await self._orphans.totals()
        doomed, doomed_bytes = (await self._inventory.totals()).get("doomed", (0, 0))
        names = [*self._stores.names, *(name for name in held if name not in self._stores.names)]
        return StorageSummary(
            stores=[
                self._store(name, held.get(name) or StoreTotals(name, 0, 0), strays.get(name, (0, 0, 0)))
                for name in names
            ],
            pending_deletion=doomed,
            pending_deletion_bytes=doomed_bytes,
            damaged=await self._inventory.damaged(),
            tasks=await self._log.latest_runs(),
            restored_at_ms=(await self._ownership.get_or_create()).restored_at_ms,
        )

    async def damaged(self) -> list[DamagedObject]:
        """All that is known to be damaged."""
        return await self._inventory.damaged()

    def store_errors(self) -> str:
        """What is the matter with the stores, as far as it is known; nothing where all are well."""
        return " ".join(
            filter(None, (status_message(name, seen) for name, seen in self._ownership.last_status.items()))
        )

    def _store(self, name: str, held: StoreTotals, strays: tuple[int, int, int]) -> StoreSummary:
        return StoreSummary(
            name=name,
            is_default=name == self._stores.default_name,
            error=self._error(name),
            objects=held.objects,
            length_bytes=held.length_bytes,
            watched=strays[0],
            quarantined=strays[1],
        )

    def _error(self, name: str) -> str:
        if name != SPOOL:
            try:
                self._stores.readable(name)
            except StreamtimeError as error:
                return error.message
        return status_message(name, self._ownership.last_status.get(name, StoreStatus.OWNED))
