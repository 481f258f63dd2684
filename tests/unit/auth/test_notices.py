"""Notices in the database: one for a fact, the newest about a preparation, a bounded number, kinds turned off."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from streamtime.auth.access import Caller, Role
from streamtime.auth.notices import KEPT_DAYS, MAX_NOTICES, NewNotice, NoticeKind, NoticeRetention, Notices
from streamtime.clock import SystemClock
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import notices, users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.videos.notice_list import NoticeList
from tests.fake_clock import FakeClock

DAY_MS = 86_400_000
ANN, BEN, BOSS = 1, 2, 3


@dataclass
class NoticeSetup:
    database: Database
    clock: FakeClock
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notices = Notices(self.database, self.clock, self.told.append)
        self.listing = NoticeList(self.database)

    async def add(self, new: NewNotice, *user_ids: int) -> None:
        await self.database.write(lambda tx: self.notices.add(tx, user_ids or [ANN], new))

    async def facts(self, user_id: int = ANN, role: Role = Role.MEMBER) -> list[str]:
        page = await self.listing.page(Caller(user_id=user_id, role=role), limit=100)
        return [f"{each.kind} {each.video.title if each.video else ''}".strip() for each in page.items]

    async def change(self, statement: str) -> None:
        await self.database.write(lambda tx: tx.execute(text(statement)))


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[NoticeSetup]:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=SystemClock().now_ms())
    database = Database(path)
    made = NoticeSetup(database, FakeClock())
    people = [(ANN, "ann", "member"), (BEN, "ben", "member"), (BOSS, "boss", "admin")]
    rows = [
        {"id": id_, "public_id": name, "name": name, "name_folded": name, "role": role, "password_hash": ""}
        for id_, name, role in people
    ]
    film = {"public_id": "v", "title": "Sea", "title_folded": "sea", "state": "ready", "visibility": "members"}

    async def body(tx: Transaction) -> None:
        await tx.execute_many(insert(users), [{**row, "created_at_ms": 0} for row in rows])
        await tx.execute(
            insert(videos).values(
                **film, owner_id=ANN, storage_prefix="videos/x/", source_name="x.mp4", created_at_ms=0
            )
        )

    await database.write(body)
    yield made
    await database.close()


async def test_a_fact_is_told_once_and_the_newest_state_of_a_video_replaces_the_one_before(setup: NoticeSetup) -> None:
    failed = NewNotice(NoticeKind.VIDEO_FAILED, "1", video_id=1)
    await setup.add(failed)
    await setup.add(failed)
    assert await setup.facts() == ["video_failed Sea"]
    assert setup.told == [ANN]
    await setup.add(NewNotice(NoticeKind.VIDEO_READY, "2", video_id=1))
    await setup.add(NewNotice(NoticeKind.NEW_VIDEO, "3", video_id=1), ANN, BEN)
    assert await setup.facts() == ["new_video Sea", "video_ready Sea"]
    assert await setup.facts(BEN) == ["new_video Sea"]


async def test_a_person_sees_notices_only_of_what_they_may_see(setup: NoticeSetup) -> None:
    await setup.add(NewNotice(NoticeKind.SHARED, "1", video_id=1, person_id=ANN), BEN)
    await setup.database.write(
        lambda tx: setup.notices.add_for_admins(tx, NewNotice(NoticeKind.DISK_LOW, "today", detail={"free_bytes": "5"}))
    )
    assert await setup.facts(BEN) == ["shared Sea"]
    assert await setup.listing.unread(Caller(user_id=BEN)) == 1
    assert await setup.facts(BOSS, Role.ADMIN) == ["disk_low"]
    assert await setup.facts(BOSS, Role.MEMBER) == [], "an administrator no more"
    await setup.change("UPDATE videos SET title = 'Ocean'")
    assert await setup.facts(BEN) == ["shared Ocean"]
    await setup.change("UPDATE videos SET visibility = 'private'")
    assert await setup.facts(BEN) == []
    assert await setup.listing.unread(Caller(user_id=BEN)) == 0
    await setup.change("UPDATE videos SET visibility = 'members', deleted_at_ms = 1")
    assert await setup.facts(BEN) == []
    await setup.change("DELETE FROM videos")
    async with setup.database.read() as connection:
        assert len((await connection.execute(select(notices.c.id))).all()) == 1, "the notice went with its video"


async def test_kinds_that_are_turned_off_are_not_told(setup: NoticeSetup) -> None:
    await setup.notices.set_muted(ANN, [NoticeKind.NEW_VIDEO])
    await setup.add(NewNotice(NoticeKind.NEW_VIDEO, "3", video_id=1), ANN, BEN)
    assert await setup.facts() == []
    assert await setup.facts(BEN) == ["new_video Sea"]
    await setup.notices.set_muted(ANN, [])
    await setup.add(NewNotice(NoticeKind.NEW_VIDEO, "4", video_id=1), ANN)
    assert await setup.facts() == ["new_video Sea"]


async def test_an_account_has_a_bounded_number_of_them_and_old_ones_go(setup: NoticeSetup) -> None:
    async def many(tx: Transaction) -> None:
        for number in range(MAX_NOTICES + 5):
            await setup.notices.add(tx, [ANN], NewNotice(NoticeKind.NEW_VIDEO, str(number), video_id=1))

    await setup.database.write(many)
    ann = Caller(user_id=ANN)
    assert await setup.listing.unread(ann) == MAX_NOTICES == setup.notices.unread_count(ANN)
    first = await setup.listing.page(ann, limit=100)
    second = await setup.listing.page(ann, limit=100, cursor=first.next or "")
    assert second.next is None
    ids = [each.public_id for each in (*first.items, *second.items)]
    assert len(set(ids)) == MAX_NOTICES
    await setup.notices.mark_read(ANN, ids[0])
    assert setup.notices.unread_count(ANN) == MAX_NOTICES - 1
    retention = NoticeRetention(setup.database, setup.clock)
    setup.clock.now += (KEPT_DAYS - 1) * DAY_MS
    assert not await retention.has_expired()
    setup.clock.now += 2 * DAY_MS
    assert await retention.has_expired()
    assert await retention.delete_expired() == MAX_NOTICES
    assert await setup.facts() == []
