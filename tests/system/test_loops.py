"""Background loops go on after the database could be neither read nor written for a while."""

import fcntl
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.server import Server, StartServer, wait_until
from tests.system.test_encode_admission import QUIET, hours_from_now, waits

LOCKS_AT, LOCKS = 120, 8
"""Where the locks of a database in WAL mode lie in its -shm file (https://sqlite.org/walformat.html, 2.3.2)."""


@contextmanager
def unusable(server: Server) -> Iterator[None]:
    """Hold every lock of the database: readers get SQLITE_PROTOCOL, writers SQLITE_BUSY or the same."""
    with (server.data_dir / "streamtime.db-shm").open("r+b") as file:

        def locked() -> bool:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKS, LOCKS_AT)
            except OSError:
                return False
            return True

        wait_until(locked, "nobody is in a transaction")
        yield  # closing the file releases the locks


def told(server: Server, loop: str, event: str) -> bool:
    return re.search(rf'"loop": "{loop}".*"event": "{event}"', server.log_output) is not None


def counted(server: Server, loop: str) -> float:
    found = re.search(
        rf'^streamtime_loop_failures_total{{loop="{loop}"}} (\S+)$',
        server.visitor().browser.get("/metrics").text,
        re.MULTILINE,
    )
    assert found, loop
    return float(found[1])


def test_reasons_why_work_waits_are_fresh_after_the_database_was_away(
    start_server: StartServer, ladder_clip: Path
) -> None:
    begin = hours_from_now(2)
    server = start_server(**{QUIET: f"{begin}-{hours_from_now(3)}"})
    ann = server.person("ann")
    why = f"Waits for quiet hours ({begin})"
    waits(ann, ann.upload(ladder_clip), why)
    with unusable(server):
        answer = ann.api.get("/api/v1/videos")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_io")
        for loop in ("queue-reasons", "jobs-due"):
            wait_until(partial(told, server, loop, "loop_failed"), f"{loop} has failed")
    waits(ann, ann.upload(ladder_clip), why)
    for loop in ("queue-reasons", "jobs-due"):
        assert counted(server, loop) >= 1
        wait_until(partial(told, server, loop, "loop_recovered"), f"{loop} works again")
    assert counted(server, "expiry") == 0
    assert server.visitor().browser.get("/readyz").status_code == 200


def test_copies_of_the_database_are_made_again_after_no_descriptor_was_left(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_BACKUP__EVERY="1s")
    folder = server.data_dir / "backups"
    wait_until(lambda: [*folder.glob("*.db")], "a first copy")
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    before = len(server.log_output)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (0, hard))
    try:
        wait_until(lambda: '"event": "database_backup_failed"' in server.log_output[before:], "it is not copied")
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
    after = len(server.log_output)
    wait_until(lambda: '"event": "database_copied"' in server.log_output[after:], "it is copied again")
    assert server.visitor().browser.get("/readyz").json()["backup"] == "ok"
