"""The database that every test here begins with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.transaction import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=SystemClock().now_ms())
    opened = Database(path)
    yield opened
    await opened.close()
