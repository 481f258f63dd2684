"""A traced server with one person in it, used by one test after another; a film of one second."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.faults.house import BucketPlace, House, bucket_place, traced
from tests.faults.operations import clear


class _Street:
    """Has a house where one is wanted. One that a test has left in disorder is not handed on."""

    def __init__(self, stack: ExitStack, place: BucketPlace | None = None) -> None:
        self._stack = stack
        self._place = place
        self._house: House | None = None

    def take(self) -> House:
        house = self._house or self._stack.enter_context(traced(self._place))
        self._house = None
        house.forget()
        return house

    def give_back(self, house: House) -> None:
        house.aim()
        clear(house)
        house.rest()
        self._house = house


@pytest.fixture(scope="session")
def film(clips: Path) -> bytes:
    """One second that is copied, so small that it is ready in a moment."""
    return make_clip(clips / "tiny.mp4", duration_s=1, width=160, height=90).read_bytes()


@pytest.fixture(scope="session")
def street() -> Iterator[_Street]:
    with ExitStack() as stack:
        yield _Street(stack)


@pytest.fixture(scope="session")
def bucket_street(s3_endpoint: str) -> Iterator[_Street]:
    with ExitStack() as stack:
        yield _Street(stack, stack.enter_context(bucket_place(s3_endpoint)))


@pytest.fixture
def bucket_house(bucket_street: _Street) -> Iterator[House]:
    """The same, with its videos in a bucket."""
    house = bucket_street.take()
    yield house
    if not house.died:
        bucket_street.give_back(house)


@pytest.fixture
def house(street: _Street) -> Iterator[House]:
    """A server to be broken at will; what a test leaves running and whole is cleared for the next."""
    house = street.take()
    yield house
    if not house.died:
        street.give_back(house)
