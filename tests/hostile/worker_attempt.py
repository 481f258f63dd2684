"""One attempt at one file by a real worker, as the server makes it, and what is to be true of every attempt."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.hls.ladder import plan_ladder
from streamtime.hls.segment_index import Grid
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import CopyVideo, EncodeVideo, MakePoster, Package, PackageAudio, RenditionFinished
from streamtime.workers.worker import Worker

MEMORY_BYTES = 512 << 20
STALLED_AFTER_S = 60.0
AT_MOST_S = 240.0
"""Bounds of an attempt. Far more than it needs, for machines that have other things to do."""

OK = "done"
UNEXPLAINED_CODES = frozenset({"internal"})
"""What a worker says of an error that nobody has foreseen: each is a fault of ours."""

LAUNCHER = WorkerLauncher(nice=0, memory_bytes=MEMORY_BYTES, stall_timeout_s=STALLED_AFTER_S, wall_timeout_s=AT_MOST_S)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: `done` or the code of its failure, after how many renditions."""

    code: str
    renditions: int
    seconds: float
    stderr_tail: str = ""


async def attempt(path: Path, folder: Path, launcher: WorkerLauncher = LAUNCHER) -> Outcome:
    """Probe a file, then have everything made of it that can be: copy, encode, sound, poster."""
    began = time.monotonic()
    finished = 0
    code, last_words = OK, ""
    source = os.open(path, os.O_RDONLY)
    try:
        async with launcher.launch(source) as worker:
            order = order_for(await worker.probe())
            finished = await made(worker, order, folder)
    except WorkerFailed as error:
        code, last_words = error.code, error.stderr_tail
    finally:
        os.close(source)
    return Outcome(code, finished, time.monotonic() - began, last_words)


def order_for(facts: ProbeResult) -> Package:
    """An order for all kinds of work, the picture at a size that costs little whatever the file claims."""
    video = facts.video
    assert plan_ladder(video.width, video.height, video.fps), "the server can plan for whatever a worker says"
    numbers = iter(range(64))
    return Package(
        origin_us=facts.origin_us,
        video_stream=video.stream,
        duration_ms=facts.duration_ms,
        copy=CopyVideo(next(numbers)) if video.copyable else None,
        encodes=(EncodeVideo(next(numbers), plan_ladder(64, 48, video.fps)[-1]),),
        audios=tuple(PackageAudio(next(numbers), a.stream, a.copyable) for a in facts.audios[:1]),
        poster=MakePoster(next(numbers), max_width=64),
        grid=Grid.regular(),
    )


async def made(worker: Worker, order: Package, folder: Path) -> int:
    """Carry an order out and tell how many renditions became whole; what was written is gone after."""
    finished = 0
    with ExitStack() as stack:
        outputs = [stack.enter_context(output(folder, number)) for number in range(MOST_OUTPUTS)]
        used = 1 + sum((order.copy is not None, len(order.encodes), len(order.audios)))
        async for message in worker.package(order, outputs[:used]):
            finished += isinstance(message, RenditionFinished)
    return finished


MOST_OUTPUTS = 4


@contextmanager
def output(folder: Path, number: int) -> Iterator[int]:
    """A descriptor to write to; the file has no name by the time that it is written."""
    path = folder / f"{number}.out"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    path.unlink()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class OpenResources:
    """What this process has: its open descriptors and its children, dead ones too."""

    descriptors: dict[str, str]
    children: frozenset[str]


def open_resources() -> OpenResources:
    found: dict[str, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the one that lists the folder
    tasks = Path("/proc/self/task").iterdir()
    return OpenResources(found, frozenset(child for task in tasks for child in (task / "children").read_text().split()))


@contextmanager
def assert_no_leaks(folder: Path) -> Iterator[None]:
    """No descriptor, no process, no file that was not there before."""
    before, files = open_resources(), sorted(folder.rglob("*"))
    yield
    assert open_resources() == before
    assert sorted(folder.rglob("*")) == files


async def attempts(paths: list[Path], folder: Path, *, at_once: int) -> list[Outcome]:
    """Try files, some at once, and give what came of each, in their order."""
    room = asyncio.Semaphore(at_once)

    async def one(number: int, path: Path) -> Outcome:
        own = folder / str(number)
        async with room:
            own.mkdir()
            try:
                return await attempt(path, own)
            finally:
                own.rmdir()

    return list(await asyncio.gather(*(one(number, path) for number, path in enumerate(paths))))
