"""A confined child tries to escape in every way; also on kernels without one of the layers."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import COMMAND, WorkerLauncher, format_layers, query_confinement
from streamtime.workers.probe_result import ProbeResult
from tests.clips import make_clip

HERE = Path(__file__).parent
CAPTIVE = (sys.executable, str(HERE / "escape_attempts.py"))
OLD_KERNEL = (sys.executable, str(HERE / "old_kernel.py"))

HARMLESS = {"read its source", "start a thread", "tell the time"}
BY_LANDLOCK = {
    "read a file",
    "make a file",
    "remove a file",
    "list a folder",
    "read the server's memory",
    "see the server's environment",
    "connect over TCP",
    "execute",
    "listen",
}
"""What the first versions of Landlock prevent without seccomp; not UDP and fork."""

BY_LIMITS = {"take a terabyte", "take all descriptors"}


@dataclass
class Trap:
    """A file with a secret, and a port without expected clients."""

    secret: Path
    listener: socket.socket
    datagrams: socket.socket

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def check_untouched(self) -> None:
        assert self.secret.read_text() == "tell nobody"
        assert [path.name for path in self.secret.parent.iterdir()] == [self.secret.name]
        for waiting in (self.listener.accept, lambda: self.datagrams.recv(100)):
            with pytest.raises(BlockingIOError):
                waiting()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    (tmp_path / "home").mkdir()
    secret = tmp_path / "home" / "secret"
    secret.write_text("tell nobody")
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(listener.getsockname())
        listener.setblocking(False)
        datagrams.setblocking(False)
        yield Trap(secret, listener, datagrams)


async def tried(trap: Trap, folder: Path, *before: str, allow_unconfined: bool = False) -> dict[str, str]:
    (folder / "told").write_text(f"{trap.secret}\n{trap.port}")
    descriptor = os.open(folder / "told", os.O_RDONLY)
    launcher = WorkerLauncher(nice=0, allow_unconfined=allow_unconfined, command=(*before, *CAPTIVE))
    try:
        with pytest.raises(WorkerFailed) as failed:
            async with launcher.launch(descriptor) as worker:
                await worker.probe()
    finally:
        os.close(descriptor)
    assert failed.value.code == "tried", failed.value.stderr_tail
    found: dict[str, str] = json.loads(failed.value.message)
    return found


def done(found: dict[str, str]) -> set[str]:
    return {way for way, outcome in found.items() if outcome == "done"}


async def test_no_escape_succeeds(trap: Trap, tmp_path: Path) -> None:
    found = await tried(trap, tmp_path)
    assert done(found) == HARMLESS, found
    trap.check_untouched()


async def test_no_escape_succeeds_without_landlock(trap: Trap, tmp_path: Path) -> None:
    found = await tried(trap, tmp_path, *OLD_KERNEL, "landlock")
    assert done(found) == HARMLESS, found
    trap.check_untouched()


async def test_landlock_and_limits_work_without_seccomp(trap: Trap, tmp_path: Path) -> None:
    found = await tried(trap, tmp_path, *OLD_KERNEL, "seccomp", allow_unconfined=True)
    assert done(found) & (BY_LANDLOCK | BY_LIMITS) == set(), found
    assert "send over UDP" in done(found), "the trap can be fallen into"


async def test_every_layer_is_reported(clip: Path) -> None:
    told = await query_confinement(WorkerLauncher(nice=0))
    assert [layer.split()[0] for layer in told.in_force] == ["process", "limits", "landlock", "seccomp"]
    assert told.missing == ()
    assert (await facts(clip, WorkerLauncher(nice=0))).video.codec == "h264"


async def test_without_landlock_workers_run_with_a_warning(clip: Path) -> None:
    launcher = WorkerLauncher(nice=0, command=(*OLD_KERNEL, "landlock", *COMMAND))
    told = await query_confinement(launcher)
    assert told.in_force == ("process", "limits", "seccomp")
    assert format_layers(told).endswith(", without landlock (Function not implemented)")
    assert (await facts(clip, launcher)).video.codec == "h264"


async def test_without_seccomp_no_worker_runs(clip: Path) -> None:
    launcher = WorkerLauncher(nice=0, command=(*OLD_KERNEL, "seccomp", *COMMAND))
    for asked in (query_confinement(launcher), facts(clip, launcher)):
        with pytest.raises(WorkerFailed) as failed:
            await asked
        assert (failed.value.code, failed.value.retryable) == ("unconfined", True)
        assert "seccomp" in failed.value.message


async def test_without_seccomp_workers_run_if_configured(clip: Path) -> None:
    command = (*OLD_KERNEL, "seccomp,landlock", *COMMAND)
    launcher = WorkerLauncher(nice=0, allow_unconfined=True, command=command)
    told = await query_confinement(launcher)
    assert told.in_force == ("process", "limits")
    assert [layer.split()[0] for layer in told.missing] == ["landlock", "seccomp"]
    assert (await facts(clip, launcher)).video.codec == "h264"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("confined") / "clip.mp4", duration_s=1, width=160, height=120)


async def facts(path: Path, launcher: WorkerLauncher) -> ProbeResult:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        async with launcher.launch(descriptor) as worker:
            return await worker.probe()
    finally:
        os.close(descriptor)
