"""Rows and stores with a clock that a test sets."""

from dataclasses import dataclass, field

from sqlalchemy import Executable, func, insert, select, update

from streamtime.clock import EpochMs
from streamtime.database.tables.auth import users
from streamtime.database.tables.storage import objects, orphans
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Unavailable
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.reconcile import OrphanRetention, Reconciler, StoreReport
from streamtime.maintenance.scrub import Scrubber, ScrubPolicy
from streamtime.storage.memory import MemoryStore
from streamtime.storage.objects.leases import Leases
from streamtime.storage.objects.ledger import Inventory, Ledger
from streamtime.storage.objects.stores import StoreOwnership, Stores
from streamtime.storage.spool import Spool

DAY_MS = 86_400_000
FOLDER = "videos/aaaa/"


class FakeClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.at_ms = 1_800_000_000_000

    def now_ms(self) -> EpochMs:
        return EpochMs(self.at_ms)

    def monotonic(self) -> float:
        return self.at_ms / 1000


class WatchedStore(MemoryStore):
    """A store in memory that counts what is deleted in it, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.deletes: list[str] = []
        self.away = False

    async def check(self) -> None:
        self._there()

    async def delete(self, key: str) -> None:
        self._there()
        self.deletes.append(key)
        await super().delete(key)

    async def head(self, key: str):  # type: ignore[no-untyped-def]  # noqa: ANN201  # as the store's own
        self._there()
        return await super().head(key)

    async def stream(self, key: str, offset: int = 0, length: int | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        self._there()
        async for piece in super().stream(key, offset, length):
            yield piece

    def _there(self) -> None:
        if self.away:
            raise Unavailable("It is away.", code="storage")


@dataclass
class ObjectsSetup:
    clock: FakeClock
    database: Database
    spool: Spool
    local: WatchedStore
    far: WatchedStore
    watched_ms: int = DAY_MS
    aside_ms: int = 7 * DAY_MS
    _next: int = field(default=0)

    def __post_init__(self) -> None:
        self.stores = Stores(self.spool, {"local": self.local, "far": self.far}, default_name="local")
        self.ledger = Ledger(self.database, self.clock)
        self.inventory = Inventory(self.database, self.clock)
        self.holds = Leases(self.database, self.clock)
        self.deployment = self.another_deployment()
        self.collector = GarbageCollector(self.ledger, self.inventory, self.stores, self.deployment, self.holds)

    async def begin(self) -> None:
        """Somebody who owns things, and stores that are ours."""
        values = {"id": 1, "public_id": "u", "name": "ann", "name_folded": "ann", "role": "admin", "password_hash": ""}
        await self.write(insert(users).values(created_at_ms=0, **values))
        for name in self.stores.names:
            await self.deployment.check(name)

    def another_deployment(self) -> StoreOwnership:
        return StoreOwnership(self.database, self.inventory, self.stores, self.clock)

    @property
    def reconciler(self) -> Reconciler:
        patience = OrphanRetention(self.watched_ms, self.aside_ms)
        return Reconciler(self.database, self.inventory, self.stores, self.deployment, self.clock, patience)

    def scrubber(self, *, every_ms: int = DAY_MS) -> Scrubber:
        return Scrubber(self.database, self.inventory, self.stores, self.clock, ScrubPolicy(every_ms, 1 << 30))

    async def reconcile(self, store: str = "local", **how: bool) -> StoreReport:
        reports = {report.store: report async for report in self.reconciler.reconcile(**how)}
        return reports[store]

    async def add(
        self,
        key: str,
        data: bytes = b"some bytes",
        *,
        store: str = "local",
        state: str = "live",
        sha256: bytes | None = None,
    ) -> int:
        """A row and its bytes."""
        await self.put(key, data, store=store)

        async def body(tx: Transaction) -> int:
            values = {"store": store, "key": key, "state": state, "bytes": len(data), "sha256": sha256}
            statement = insert(objects).values(kind="rendition", owner_id=1, created_at_ms=0, **values)
            return int((await tx.execute(statement.returning(objects.c.id))).scalar_one())

        return await self.database.write(body)

    async def put(self, key: str, data: bytes = b"some bytes", *, store: str = "local") -> None:
        """Bytes without a row."""
        if store != "spool":
            await self.stores.object_stores[store].put(key, data)
            return
        async with await self.spool.create(key) as file:
            await file.write_at(0, data)

    async def many(self, count: int, *, store: str = "local") -> None:
        """So many whole objects that a single stray is no large share."""
        for number in range(count):
            await self.add(f"videos/crowd/{number}.mp4", store=store)

    async def change(self, object_id: int, **values: object) -> None:
        await self.write(update(objects).where(objects.c.id == object_id).values(**values))

    async def row(self, object_id: int) -> dict[str, object]:
        async with self.database.read() as connection:
            return dict((await connection.execute(select(objects).where(objects.c.id == object_id))).mappings().one())

    async def rows(self) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(objects))).scalar_one())

    async def stray_rows(self) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(orphans))).scalar_one())

    async def keys(self, store: str = "local", prefix: str = "videos/") -> list[str]:
        return sorted([info.key async for info in self.stores.readable(store).list(prefix)])

    async def write(self, *statements: Executable) -> None:
        async def body(tx: Transaction) -> None:
            for statement in statements:
                await tx.execute(statement)

        await self.database.write(body)
