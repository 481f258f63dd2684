"""Progress: told at once, written later, several videos in one transaction."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.videos.events import EventBus, VideoChanged, VideoEventPublisher
from streamtime.videos.progress import ProgressTracker, VideoProgress
from streamtime.videos.video import Videos

CLOCK = SystemClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=CLOCK.now_ms())
    opened = Database(path)
    await opened.write(_three_videos)
    yield opened
    await opened.close()


async def _three_videos(tx: Transaction) -> None:
    user = {"id": 1, "public_id": "u", "name": "ada", "name_folded": "ada", "role": "member", "password_hash": "-"}
    await tx.execute(insert(users).values(**user, created_at_ms=0))
    for number, state in enumerate(("uploading", "processing", "ready"), start=1):
        values = {"public_id": f"v{number}", "owner_id": 1, "title": "t", "title_folded": "t", "visibility": "private"}
        await tx.execute(
            insert(videos).values(
                **values, id=number, state=state, storage_prefix=f"videos/{number}/", source_name="t", created_at_ms=0
            )
        )


async def test_progress_is_told_at_once_and_written_for_all_that_are_under_way(database: Database) -> None:
    bus = EventBus()
    board = ProgressTracker(database, VideoEventPublisher(bus), CLOCK)
    found = [await Videos(database).by_id(number) for number in (1, 2, 3)]
    with bus.subscribe(lambda _: True) as listener:
        for video in found:
            board.report(video, 0.5, "Preparing")
        news = await listener.next(timeout_s=1)
    assert isinstance(news, VideoChanged)
    assert news.public_id == "v1"
    assert board.get(found[0]) == VideoProgress(0.5, "Preparing")
    await board.flush()
    async with database.read() as connection:
        rows = await connection.execute(select(videos.c.state, videos.c.progress).order_by(videos.c.id))
        assert [tuple(row) for row in rows] == [("uploading", 0.5), ("processing", 0.5), ("ready", 0.0)]
    board.clear(1)
    assert board.get(found[0]) == VideoProgress(0.0, "")
