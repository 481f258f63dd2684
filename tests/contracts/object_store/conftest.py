"""The adapters that the contract holds for. A new one is added here, and nowhere else in the suite."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from streamtime.storage.local_disk import LocalDisk
from streamtime.storage.memory import MemoryStore
from streamtime.storage.object_store import ObjectStore


async def _memory(folder: Path) -> ObjectStore:
    del folder
    return MemoryStore()


async def _local_disk(folder: Path) -> ObjectStore:
    return await LocalDisk.open_at(folder / "store")


ADAPTERS = {"memory": _memory, "local_disk": _local_disk}


@pytest.fixture(params=[*ADAPTERS.values()], ids=[*ADAPTERS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    opened: ObjectStore = await request.param(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[bytes], Path]:
    def made(data: bytes) -> Path:
        path = tmp_path / f"source-{len([*tmp_path.iterdir()])}"
        path.write_bytes(data)
        return path

    return made
