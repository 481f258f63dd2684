"""The adapters that the contract holds for. A new one is added here, and nowhere else in the suite."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from streamtime.storage.local.store import LocalStore
from streamtime.storage.memory import MemoryStore
from streamtime.storage.object_store import ObjectStore
from streamtime.storage.s3.store import S3Store
from streamtime.storage.wrappers import MeteredStore, RetryingStore, StoreMetrics
from tests.s3 import Bucket


async def _memory(request: pytest.FixtureRequest) -> ObjectStore:
    del request
    return MemoryStore()


async def _local_disk(request: pytest.FixtureRequest) -> ObjectStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return await LocalStore.open_at(folder / "store")


async def _s3(request: pytest.FixtureRequest) -> ObjectStore:
    bucket: Bucket = request.getfixturevalue("bucket")
    return S3Store(bucket.address)


async def _wrapped(request: pytest.FixtureRequest) -> ObjectStore:
    """As the server has them, one wrapper in another."""
    return MeteredStore(RetryingStore(await _local_disk(request), (0.001,)), "local", StoreMetrics())


ADAPTERS = {"memory": _memory, "local_disk": _local_disk, "s3": _s3, "wrapped": _wrapped}

OF_ONE_MACHINE = ("memory", "local_disk", "wrapped")
"""Those that can take files as they lie, and read without waiting."""


@pytest.fixture(params=[*ADAPTERS.values()], ids=[*ADAPTERS])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    opened: ObjectStore = await request.param(request)
    yield opened
    await opened.close()


@pytest.fixture(params=[ADAPTERS[name] for name in OF_ONE_MACHINE], ids=OF_ONE_MACHINE)
async def near_store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    opened: ObjectStore = await request.param(request)
    yield opened
    await opened.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[bytes], Path]:
    def made(data: bytes) -> Path:
        path = tmp_path / f"source-{len([*tmp_path.iterdir()])}"
        path.write_bytes(data)
        return path

    return made
