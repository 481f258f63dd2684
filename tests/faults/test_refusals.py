"""A full or failing disk stops writes but never playback; a sample, `make soak` has every kind of write."""

import errno

import pytest

from tests.faults.disk_faults import EVERYWHERE, SYNCS, WRITES, DiskFault, run_with_fault
from tests.faults.traced_server import TracedServer

SAMPLE = (
    DiskFault(WRITES, EVERYWHERE, errno.ENOSPC),
    DiskFault(SYNCS, "an uploaded file", errno.EIO),
    DiskFault(SYNCS, "the log of the database", errno.EIO),
)


@pytest.mark.parametrize("refusal", SAMPLE, ids=str)
def test_a_failing_disk_stops_writes_but_never_playback(
    traced_server: TracedServer, film: bytes, refusal: DiskFault
) -> None:
    endured = run_with_fault(traced_server, film, refusal)
    print(endured)
    assert endured.met
    assert set(endured.statuses) & {503, 507}
