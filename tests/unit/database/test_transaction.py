"""The one door to the writer: whole or not at all, never wedged, never nested, and said plainly when it is shut."""

import asyncio
import gc
import random
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import select, text, update

from streamtime.database import transaction
from streamtime.database.tables.auth import permission_epoch
from streamtime.database.transaction import Database, EpochWatch, Transaction
from streamtime.errors import Unavailable


async def read_epoch(database: Database) -> int:
    async with database.read() as connection:
        value: int = (await connection.execute(select(permission_epoch.c.value))).scalar_one()
        return value


async def test_concurrent_read_modify_writes_lose_nothing(database: Database) -> None:
    async def add_one(tx: Transaction) -> None:
        value = (await tx.execute(select(permission_epoch.c.value))).scalar_one()
        await asyncio.sleep(0)
        await tx.execute(update(permission_epoch).values(value=value + 1))

    before = await read_epoch(database)
    await asyncio.gather(*(database.write(add_one) for _ in range(100)))
    assert await read_epoch(database) == before + 100


async def test_writes_cancelled_in_the_middle_never_wedge_the_writer(database: Database) -> None:
    """Two hundred requests go away while their writes are under way: each write is whole, and the next one works."""

    async def twice(tx: Transaction) -> None:
        await tx.bump_epoch()
        await asyncio.sleep(0)
        await tx.bump_epoch()

    before = await read_epoch(database)
    for round_number in range(200):
        writing = asyncio.create_task(database.write(twice))
        for _ in range(round_number % 9):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await database.write(twice)
    raised = await read_epoch(database) - before
    assert raised % 2 == 0, "a write was left half done"
    assert raised >= 2


async def test_reads_that_are_cancelled_again_and_again_leave_no_task_behind(database: Database) -> None:
    """As anyio cancels: until the read has ended, at any moment of it and of what closes its connection."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))
    slow = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT sum(i) FROM n")
    moments = random.Random(1)  # noqa: S311  # moments, no secret

    async def read() -> None:
        async with database.read() as connection:
            await connection.execute(slow)

    for _ in range(60):
        reading = asyncio.create_task(read())
        await asyncio.sleep(moments.uniform(0, 0.01))
        while not reading.done():
            reading.cancel()
            await asyncio.sleep(moments.choice([0, 0.001, 0.003]))
    assert await read_epoch(database) >= 0
    await database.close()
    gc.collect()
    assert told == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_body_that_fails_changes_nothing_and_runs_no_hooks(database: Database) -> None:
    told: list[str] = []

    async def fails(tx: Transaction) -> None:
        tx.after_commit(lambda: told.append("committed"))
        await tx.bump_epoch()
        raise ValueError("no")

    before = await read_epoch(database)
    with pytest.raises(ValueError, match="no"):
        await database.write(fails)
    assert await read_epoch(database) == before
    assert told == []


async def test_a_write_inside_a_write_is_refused(database: Database) -> None:
    async def inner(tx: Transaction) -> None:
        await tx.bump_epoch()

    async def outer(tx: Transaction) -> None:
        del tx
        await database.write(inner)

    with pytest.raises(RuntimeError, match="open already"):
        await database.write(outer)
    await database.write(inner)


async def test_hooks_run_in_order_after_the_commit_and_one_that_fails_stops_no_other(database: Database) -> None:
    told: list[int] = []

    def fails() -> None:
        raise RuntimeError("a listener's own trouble")

    async def body(tx: Transaction) -> None:
        tx.after_commit(lambda: told.append(1))
        tx.after_commit(fails)
        tx.after_commit(lambda: told.append(2))

    await database.write(body)
    assert told == [1, 2]


async def test_while_a_stranger_holds_the_write_lock_reads_go_on_and_writes_say_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PRAGMAS", (*transaction.PRAGMAS, "PRAGMA busy_timeout=50"))
    impatient = Database(database.path)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        assert await read_epoch(impatient) >= 1

        async def body(tx: Transaction) -> None:
            await tx.bump_epoch()

        with pytest.raises(Unavailable) as caught:
            await impatient.write(body)
        assert caught.value.code == "database_busy"
        stranger.execute("ROLLBACK")
        await impatient.write(body)
    await impatient.close()


async def test_every_connection_has_the_pragmas(database: Database) -> None:
    async with database.read() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "query_only": 1}


async def test_the_epoch_watch_sees_commits_of_this_and_of_other_processes(database: Database) -> None:
    now = 100.0
    watch = EpochWatch(database.path, clock=lambda: now)
    database.on_epoch_bumped = watch.invalidate
    first = watch.current()

    async def body(tx: Transaction) -> None:
        await tx.bump_epoch()

    await database.write(body)
    assert watch.current() == first + 1
    with closing(sqlite3.connect(database.path)) as other:
        other.execute("UPDATE epoch SET value = value + 1")
        other.commit()
    now += 1
    assert watch.current() == first + 2
    watch.close()
