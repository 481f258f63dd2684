"""A full disk, and one that fails, stop writing and never playing; a sample, `make soak` has every kind of write."""

import errno

import pytest

from tests.faults.house import House
from tests.faults.refusals import EVERYWHERE, SYNCS, WRITES, Refusal, endure

SAMPLE = (
    Refusal(WRITES, EVERYWHERE, errno.ENOSPC),
    Refusal(SYNCS, "an uploaded file", errno.EIO),
    Refusal(SYNCS, "the log of the database", errno.EIO),
)


@pytest.mark.parametrize("refusal", SAMPLE, ids=str)
def test_a_disk_that_refuses_stops_writing_and_never_playing(house: House, film: bytes, refusal: Refusal) -> None:
    endured = endure(house, film, refusal)
    print(endured)
    assert endured.met
    assert set(endured.statuses) & {503, 507}
