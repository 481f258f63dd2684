"""One attempt at one file by a real worker, as in the server, and the invariants of every attempt."""

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
"""Limits of an attempt, far above its needs, for busy machines."""

OK = "done"
UNEXPLAINED_CODES = frozenset({"internal"})
"""Messages of a worker for unexpected errors: each is a bug of ours."""

LAUNCHER = WorkerLauncher(nice=0, memory_bytes=MEMORY_BYTES, stall_timeout_s=STALLED_AFTER_S, wall_timeout_s=AT_MOST_S)


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt: `done` or its failure code, and the number of renditions."""

    code: str
    renditions: int
    seconds: float
    stderr_tail: str = ""


async def attempt(path: Path, folder: Path, launcher: WorkerLauncher = LAUNCHER) -> Outcome:
    """Probe a file, then create everything possible: copy, encode, audio, poster."""
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
    """An order for all kinds of output, with a small frame size whatever the file claims."""
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
    """Run an order and return the number of complete renditions; its output is deleted."""
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
    """A descriptor to write to; the file is unlinked before it is written."""
    path = folder / f"{number}.out"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    path.unlink()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class OpenResources:
    """The open descriptors and the children of this process, including zombies."""

    descriptors: dict[str, str]
    children: frozenset[str]


def open_resources() -> OpenResources:
    found: dict[str, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    tasks = Path("/proc/self/task").iterdir()
    return OpenResources(found, frozenset(child for task in tasks for child in (task / "children").read_text().split()))


@contextmanager
def assert_no_leaks(folder: Path) -> Iterator[None]:
    """Assert that no descriptor, process or file was left over."""
    before, files = open_resources(), sorted(folder.rglob("*"))
    yield
    assert open_resources() == before
    assert sorted(folder.rglob("*")) == files


async def attempts(paths: list[Path], folder: Path, *, at_once: int) -> list[Outcome]:
    """Run attempts in parallel, and return their results in order."""
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
