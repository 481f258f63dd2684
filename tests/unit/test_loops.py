"""Every loop of a server goes on after any error, and what it has to do is done afterwards."""

import asyncio
import errno
import os
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, insert, select
from structlog.testing import capture_logs

from streamtime import periodic
from streamtime.app import server as app
from streamtime.app.core import database_path
from streamtime.app.server import open_services, run_background_tasks
from streamtime.auth import failed_login_log
from streamtime.auth.access import ANONYMOUS, AuthMethod
from streamtime.auth.audit import ClientInfo
from streamtime.clock import EpochMs, SystemClock
from streamtime.config.load import load_with_places
from streamtime.config.stored import LoadedConfig
from streamtime.database.migrate import migrate
from streamtime.database.tables.auth import api_tokens, audit_log, users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.ladder import plan_ladder
from streamtime.http.server.connection_limits import (
    ConnectionLimits,
    ConnectionMetrics,
    ConnectionTracker,
    ExemptAddresses,
    Phase,
)
from streamtime.http.server.rejections import ConnectionRejection
from streamtime.http.services import Services
from streamtime.jobs import pool
from streamtime.maintenance import expiry
from streamtime.maintenance import jobs as maintenance_jobs
from streamtime.maintenance.backup.automatic import AutomaticBackups, DatabaseBackups, MaintenanceIntervals
from streamtime.periodic import FAILURES
from streamtime.playback.segments import ViewerActivity
from streamtime.storage.spool import Spool
from streamtime.transcoding import admission, supervision
from streamtime.transcoding.admission import AdmissionRules, EncodeAdmission
from streamtime.transcoding.supervision import OrderMonitor, ProgressRange
from streamtime.videos import search_index
from streamtime.videos.watching import Report
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.process import MemoryMonitor, resident_bytes
from streamtime.workers.protocol import EncodeVideo, Package

LOOPS = {
    *("queue-reasons", "jobs-due", "job-leases", "storage-schedule", "expiry"),
    *("search-index", "watching", "encode-progress", "last-use", "failed-logins", "jobs-encode", "jobs-upkeep"),
}


def unknown() -> Exception:
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorname = "SQLITE_PROTOCOL"
    return error


ERRORS: dict[str, Callable[[], Exception]] = {
    "an unknown error of the driver": unknown,
    "no descriptors": lambda: OSError(errno.EMFILE, "Too many open files"),
    "no memory": MemoryError,
    "an error of the program": lambda: KeyError("of ours"),
}


@pytest.fixture(autouse=True)
def _short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(periodic, "MAX_BACKOFF_S", 0.1)
    for module, name in (
        (admission, "POLL_INTERVAL_S"),
        (maintenance_jobs, "MAX_SLEEP_S"),
        (expiry, "CHECK_INTERVAL_S"),
        (search_index, "POLL_INTERVAL_S"),
    ):
        monkeypatch.setattr(module, name, 0.1)
    monkeypatch.setattr(supervision, "POLL_INTERVAL_S", 0.05)
    for module, name in ((pool, "POLL_INTERVAL_S"), (app, "FLUSH_INTERVAL_S"), (failed_login_log, "WINDOW_S")):
        monkeypatch.setattr(module, name, 0.1)
    monkeypatch.setattr(pool, "LEASE_MS", 300)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    settings = {"STREAMTIME_DATA_DIR": str(tmp_path), "STREAMTIME_BACKUP__EVERY": "0"}
    loaded = LoadedConfig.of(*load_with_places(None, settings, {}))
    config = loaded.config
    migrate(database_path(config), now_ms=EpochMs(0))
    async with open_services(loaded) as opened:
        await opened.database.write(_a_video_and_a_token)
        yield opened


