"""What a crash, a full disk and a failing one leave behind. What every store does is in the contract suite."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from streamtime.errors import NotFound, Unavailable
from streamtime.storage.local.store import LocalStore

KEY = "videos/a/720p.mp4"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    opened = await LocalStore.open_at(tmp_path / "store")
    yield opened
    await opened.close()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_bytes_that_a_crash_left_on_their_way_are_swept_but_objects_and_uploads_stay(tmp_path: Path) -> None:
    first = await LocalStore.open_at(tmp_path)
    await first.put(KEY, b"whole")
    upload = await first.create_multipart("videos/b/original")
    part = await first.upload_part("videos/b/original", upload, 1, b"part")
    (tmp_path / ".incoming" / "half").write_bytes(b"ha")
    await first.close()

    looking_on = await LocalStore.open_at(tmp_path, sweep=False)
    assert ".incoming/half" in files(tmp_path)
    await looking_on.close()

    second = await LocalStore.open_at(tmp_path)
    assert ".incoming/half" not in files(tmp_path)
    assert await second.get_range(KEY, 0, 5) == b"whole"
    await second.complete_multipart("videos/b/original", upload, [part])
    assert files(tmp_path) == [KEY, "videos/b/original"]
    await second.close()


@pytest.mark.parametrize("end", ["error", "cancel"])
async def test_a_put_that_ends_early_leaves_no_file_and_no_descriptor(
    store: LocalStore, tmp_path: Path, all_closed: Callable[[], Awaitable[bool]], end: str
) -> None:
    half = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        half.set()
        if end == "error":
            raise ConnectionResetError
        await asyncio.Event().wait()

    put = asyncio.create_task(store.put(KEY, body()))
    await half.wait()
    if end == "cancel":
        put.cancel()
    with pytest.raises((ConnectionResetError, asyncio.CancelledError)):
        await put
    assert files(tmp_path) == []
    assert await all_closed()


async def test_cancelled_at_any_moment_a_put_is_whole_or_nothing(
    store: LocalStore, tmp_path: Path, all_closed: Callable[[], Awaitable[bool]]
) -> None:
    for patience in range(0, 40, 2):
        put = asyncio.create_task(store.put(KEY, b"y" * 100_000))
        for _ in range(patience):
            await asyncio.sleep(0)
        put.cancel()
        put.cancel()
        await asyncio.wait([put])
        found = await store.head(KEY)
        assert found is None or found.length_bytes == 100_000
        assert [name for name in files(tmp_path) if "incoming" in name] == []
        await store.delete(KEY)
    assert await all_closed()


async def test_bytes_and_every_new_name_are_synced_before_a_put_returns(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, os.rename

    def noted_sync(descriptor: int) -> None:
        target = str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(f"{tmp_path}/")
        steps.append(f"sync {'bytes' if 'incoming' in target else target}")
        sync(descriptor)

    def noted_rename(source: Path, target: Path) -> None:
        steps.append(f"rename to {target.relative_to(tmp_path)}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    await store.put(KEY, b"data")
    rename_at = steps.index(f"rename to store/{KEY}")
    assert steps.index("sync bytes") < rename_at
    assert {"sync store", "sync store/videos"} <= set(steps[:rename_at])
    assert steps[rename_at + 1 :] == ["sync store/videos/a"]


async def test_a_sync_that_fails_is_never_acknowledged(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing)
        with pytest.raises(Unavailable, match="Input/output error") as refused:
            await store.put(KEY, b"data")
    assert refused.value.code == "storage"
    assert files(tmp_path) == []
    await store.put(KEY, b"data")
    assert await store.get_range(KEY, 0, 4) == b"data"


_PUTS_TOO_MUCH = """
import asyncio, pathlib, resource, sys
from streamtime.errors import NoSpace
from streamtime.storage.local.store import LocalStore

