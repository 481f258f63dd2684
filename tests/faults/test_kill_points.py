"""Killed at a point of whatever it does, a server keeps what it acknowledged and leaves nothing behind.

A sample of points that are met in every run; `make soak` learns all that there are and tries each.
"""

from tests.faults.kill_points import kill_at
from tests.faults.operations import BUCKET_OPERATIONS, OPERATIONS
from tests.faults.points import Point
from tests.faults.traced_server import TracedServer

LOG = "the log of the database"

PUT = "a PUT to the bucket"
BUCKET_SAMPLE = (
    Point("upload", "sendto", PUT, nth=2),
    Point("move to the disk", "sendto", "a DELETE to the bucket", nth=1),
)
SAMPLE = (
    Point("upload", "fdatasync", LOG, nth=4),
    Point("publish", "write", "an answer", nth=1),
    Point("migration", "rename", "a copy of the database", nth=1),
    Point("purge", "unlink", "an object", nth=2),
)


def test_killed_there_it_loses_nothing_acknowledged(traced_server: TracedServer, film: bytes) -> None:
    operations = {operation.name: operation for operation in OPERATIONS}
    tried = [kill_at(traced_server, operations[point.operation](), film, point) for point in SAMPLE]
    print(*tried, sep="\n")
    assert all(one.met for one in tried)


def test_killed_as_it_speaks_to_its_bucket_neither(bucket_server: TracedServer, film: bytes) -> None:
    operations = {operation.name: operation for operation in BUCKET_OPERATIONS}
    tried = [kill_at(bucket_server, operations[point.operation](), film, point) for point in BUCKET_SAMPLE]
    print(*tried, sep="\n")
    assert all(one.met for one in tried)
