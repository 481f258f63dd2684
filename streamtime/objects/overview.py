"""How the bytes are kept, for people to look at: stores, what lies in them, what was done last. It changes nothing."""

from dataclasses import dataclass

from streamtime.errors import StreamtimeError
from streamtime.objects.deployment import Deployment, Standing, words_for
from streamtime.objects.inventory import Damaged, Inventory
from streamtime.objects.ledger import SPOOL
from streamtime.objects.stores import Stores
from streamtime.objects.strays import Strays
from streamtime.objects.upkeep import Done, Task, UpkeepLog
from streamtime.objects.whereabouts import Holding, Whereabouts


@dataclass(frozen=True, slots=True)
class SeenStore:
    """One store as it stood when it was last looked at. `trouble` is empty where it is ours and answers."""

    name: str
    settles_here: bool
    trouble: str
    objects: int
    length_bytes: int
    watched: int
    aside: int


@dataclass(frozen=True, slots=True)
class SeenStorage:
    """All of it."""

    stores: list[SeenStore]
    doomed: int
    doomed_bytes: int
    damaged: list[Damaged]
    tasks: dict[Task, Done]
    restored_at_ms: int | None


class StorageOverview:
    """Reads rows, and remembers what the last round saw of the stores."""

    def __init__(
        self,
        inventory: Inventory,
        whereabouts: Whereabouts,
        strays: Strays,
        stores: Stores,
        deployment: Deployment,
        log: UpkeepLog,
    ) -> None:
        self._inventory = inventory
        self._whereabouts = whereabouts
        self._strays = strays
        self._stores = stores
        self._deployment = deployment
        self._log = log

    async def look(self) -> SeenStorage:
        """What there is to see, without asking a store anything."""
        held = {each.store: each for each in await self._whereabouts.holdings()}
        strays = await self._strays.totals()
        doomed, doomed_bytes = (await self._inventory.totals()).get("doomed", (0, 0))
        names = [*self._stores.names, *(name for name in held if name not in self._stores.names)]
        return SeenStorage(
            stores=[
                self._store(name, held.get(name) or Holding(name, 0, 0), strays.get(name, (0, 0, 0))) for name in names
            ],
            doomed=doomed,
            doomed_bytes=doomed_bytes,
            damaged=await self._inventory.damaged(),
            tasks=await self._log.all(),
            restored_at_ms=(await self._deployment.row()).restored_at_ms,
        )

    async def damaged(self) -> list[Damaged]:
        """All that is known to be damaged."""
        return await self._inventory.damaged()

    def markers(self) -> str:
        """What is the matter with the stores, as far as it is known; nothing where all are well."""
        return " ".join(filter(None, (words_for(name, seen) for name, seen in self._deployment.seen.items())))

    def _store(self, name: str, held: Holding, strays: tuple[int, int, int]) -> SeenStore:
        return SeenStore(
            name=name,
            settles_here=name == self._stores.settle_in,
            trouble=self._trouble(name),
            objects=held.objects,
            length_bytes=held.length_bytes,
            watched=strays[0],
            aside=strays[1],
        )

    def _trouble(self, name: str) -> str:
        if name != SPOOL:
            try:
                self._stores.readable(name)
            except StreamtimeError as error:
                return error.message
        return words_for(name, self._deployment.seen.get(name, Standing.OURS))