async def main():
    store = await LocalStore.open_at(pathlib.Path(sys.argv[1]))
    await store.put("older", b"o" * 1000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
    try:
        await store.put("newer", b"n" * 1_000_000)
    except NoSpace as full:
        print(full.code, await store.head("newer"), (await store.get_range("older", 0, 3)).decode())
    await store.close()

asyncio.run(main())
"""


def test_where_no_more_can_be_written_nothing_is_left_and_reading_goes_on(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _PUTS_TOO_MUCH, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.split() == ["no_space", "None", "ooo"]
    assert files(tmp_path) == ["older"]


async def test_adopting_moves_no_byte_on_the_same_file_system(store: LocalStore, tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"z" * 1000)
    await store.adopt(KEY, source)
    assert (tmp_path / "store" / KEY).samefile(source)


async def test_adopting_across_file_systems_copies(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    source = tmp_path / "upload"
    source.write_bytes(b"z" * 3_000_000)
    monkeypatch.setattr(os, "link", refused)
    first = await store.adopt(KEY, source)
    assert not (tmp_path / "store" / KEY).samefile(source)
    assert await store.adopt(KEY, source) == first
    source.unlink()
    assert await store.get_range(KEY, 2_999_999, 1) == b"z"
    assert files(tmp_path / "store") == [KEY]


async def test_directories_that_a_delete_empties_go_with_it(store: LocalStore, tmp_path: Path) -> None:
    await store.put("videos/a/1", b"1")
    await store.put("videos/b/2", b"2")
    await store.delete("videos/a/1")
    assert not (tmp_path / "store/videos/a").exists()
    await store.delete("videos/b/2")
    assert not (tmp_path / "store/videos").exists()
    await store.check()


async def test_a_link_in_the_store_leads_nowhere(store: LocalStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "store" / "innocent").symlink_to(secret)
    assert await store.head("innocent") is None
    with pytest.raises((NotFound, Unavailable)):
        await store.get_range("innocent", 0, 6)
    assert [found async for found in store.list("")] == []


async def test_descriptors_are_few_and_all_closed_at_the_end(
    tmp_path: Path, open_files: Callable[[], list[str]], all_closed: Callable[[], Awaitable[bool]]
) -> None:
    store = await LocalStore.open_at(tmp_path / "store")
    for number in range(300):
        await store.put(f"videos/{number}", bytes([number % 256]))
        await store.get_range(f"videos/{number}", 0, 1)
    assert len(open_files()) <= 128
    assert await store.get_range("videos/0", 0, 1) == b"\0"
    await store.close()
    assert await all_closed()


async def test_an_object_that_is_gone_is_let_go_even_by_readers_that_came_in_between(
    store: LocalStore, all_closed: Callable[[], Awaitable[bool]]
) -> None:
    for _ in range(30):
        await store.put(KEY, b"old")
        reads = [asyncio.create_task(store.get_range(KEY, 0, 3)) for _ in range(4)]
        await asyncio.sleep(0)
        await store.delete(KEY)
        await asyncio.wait(reads)
        assert {type(read.exception()) for read in reads} <= {type(None), NotFound}
        with pytest.raises(NotFound):
            await store.get_range(KEY, 0, 3)
        del reads
        assert await all_closed()


async def test_a_store_whose_disk_went_away_says_so(tmp_path: Path) -> None:
    store = await LocalStore.open_at(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        await store.check()
    (tmp_path / "store").mkdir()
    await store.check()
    assert (tmp_path / "store" / ".incoming").is_dir()
    await store.close()


async def test_a_stream_that_is_left_open_ends_with_its_reader(
    store: LocalStore, open_files: Callable[[], list[str]], all_closed: Callable[[], Awaitable[bool]]
) -> None:
    await store.put(KEY, b"x" * 2_000_000)
    async with aclosing(store.stream(KEY)) as pieces:
        await anext(pieces)
        await store.delete(KEY)
        assert len(open_files()) == 1
    del pieces
    assert await all_closed()
