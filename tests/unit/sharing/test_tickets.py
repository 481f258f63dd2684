"""Tickets and openings by the clock, and what they cost once they are known."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Table, event, insert, update
from sqlalchemy.engine import Engine

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor, AuditLog
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.signing_keys import Purpose, SigningKeys
from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import sessions, users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, EpochWatch, Transaction
from streamtime.errors import NotFound, Unauthenticated
from streamtime.sharing.links import Links, LinkState, NewLink
from streamtime.sharing.tickets import TICKET_LIFETIME_MS, Tickets, ViewSessions
from streamtime.sharing.upload_requests import NewUploadRequest, UploadRequests
from streamtime.videos.video import Videos
from tests.fake_clock import FakeClock

HOUR_MS = 3_600_000
OWNER = Caller(user_id=1, name="olga", auth_method=AuthMethod.COOKIE, credential_id=1)
ADMIN = Caller(user_id=2, name="admin", auth_method=AuthMethod.COOKIE, credential_id=2)
ACTOR = Actor(1, "olga")


class Place:
    """A video of olga's, her session, an admin's session, and all that hands the video to others."""

    def __init__(self, path: Path) -> None:
        migrate(path, now_ms=EpochMs(FakeClock.now))
        self.hands = FakeClock()
        self.database = Database(path)
        self.epoch = EpochWatch(path)
        self.database.on_epoch_bumped = self.epoch.invalidate
        self.passwords = PasswordHashing()
        keys = SigningKeys(self.database, self.epoch, self.hands, Purpose.TICKET)
        audit = AuditLog(self.database, self.hands)
        self.tickets = Tickets(self.database, self.epoch, keys, self.hands)
        self.openings = ViewSessions(keys, self.hands)
        self.links = Links(self.database, self.passwords, RateLimiter(self.hands), audit, self.hands)
        self.drops = UploadRequests(self.database, audit, self.hands)

    async def furnish(self) -> None:
        for row_id, name, role in ((1, "olga", "member"), (2, "admin", "admin")):
            facts = {"public_id": name, "name": name, "name_folded": name, "role": role, "password_hash": ""}
            await self.add(users, id=row_id, created_at_ms=0, **facts)
            times = {"created_at_ms": 0, "last_used_at_ms": 0, "expires_at_ms": FakeClock.now + 24 * HOUR_MS}
            facts = {"public_id": f"session{name}", "user_agent": ""}
            await self.add(sessions, id=row_id, user_id=row_id, token_sha256=name.encode(), **facts, **times)
        facts = {"public_id": "v", "title": "", "title_folded": "", "state": "ready", "visibility": "private"}
        await self.add(videos, owner_id=1, storage_prefix="", source_name="", created_at_ms=0, **facts)

    async def add(self, table: Table, **values: object) -> None:
        async def body(tx: Transaction) -> None:
            await tx.execute(insert(table).values(**values))

        await self.database.write(body)

    async def change_user(self, user_id: int, **values: object) -> None:
        async def body(tx: Transaction) -> None:
            await tx.execute(update(users).where(users.c.id == user_id).values(**values))
            await tx.bump_epoch()

        await self.database.write(body)

    async def linked(self, who: Caller, **limits: int) -> str:
        video = await Videos(self.database).by_public_id("v")
        new = NewLink([video], **limits)  # type: ignore[arg-type]  # the limits of a test are numbers
        return (await self.links.create(who, new, ACTOR)).public_id

    async def over(self, ticket: str) -> bool:
        try:
            await self.tickets.authenticate(ticket)
        except NotFound:
            return True
        return False


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "streamtime.db")
    await made.furnish()
    yield made
    await made.database.close()
    made.epoch.close()
    made.passwords.close()


@contextmanager
def statements() -> Iterator[list[str]]:
    """All that any database is asked meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def test_a_ticket_lasts_four_hours_and_no_longer_than_the_session(place: Place) -> None:
    first = await place.tickets.issue_for_caller(OWNER, "v")
    assert first.expires_at_ms == FakeClock.now + TICKET_LIFETIME_MS
    place.hands.now += TICKET_LIFETIME_MS - 1
    assert not await place.over(first.text)
    place.hands.now += 1
    assert await place.over(first.text)
    place.hands.now = FakeClock.now + 23 * HOUR_MS
    last = await place.tickets.issue_for_caller(OWNER, "v")
    assert last.expires_at_ms == FakeClock.now + 24 * HOUR_MS


