"""A child may crash, hang or be killed: that attempt ends, in plain words, and nothing is left behind."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from streamtime.hls.ladder import plan_ladder
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import EncodeVideo, OrderDone, Package, PackageMessage
from streamtime.workers.worker import Worker
from tests.clips import make_clip

LONG_S = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(
        tmp_path_factory.mktemp("workers") / "clip.mp4", duration_s=LONG_S, width=640, height=360, audio=None
    )


@pytest.fixture
def source(clip: Path) -> Iterator[int]:
    descriptor = os.open(clip, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(scope="module", autouse=True)
def libuv_is_up() -> None:
    # It opens a pipe of its own when first used and keeps it: that is not ours to close.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = open_descriptors(), own_children()
    yield
    assert (open_descriptors(), own_children()) == before


def own_children() -> set[str]:
    """The children of this process, dead ones that nobody has asked after too: a server of other tests may be one."""
    return {child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()}


def open_descriptors() -> dict[str, str]:
    folder = Path("/proc/self/fd")
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue
    return found


@asynccontextmanager
async def at_work(
    launcher: WorkerLauncher, source: int, folder: Path
) -> AsyncIterator[tuple[Worker, AsyncIterator[PackageMessage]]]:
    """A worker in the middle of an encode that takes a while."""
    output = os.open(folder / "out.mp4", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        async with launcher.launch(source) as worker:
            facts = await worker.probe()
            rung = plan_ladder(facts.video.width, facts.video.height, facts.video.fps)[0]
            order = Package(origin_us=0, video_stream=0, encodes=(EncodeVideo(0, rung),), duration_ms=LONG_S * 1000)
            messages = worker.package(order, [output])
            await anext(messages)
            yield worker, messages
    finally:
        os.close(output)


async def harmed(launcher: WorkerLauncher, source: int, folder: Path, number: signal.Signals) -> None:
    """Send a signal to a child at work, and wait for the end of its messages."""
    async with at_work(launcher, source, folder) as (worker, messages):
        os.kill(worker.pid, number)
        await exhaust(messages)


async def exhaust(messages: AsyncIterator[PackageMessage]) -> None:
    async for _ in messages:
        pass


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool], within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, "worker_killed"), (signal.SIGSEGV, "worker_crashed"), (signal.SIGABRT, "worker_crashed")],
)
async def test_a_killed_child_ends_its_attempt_only(
    source: int, tmp_path: Path, number: signal.Signals, code: str
) -> None:
    launcher = WorkerLauncher(nice=0)
    async with launcher.launch(source) as other:
        with pytest.raises(WorkerFailed) as failed:
            await harmed(launcher, source, tmp_path, number)
        assert failed.value.code == code
        assert failed.value.retryable
        assert (await other.probe()).video.codec == "h264"


async def test_a_hanging_child_is_found_and_ended(source: int, tmp_path: Path) -> None:
    launcher = WorkerLauncher(stall_timeout_s=2, nice=0)
    with pytest.raises(WorkerFailed) as failed:
        await harmed(launcher, source, tmp_path, signal.SIGSTOP)
    assert failed.value.code == "worker_stalled"


async def test_the_last_limit_of_all(source: int, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed) as failed:
        async with at_work(WorkerLauncher(wall_timeout_s=1, nice=0), source, tmp_path) as (_worker, messages):
            await exhaust(messages)
    assert failed.value.code == "worker_timeout"


async def test_leaving_the_block_ends_the_child(source: int, tmp_path: Path) -> None:
    async with at_work(WorkerLauncher(nice=0), source, tmp_path) as (worker, _messages):
        assert is_alive(worker.pid)
    assert not is_alive(worker.pid)


async def test_a_cancelled_task_ends_its_child_within_a_second(source: int, tmp_path: Path) -> None:
    pids: list[int] = []

    async def attempt() -> None:
        async with at_work(WorkerLauncher(nice=0), source, tmp_path) as (worker, messages):
            pids.append(worker.pid)
            await exhaust(messages)

    task = asyncio.create_task(attempt())
    await until(lambda: bool(pids))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pids[0])


async def test_orders_follow_one_another(tmp_path: Path) -> None:
    source = os.open(make_clip(tmp_path / "short.mp4", duration_s=1), os.O_RDONLY)
    outputs = [os.open(tmp_path / f"{n}.mp4", os.O_CREAT | os.O_WRONLY, 0o600) for n in range(2)]
    async with WorkerLauncher(nice=0).launch(source) as worker:
        for output in outputs:
            facts = await worker.probe()
            rung = plan_ladder(160, 120, facts.video.fps)[0]
            order = Package(origin_us=0, video_stream=0, encodes=(EncodeVideo(0, rung),))
            last = [message async for message in worker.package(order, [output])][-1]
            assert isinstance(last, OrderDone)
            os.close(output)
    os.close(source)


async def test_outputs_and_descriptors_must_match(source: int) -> None:
    async with WorkerLauncher(nice=0).launch(source) as worker:
        with pytest.raises(ValueError, match="match"):
            await anext(worker.package(Package(origin_us=0), [source]))


async def test_the_child_sees_neither_environment_nor_other_descriptors(
    clip: Path, source: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMTIME_SECRET", "tell-nobody")
    async with at_work(WorkerLauncher(nice=0), source, tmp_path) as (worker, _messages):
        process = Path(f"/proc/{worker.pid}")
        assert (process / "environ").read_bytes() == b""
        opened = {str(entry.readlink()) for entry in (process / "fd").iterdir()}
        files = {name for name in opened if name.startswith("/") and name != "/dev/null"}
        assert files == {str(tmp_path / "out.mp4"), str(clip)}
        status = (process / "status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Max core file size        0" in (process / "limits").read_text()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; sys.exit(3)", "worker_crashed"),
        ("import sys; sys.stderr.write('oh dear ' * 9000); sys.exit(1)", "worker_crashed"),
        (
            "import os, sys; os.write(int(sys.argv[1]), b'HTTP/1.1 200 OK'); import time; time.sleep(60)",
            "worker_crashed",
        ),
        (
            "import os, sys; os.write(int(sys.argv[1]), bytes([0, 0, 0, 2, 255, 255])); import time; time.sleep(60)",
            "worker_crashed",
        ),
    ],
)
async def test_a_child_that_talks_nonsense(source: int, program: str, code: str) -> None:
    launcher = WorkerLauncher(nice=0, command=(sys.executable, "-I", "-c", program))
    with pytest.raises(WorkerFailed) as failed:
        async with launcher.launch(source) as worker:
            await worker.probe()
    assert failed.value.code == code
    assert len(failed.value.stderr_tail) < 5000
    if "oh dear" in program:
        assert failed.value.stderr_tail.endswith("oh dear")


async def test_no_program_is_said_in_plain_words(source: int) -> None:
    with pytest.raises(WorkerFailed) as failed:
        async with WorkerLauncher(command=("/nonexistent/python",)).launch(source):
            pass
    assert failed.value.code == "worker_unavailable"
    assert failed.value.retryable


def test_it_works_under_uvloop_as_well(clip: Path, tmp_path: Path) -> None:
    async def attempt() -> None:
        source = os.open(clip, os.O_RDONLY)
        try:
            with pytest.raises(WorkerFailed) as failed:
                await harmed(WorkerLauncher(nice=0), source, tmp_path, signal.SIGKILL)
            assert failed.value.code == "worker_killed"
        finally:
            os.close(source)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attempt())


SERVER = """
import asyncio, os, sys
from streamtime.workers.launcher import WorkerLauncher

