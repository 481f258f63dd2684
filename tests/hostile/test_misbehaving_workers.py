"""A child that aborts, allocates without end, or spins: only its attempt fails, with a known code."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from tests.clips import make_clip
from tests.hostile.worker_attempt import assert_no_leaks

WILD = (sys.executable, str(Path(__file__).with_name("misbehaving_worker.py")))
MIB = 1 << 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("wild") / "clip.mp4", duration_s=1, width=160, height=120)


@pytest.fixture
def source(clip: Path) -> Iterator[int]:
    descriptor = os.open(clip, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    ("way", "code", "word"),
    [
        ("abort", "worker_crashed", "crashed"),
        ("allocate", "worker_memory", "128 MiB"),
        ("spin", "worker_stalled", "stalled"),
    ],
)
async def test_a_misbehaving_child_fails_only_its_attempt(
    source: int, tmp_path: Path, way: str, code: str, word: str
) -> None:
    wild = WorkerLauncher(nice=0, stall_timeout_s=3, memory_bytes=128 * MIB, command=(*WILD, way))

    async def end() -> WorkerFailed:
        with pytest.raises(WorkerFailed) as failed:
            async with wild.launch(source) as worker:
                await worker.probe()
        return failed.value

    with assert_no_leaks(tmp_path):
        ending = asyncio.create_task(end())
        async with WorkerLauncher(nice=0).launch(source) as other:
            assert (await other.probe()).video.codec == "h264"
            failure = await ending
            assert (await other.probe()).video.codec == "h264"
    assert failure.code == code
    assert word in failure.message


def limits_of(pid: int) -> str:
    return Path(f"/proc/{pid}/limits").read_text()


async def test_address_space_ends_where_twice_the_memory_does(source: int) -> None:
    # The supervisor measures at intervals; a sudden allocation meets the limit that the child has set itself.
    launcher = WorkerLauncher(nice=0, memory_bytes=128 * MIB)
    async with launcher.launch(source) as worker:
        await worker.confinement()
        limits = limits_of(worker.pid)
    assert f"Max address space         {(2 * 128 + 1024) * MIB}" in limits
    assert "Max open files            128" in limits
    assert f"Max file size             {16 << 30}" in limits
