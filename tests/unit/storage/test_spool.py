"""Files that grow while they are read."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from streamtime.errors import Conflict, Invalid, NotFound, Unavailable
from streamtime.storage.spool import Spool

KEY = "uploads/abc"


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = await Spool.open_at(tmp_path / "spool")
    yield opened
    await opened.close()


async def test_what_is_written_can_be_read_while_more_comes(spool: Spool) -> None:
    async with await spool.create(KEY) as file:
        await file.write_at(0, b"hello ")
        assert await spool.get_range(KEY, 0, 6) == b"hello "
        with pytest.raises(Unavailable):
            await spool.get_range(KEY, 0, 11)
        assert spool.read_nowait(KEY, 0, 11) is None
        await file.write_at(6, b"world")
        await file.sync()
        assert await spool.get_range(KEY, 0, 11) == b"hello world"
        assert spool.read_nowait(KEY, 6, 5) == b"world"
        assert await file.length() == 11
    found = await spool.head(KEY)
    assert found is not None
    assert found.length_bytes == 11


async def test_another_process_writes_through_the_descriptor(spool: Spool) -> None:
    async with await spool.create(KEY) as file:
        script = f"import os; os.write({file.fd}, b'from a worker')"
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", script, pass_fds=[file.fd])
        assert await worker.wait() == 0
        await spool.sync(KEY)
        assert await spool.get_range(KEY, 0, 13) == b"from a worker"


async def test_a_file_is_gone_on_with_after_it_was_cut_back(spool: Spool) -> None:
    async with await spool.create(KEY) as file:
        await file.write_at(0, b"acknowledged, and what was not")
    await spool.truncate(KEY, 12)
    async with await spool.open(KEY) as file:
        assert await file.length() == 12
        await file.write_at(12, b"!")
    async with aclosing(spool.stream(KEY)) as pieces:
        assert b"".join([piece async for piece in pieces]) == b"acknowledged!"


async def test_a_name_is_taken_once(spool: Spool) -> None:
    (await spool.create(KEY)).close()
    with pytest.raises(Conflict):
        await spool.create(KEY)


async def test_what_is_not_there_is_not_found(spool: Spool) -> None:
    for operation in (spool.open(KEY), spool.sync(KEY), spool.truncate(KEY, 0), spool.get_range(KEY, 0, 1)):
        with pytest.raises(NotFound):
            await operation
    assert await spool.head(KEY) is None
    await spool.delete(KEY)


async def test_bad_keys_are_refused(spool: Spool) -> None:
    with pytest.raises(Invalid):
        await spool.create("../outside")
    with pytest.raises(Invalid):
        spool.path("/etc/passwd")


async def test_deleted_is_gone_though_somebody_still_writes(
    spool: Spool, all_closed: Callable[[], Awaitable[bool]]
) -> None:
    async with await spool.create(KEY) as file:
        await file.write_at(0, b"data")
        await spool.get_range(KEY, 0, 4)
        await spool.delete(KEY)
        with pytest.raises(NotFound):
            await spool.get_range(KEY, 0, 4)
        await file.write_at(4, b"more")
    assert await all_closed()


async def test_lists_files_with_their_lengths(spool: Spool) -> None:
    for key in ("uploads/a", "uploads/b", "renditions/c/d"):
        async with await spool.create(key) as file:
            await file.write_at(0, key.encode())
    assert {found.key: found.length_bytes async for found in spool.list("uploads/")} == {"uploads/a": 9, "uploads/b": 9}
    assert len([found async for found in spool.list()]) == 3


async def test_free_space_is_what_the_disk_says(spool: Spool, tmp_path: Path) -> None:
    facts = os.statvfs(tmp_path)
    total_bytes = facts.f_blocks * facts.f_frsize
    assert 0 < await spool.free_bytes() <= total_bytes


async def test_a_cancelled_creation_keeps_no_descriptor(
    spool: Spool, all_closed: Callable[[], Awaitable[bool]]
) -> None:
    for number in range(20):
        creating = asyncio.create_task(spool.create(f"uploads/{number}"))
        await asyncio.sleep(0)
        creating.cancel()
        await asyncio.wait([creating])
        if not creating.cancelled():
            creating.result().close()
    assert await all_closed()


async def test_closing_twice_is_harmless(spool: Spool) -> None:
    file = await spool.create(KEY)
    file.close()
    file.close()