async def main():
    source = os.open(sys.argv[1], os.O_RDONLY)
    async with WorkerLauncher(nice=0).launch(source) as worker:
        await worker.probe()
        print(worker.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_child_dies_with_the_server(clip: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER, str(clip)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert is_alive(pid)
        server.kill()
    asyncio.run(until(lambda: not is_alive(pid)))


async def test_a_held_child_stands_still_unharmed_by_its_watchdog_and_goes_on(source: int, tmp_path: Path) -> None:
    launcher = WorkerLauncher(stall_timeout_s=3, nice=0)
    async with at_work(launcher, source, tmp_path) as (worker, messages):
        worker.pause()
        await until(lambda: state_of(worker.pid) == "T")
        loop = asyncio.get_running_loop()
        pending = asyncio.ensure_future(anext(messages))
        began = loop.time()
        await until(lambda: loop.time() - began > 5)
        assert state_of(worker.pid) == "T", "longer than its patience, and nobody has ended it"
        worker.resume()
        await pending
        await until(lambda: state_of(worker.pid) != "T")


async def test_a_child_that_is_released_and_hangs_is_found_as_before(source: int, tmp_path: Path) -> None:
    async with at_work(WorkerLauncher(stall_timeout_s=3, nice=0), source, tmp_path) as (worker, messages):
        worker.pause()
        worker.resume()
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(WorkerFailed) as failed:
            await exhaust(messages)
    assert failed.value.code == "worker_stalled"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_child_that_cannot_be_started_without_descriptors_is_unavailable(source: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.dup(source), os.dup(source)]
    for descriptor in free:
        os.close(descriptor)
    for limit in (0, max(free) + 1):  # not even a pair of sockets; that, and no pipe
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            with pytest.raises(WorkerFailed) as failed:
                async with WorkerLauncher(nice=0).launch(source):
                    pass
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (failed.value.code, failed.value.retryable) == ("worker_unavailable", True)
