"""Keys: made when needed, changed after a month, believed for a day longer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamtime.auth.signing_keys import ROTATE_AFTER_MS, VERIFY_OVERLAP_MS, Purpose, SigningKeys
from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate
from streamtime.database.transaction import Database, EpochWatch
from tests.fake_clock import FakeClock


class Place:
    """A database, a clock, and keys on it."""

    def __init__(self, path: Path) -> None:
        migrate(path, now_ms=EpochMs(FakeClock.now))
        self.hands = FakeClock()
        self.database = Database(path)
        self.epoch = EpochWatch(path)
        self.database.on_epoch_bumped = self.epoch.invalidate

    def keys(self, purpose: Purpose = Purpose.TICKET) -> SigningKeys:
        return SigningKeys(self.database, self.epoch, self.hands, purpose)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "streamtime.db")
    yield made
    await made.database.close()
    made.epoch.close()


async def test_one_key_signs_for_a_month_over_restarts_and_each_purpose_has_its_own(place: Place) -> None:
    first = await place.keys().current()
    place.hands.now += ROTATE_AFTER_MS - 1
    assert await place.keys().current() == first
    assert (await place.keys(Purpose.ACCESS).current()).secret != first.secret
    assert await place.keys(Purpose.ACCESS).find(first.public_id) is None


async def test_then_another_does_and_the_first_is_believed_for_a_day_more(place: Place) -> None:
    keys = place.keys()
    first = await keys.current()
    place.hands.now += ROTATE_AFTER_MS
    second = await keys.current()
    assert second != first
    assert await keys.find(first.public_id) == first
    place.hands.now += VERIFY_OVERLAP_MS
    assert await keys.find(first.public_id) is None
    assert await keys.find(second.public_id) == second
