"""The fixture that every test here begins with."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamtime.database.migrate import migrate
from streamtime.database.transaction import Database
from streamtime.storage.spool import Spool
from tests.unit.maintenance.setup import FakeClock, ObjectsSetup, WatchedStore


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "streamtime.db"
    migrate(path, now_ms=FakeClock().now_ms())
    return path


@pytest.fixture
async def setup(tmp_path: Path, empty_database: Path) -> AsyncIterator[ObjectsSetup]:
    path = tmp_path / "streamtime.db"
    shutil.copy(empty_database, path)
    database = Database(path)
    spool = await Spool.open_at(tmp_path / "spool")
    made = ObjectsSetup(FakeClock(), database, spool, WatchedStore(), WatchedStore())
    await made.begin()
    yield made
    await spool.close()
    await database.close()
