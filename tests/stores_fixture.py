"""A database with objects in a local store and a remote one, for tests of what keeps rows and bytes equal."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import users
from streamtime.database.tables.storage import objects
from streamtime.database.transaction import Database, Transaction
from streamtime.storage.local.store import LocalStore
from streamtime.storage.objects.ledger import Ledger, ObjectRow
from streamtime.storage.objects.stores import Stores
from streamtime.storage.spool import Spool
from tests.remote_store import RemoteStore


@dataclass
class StoresFixture:
    """All of it, and what was put where."""

    database: Database
    ledger: Ledger
    stores: Stores
    local: LocalStore
    remote: RemoteStore
    content: dict[str, bytes]

    async def add(self, store: str, length: int = 50_000, *, state: str = "live") -> ObjectRow:
        """A new object in a store, with its row."""
        key = f"videos/{len(self.content)}/film.mp4"
        data = self.content[key] = os.urandom(length)
        await self.stores.object_stores[store].put(key, data)
        values = {
            "store": store, "key": key, "state": state, "kind": "rendition", "owner_id": 1, "bytes": length,
            "sha256": hashlib.sha256(data).digest(), "created_at_ms": 0,
        }  # fmt: skip

        async def body(tx: Transaction) -> int:
            return int((await tx.execute(insert(objects).values(values).returning(objects.c.id))).scalar_one())

        (row,) = await self.ledger.find([await self.database.write(body)])
        return row

    async def where(self) -> dict[str, str]:
        """The store of each object, by key, as rows have it."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(objects.c.key, objects.c.store).where(objects.c.state == "live"))
            return {row.key: row.store for row in rows}

    async def contents(self, store: str) -> dict[str, bytes]:
        """What a store really holds."""
        opened = self.stores.object_stores[store]
        return {info.key: await opened.get_range(info.key, 0, info.length_bytes) async for info in opened.list("")}


@asynccontextmanager
async def open_stores(folder: Path) -> AsyncIterator[StoresFixture]:
    """Empty ones, in a folder."""
    path = folder / "streamtime.db"
    clock = SystemClock()
    migrate(path, now_ms=clock.now_ms())
    database = Database(path)
    spool = await Spool.open_at(folder / "spool")
    local, remote = await LocalStore.open_at(folder / "objects"), RemoteStore()
    owner = {"public_id": "ann", "name": "ann", "name_folded": "ann", "password_hash": "", "role": "member"}

    async def add_owner(tx: Transaction) -> None:
        await tx.execute(insert(users).values({**owner, "created_at_ms": 0}))

    await database.write(add_owner)
    stores = Stores(spool, {"local": local, "s3": remote}, default_name="local")
    yield StoresFixture(database, Ledger(database, clock), stores, local, remote, {})
    await local.close()
    await spool.close()
    await database.close()
