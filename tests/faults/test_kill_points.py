"""A server that is killed at a kill point of any operation loses nothing acknowledged and leaves nothing over.

A sample of points that every run reaches; `make soak` collects and tries all of them.
"""

from tests.faults.kill_points import kill_at
from tests.faults.list_operations import LIST_OPERATIONS
from tests.faults.operations import BUCKET_OPERATIONS, OPERATIONS, Purge
from tests.faults.points import Point
from tests.faults.traced_server import TracedServer
from tests.faults.version_operations import VERSION_OPERATIONS

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
    Point("mark", "fdatasync", LOG, nth=2),
    Point("playlist", "write", "an answer", nth=2),
    Point("cut in place", "fdatasync", LOG, nth=5),
    Point("replace", "fdatasync", LOG, nth=9),
)


def test_a_kill_there_loses_nothing_acknowledged(traced_server: TracedServer, film: bytes) -> None:
    local = (*OPERATIONS, *LIST_OPERATIONS, *VERSION_OPERATIONS)
    operations = {operation.name: operation for operation in local}
    tried = [kill_at(traced_server, operations[point.operation](), film, point) for point in SAMPLE]
    print(*tried, sep="\n")
    assert all(one.met for one in tried)


def test_a_kill_during_a_bucket_request_loses_nothing_acknowledged(bucket_server: TracedServer, film: bytes) -> None:
    operations = {operation.name: operation for operation in BUCKET_OPERATIONS}
    tried = [kill_at(bucket_server, operations[point.operation](), film, point) for point in BUCKET_SAMPLE]
    print(*tried, sep="\n")
    assert all(one.met for one in tried)


def test_a_collection_runs_right_after_a_kill_in_the_middle_of_one(traced_server: TracedServer, film: bytes) -> None:
    purge = Purge()
    purge.prepare(traced_server, film)
    traced_server.wait_idle_if_running()
    purge.run(traced_server, [Point("purge", "unlink", "an object", nth=2).rule])
    assert traced_server.wait_exit() != 0, "killed while it held the lease of a collection"
    traced_server.start()
    traced_server.run("gc")
    purge.check(traced_server)
    traced_server.consistency.assert_consistent()