async def _a_video_and_a_token(tx: Transaction) -> None:
    user = {"id": 1, "public_id": "u", "name": "ada", "name_folded": "ada", "role": "member", "password_hash": "-"}
    await tx.execute(insert(users).values(**user, created_at_ms=0))
    token = {"id": 1, "public_id": "t", "user_id": 1, "label": "t", "scope": "read", "token_sha256": b"t"}
    await tx.execute(insert(api_tokens).values(**token, created_at_ms=0))
    video = {"id": 1, "public_id": "v", "owner_id": 1, "title": "t", "title_folded": "t", "visibility": "private"}
    more = {"state": "uploading", "storage_prefix": "videos/1/", "source_name": "t", "created_at_ms": 0}
    await tx.execute(insert(videos).values(**video, **more))


@contextmanager
def failing(error: Callable[[], Exception]) -> Iterator[None]:
    """Have the driver fail at every statement."""

    def fail(*_arguments: object) -> None:
        raise error()

    event.listen(Engine, "do_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "do_execute", fail)


def counts() -> dict[str, float]:
    """How often each loop has failed so far in this process."""
    samples = [sample for family in FAILURES.collect() for sample in family.samples]
    return {sample.labels["loop"]: sample.value for sample in samples if sample.name.endswith("_total")}


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not look():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ERRORS)
async def test_every_loop_goes_on_after_an_error_and_nothing_noted_is_lost(services: Services, kind: str) -> None:
    video = await services.videos.repository.by_id(1)
    with capture_logs() as lines:
        async with run_background_tasks(services, grace_s=1):
            before = counts()
            with failing(ERRORS[kind]):
                services.videos.progress.report(video, 0.5, "Preparing")
                services.auth.last_used.record(AuthMethod.BEARER, 1, 77)
                services.auth.failed_logins.count(ClientInfo("192.0.2.1", "test"))
                await services.videos.watching.report(ANONYMOUS, "visitor", video, Report(0, 60_000))
                services.jobs.queue.on_enqueue()
                await until(lambda: all(counts().get(loop, 0) >= before.get(loop, 0) + 2 for loop in LOOPS))
            await until(lambda: {line.get("loop") for line in lines if line["event"] == "loop_recovered"} >= LOOPS)
            assert services.jobs.pool.alive
            await until_written(services)
    said = [line["loop"] for line in lines if line["event"] == "loop_failed" and line["loop"] in LOOPS]
    assert sorted(said) == sorted(LOOPS), "each once, whatever was repeated"
    traced = any(line.get("exc_info") for line in lines if line["event"] == "loop_failed")
    assert traced == (kind == "an error of the program")


async def until_written(services: Services) -> None:
    """What was noted during the trouble is in the database."""
    async with asyncio.timeout(90):
        while True:
            async with services.database.read() as connection:
                progress, views = (await connection.execute(select(videos.c.progress, videos.c.views))).one()
                used = (await connection.execute(select(api_tokens.c.last_used_at_ms))).scalar_one()
                failed = (await connection.execute(select(func.count()).select_from(audit_log))).scalar_one()
            if (progress, used, failed, views) == (0.5, 77, 1, 1):
                return
            await asyncio.sleep(0.01)


async def test_copies_and_checks_of_the_database_are_made_after_it_was_away(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=EpochMs(0))
    database = Database(path)
    copies = AutomaticBackups(path, tmp_path / "copies", keep=2)
    keeper = DatabaseBackups(database, copies, SystemClock(), MaintenanceIntervals(copy_every_s=1, check_every_s=1))
    aside = path.rename(path.with_name("aside"))
    path.mkdir()
    before = counts().get("database-checks", 0)
    with capture_logs() as lines:
        keeping = asyncio.create_task(keeper.run_forever())
        await until(lambda: bool(keeper.status.error) and counts()["database-checks"] >= before + 2)
        path.rmdir()
        aside.rename(path)
        await until(lambda: keeper.status.newest is not None and not keeper.status.error)
        await until(lambda: "database_checked" in {line["event"] for line in lines})
        await ended(keeping)
    await database.close()
    assert not any(line.get("exc_info") for line in lines)


