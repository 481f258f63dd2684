"""The MFA challenge: a signed cookie between password and code, valid for five minutes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from streamtime.auth.audit import ClientInfo
from streamtime.auth.mfa import CHALLENGE_LIFETIME_S, MfaChallenges
from streamtime.auth.sign_in import VerifiedPassword
from streamtime.auth.signing_keys import Purpose, SigningKeys
from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import users
from streamtime.database.transaction import Database, EpochWatch
from streamtime.errors import Unauthenticated
from tests.fake_clock import FakeClock

VISIT = ClientInfo("10.0.0.1", "tests")
PROVED = VerifiedPassword(1, "ann", "the hash", {})
ROW = {"id": 1, "public_id": "ann1", "name": "ann", "name_folded": "ann", "role": "member", "created_at_ms": 1}


class Place:
    """A database with one account, and a clock."""

    def __init__(self, path: Path) -> None:
        migrate(path, now_ms=EpochMs(FakeClock.now))
        self.hands = FakeClock()
        self.database = Database(path)
        self.epoch = EpochWatch(path)
        self.database.on_epoch_bumped = self.epoch.invalidate
        self.half_way = MfaChallenges(
            self.database, SigningKeys(self.database, self.epoch, self.hands, Purpose.TICKET), self.hands
        )

    async def read(self, note: str) -> VerifiedPassword | None:
        return await self.half_way.verify(note, VISIT)

    async def change(self, **values: object) -> None:
        await self.database.write(lambda tx: tx.execute(update(users).values(**values)))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "streamtime.db")
    row = {**ROW, "password_hash": PROVED.password_hash, "totp_secret": "KEY", "totp_since_ms": 5}
    await made.database.write(lambda tx: tx.execute(insert(users).values(**row)))
    yield made
    await made.database.close()
    made.epoch.close()


async def test_it_lasts_five_minutes_and_shows_no_code(place: Place) -> None:
    note = await place.half_way.issue(PROVED)
    place.hands.now += CHALLENGE_LIFETIME_S * 1000 - 1000
    read = await place.read(note)
    assert read
    assert (read.user_id, read.name, read.password_hash, read.factor_since_ms) == (1, "ann", "the hash", None)
    place.hands.now += 1000
    assert await place.read(note) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"password_hash": "another"},
        {"totp_since_ms": 6},
        {"totp_since_ms": None, "totp_secret": None},
        {"deleted_at_ms": 1},
        {"disabled_at_ms": 1},
        {"public_id": "ann2"},
    ],
)
async def test_it_ends_with_password_factor_and_account(place: Place, changes: dict[str, object]) -> None:
    note = await place.half_way.issue(PROVED)
    await place.change(**changes)
    assert await place.read(note) is None


async def test_none_is_given_for_a_password_that_was_changed_meanwhile(place: Place) -> None:
    await place.change(password_hash="another")
    with pytest.raises(Unauthenticated):
        await place.half_way.issue(PROVED)


@pytest.mark.parametrize(
    "forge",
    [
        lambda note: note[:-1],
        lambda note: note + "A",
        lambda note: "f" + note,
        lambda note: note.replace(".", ".A", 1),
        lambda note: note.upper(),
        lambda note: note[:-1] + ("A" if note[-1] != "A" else "E"),
        lambda _: "",
        lambda _: "f" * 100_000,
        lambda note: note + "!",
        lambda note: ".".join(["e30", *note.split(".")[1:]]),
    ],
)
async def test_nothing_but_the_very_note_is_believed(place: Place, forge: Callable[[str], str]) -> None:
    read: Awaitable[VerifiedPassword | None] = place.read(forge(await place.half_way.issue(PROVED)))
    assert await read is None