async def test_a_ticket_that_is_known_asks_no_database(place: Place) -> None:
    ticket = (await place.tickets.issue_for_caller(OWNER, "v")).text
    assert (await place.tickets.authenticate(ticket)).only_video == "v"
    with statements() as seen:
        for _ in range(100):
            await place.tickets.authenticate(ticket)
    assert seen == []


async def test_a_forged_ticket_asks_no_database(place: Place) -> None:
    header, body, signature = (await place.tickets.issue_for_caller(OWNER, "v")).text.split(".")
    await place.over(f"{header}.{body}.{signature}")
    with statements() as seen:
        assert await place.over(f"{header}.{body}.{'A' * 43}")
    assert seen == []


async def test_who_has_nothing_to_stand_on_gets_no_ticket(place: Place) -> None:
    with pytest.raises(Unauthenticated):
        await place.tickets.issue_for_caller(Caller(), "v")
    with pytest.raises(NotFound):
        await place.tickets.issue_for_caller(Caller(user_id=1, auth_method=AuthMethod.COOKIE, credential_id=9), "v")


async def test_a_link_ends_by_itself_and_its_tickets_with_it(place: Place) -> None:
    link = await place.linked(OWNER, expires_at_ms=FakeClock.now + HOUR_MS)
    found = await place.links.find(link)
    opening = await place.openings.issue(found)
    ticket = await place.tickets.issue_for_link(found.id, "v", expires_at_ms=opening.expires_at_ms)
    assert ticket.expires_at_ms == FakeClock.now + HOUR_MS
    place.hands.now += HOUR_MS
    assert await place.over(ticket.text)
    with pytest.raises(NotFound):
        await place.links.find(link)
    assert (await place.links.get(OWNER, link)).state(place.hands.now) is LinkState.EXPIRED


async def test_an_opening_is_of_one_link_and_of_four_hours(place: Place) -> None:
    one, other = [await place.links.find(await place.linked(OWNER)) for _ in range(2)]
    opening = await place.openings.issue(one)
    assert await place.openings.verify(one, opening.text) == opening
    assert await place.openings.verify(other, opening.text) is None
    later = await place.openings.issue(other)
    header, _, signature = opening.text.split(".")
    assert await place.openings.verify(other, f"{header}.{later.text.split('.')[1]}.{signature}") is None
    place.hands.now += TICKET_LIFETIME_MS
    assert await place.openings.verify(one, opening.text) is None


async def test_what_a_shut_account_gave_rests(place: Place) -> None:
    link, drop = await place.linked(OWNER), (await place.drops.create(OWNER, NewUploadRequest(), ACTOR)).public_id
    found = await place.links.find(link)
    tickets = [
        await place.tickets.issue_for_caller(OWNER, "v"),
        await place.tickets.issue_for_link(found.id, "v", expires_at_ms=FakeClock.now + HOUR_MS),
    ]
    assert [await place.over(ticket.text) for ticket in tickets] == [False, False]
    await place.change_user(1, disabled_at_ms=FakeClock.now)
    assert [await place.over(ticket.text) for ticket in tickets] == [True, True]
    with pytest.raises(NotFound):
        await place.links.find(link)
    with pytest.raises(NotFound):
        await place.drops.find(drop)
    await place.change_user(1, disabled_at_ms=None)
    assert [await place.over(ticket.text) for ticket in tickets] == [False, False]
    assert (await place.drops.find(drop)).owner_name == "olga"


async def test_an_admins_links_to_videos_of_others_end_with_the_role(place: Place) -> None:
    found = await place.links.find(await place.linked(ADMIN))
    ticket = await place.tickets.issue_for_link(found.id, "v", expires_at_ms=FakeClock.now + HOUR_MS)
    assert not await place.over(ticket.text)
    await place.change_user(2, role="member")
    assert await place.over(ticket.text)
    with pytest.raises(NotFound):
        await place.links.find(found.public_id)


async def test_a_link_for_sending_ends_by_itself(place: Place) -> None:
    made = await place.drops.create(OWNER, NewUploadRequest(expires_at_ms=FakeClock.now + HOUR_MS), ACTOR)
    assert (await place.drops.find(made.public_id)).state(place.hands.now) is LinkState.LIVE
    place.hands.now += HOUR_MS
    with pytest.raises(NotFound):
        await place.drops.find(made.public_id)