async def ended(loop: asyncio.Task[None]) -> None:
    """Cancel a loop that still runs."""
    assert not loop.done()
    loop.cancel()
    await asyncio.wait([loop])
    assert loop.cancelled()


class OddConnection:
    """A connection that cannot be looked at, or that counts how often it is."""

    phase = Phase.IDLE
    address = "192.0.2.1"

    def __init__(self, *, broken: bool) -> None:
        self._broken = broken
        self.looks = 0

    def enforce_timeouts(self, now: float, limits: ConnectionLimits) -> None:
        del now, limits
        self.looks += 1
        if self._broken:
            raise OSError(errno.EBADF, "Bad file descriptor")

    def eviction_rank(self, now: float) -> None:
        del now

    def evict(self) -> None:
        raise AssertionError

    def reject(self, rejection: ConnectionRejection) -> None:
        raise AssertionError(rejection)


async def test_a_connection_that_cannot_be_looked_at_hides_no_other() -> None:
    limits = ConnectionLimits(10, 10, head_s=0.04, body_s=1, keep_alive_s=1, send_s=1)
    connections = ConnectionTracker(limits, ExemptAddresses(), ConnectionMetrics())
    some = [OddConnection(broken=True), OddConnection(broken=False), OddConnection(broken=True)]
    for one in some:
        connections.add(one)
    before = counts().get("connections", 0)
    async with connections.monitored():
        await until(lambda: all(one.looks > 3 for one in some))
        assert counts()["connections"] >= before + 3


def process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_an_encode_is_paused_and_resumed_after_the_disk_could_not_be_asked(
    services: Services, tmp_path: Path
) -> None:
    spool = await Spool.open_at(tmp_path / "asked")
    watching = ViewerActivity(services.clock)
    rules = AdmissionRules(minimum_free_bytes=1, quiet_hours=None, yield_to_viewers=True)
    restraint = EncodeAdmission(rules, watching, spool, services.clock)
    supervised = OrderMonitor(
        services.videos.timeline, services.videos.progress, services.jobs.workers, restraint, services.clock
    )
    video = await services.videos.repository.by_id(1)
    order = Package(origin_us=0, video_stream=0, encodes=(EncodeVideo(0, plan_ladder(640, 360, Fraction(25))[0]),))
    share = ProgressRange("Encoding", 0, 1, can_pause=True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    async with WorkerLauncher(nice=0).launch(nothing) as worker, supervised.monitor(video, worker, order, share):
        watching.record()
        await until(lambda: process_state(worker.pid) == "T")
        before = counts()["encode-pauses"]
        (tmp_path / "asked").rename(tmp_path / "away")
        await until(lambda: counts()["encode-pauses"] >= before + 2)
        assert process_state(worker.pid) != "T", "it does not stand still because nobody can tell why"
        (tmp_path / "away").rename(tmp_path / "asked")
        watching.record()
        await until(lambda: process_state(worker.pid) == "T")
    os.close(nothing)
    await spool.close()


async def test_a_child_without_bounds_is_found_after_its_memory_could_not_be_read() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    before = counts().get("worker-memory", 0)
    launcher = WorkerLauncher(nice=0, memory_bytes=2**30)
    async with launcher.launch(nothing) as worker:
        await worker.confinement()
        with no_descriptors():
            await until(lambda: counts()["worker-memory"] >= before + 2)
        watch = MemoryMonitor(worker._process, 2**20)  # the child's bound is that of a process that works
        looking = asyncio.create_task(watch.run())
        await until(lambda: watch.exceeded)
        await ended(looking)
    os.close(nothing)


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_memory_of_a_child_is_unknown_and_not_nothing_without_descriptors() -> None:
    pid = os.getpid()
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        resident_bytes(pid)
    assert resident_bytes(pid)
    assert resident_bytes(2**22 + 1) is None, "no process has such an id"
