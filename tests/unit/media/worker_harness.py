"""Lets a real worker make renditions of a clip, and looks at what came out with a decoder. It knows no server."""

import io
import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

from streamtime.hls.ladder import PlannedRung, plan_ladder
from streamtime.hls.segment_index import Grid, GrowingIndex, SegmentIndex
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import (
    CopyVideo,
    EncodeVideo,
    MakePoster,
    OrderDone,
    OrderProgress,
    Package,
    PackageAudio,
    PackageMessage,
    PosterWritten,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.worker import Worker

WIDTH, HEIGHT = 160, 90
IN_STEP_S = 0.04
"""How far picture and sound may be apart, in seconds."""

LAUNCHER = WorkerLauncher(stall_timeout_s=60, nice=0)

ChooseRungs = Callable[[ProbeResult], Sequence[PlannedRung]]
"""Chooses rungs by what the worker tells of the source: a worker takes a tenth of a CPU second to start."""


@dataclass
class Rendition:
    path: Path
    started: RenditionStarted
    index: SegmentIndex
    finished: RenditionFinished

    @property
    def sha256(self) -> bytes:
        return self.finished.sha256

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def init(self) -> bytes:
        return self.data[: self.index.init_length]

    def segment(self, number: int) -> bytes:
        segment = self.index.segments[number]
        return self.data[segment.offset : segment.offset + segment.length]

    @property
    def starts_s(self) -> list[Fraction]:
        starts = [Fraction(0)]
        for segment in self.index.segments:
            starts.append(starts[-1] + Fraction(segment.duration, self.index.timescale))
        return starts


@dataclass
class Result:
    facts: ProbeResult
    renditions: dict[int, Rendition] = field(default_factory=dict)
    poster: PosterWritten | None = None
    poster_path: Path | None = None
    done: OrderDone | None = None
    progress: list[OrderProgress] = field(default_factory=list)


async def facts_of(path: Path) -> ProbeResult:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        async with LAUNCHER.launch(descriptor) as worker:
            return await worker.probe()
    finally:
        os.close(descriptor)


async def make(
    source: Path,
    folder: Path,
    *,
    copy: bool = False,
    rungs: Sequence[PlannedRung] | ChooseRungs = (),
    audio: bool = True,
    copy_audio: bool | None = None,
    poster: bool = False,
    poster_at_ms: int | None = None,
    grid: Grid | None = None,
) -> Result:
    """Outputs are numbered: the copy, the rungs in their order, the sound, the poster, as far as asked for."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        async with LAUNCHER.launch(descriptor) as worker:
            facts = await worker.probe()
            chosen = rungs(facts) if callable(rungs) else rungs
            numbers = iter(range(64))
            order = Package(
                origin_us=facts.origin_us,
                video_stream=facts.video.stream,
                duration_ms=facts.duration_ms,
                copy=CopyVideo(next(numbers)) if copy else None,
                encodes=tuple(EncodeVideo(next(numbers), rung) for rung in chosen),
                audios=tuple(
                    PackageAudio(next(numbers), a.stream, a.copyable if copy_audio is None else copy_audio)
                    for a in facts.audios
                    if audio
                ),
                poster=MakePoster(next(numbers), at_ms=poster_at_ms) if poster else None,
                grid=grid or Grid.regular(),
            )
            return await _run(worker, facts, order, [folder / f"{n}.mp4" for n in range(next(numbers))])
    finally:
        os.close(descriptor)


async def _run(worker: Worker, facts: ProbeResult, order: Package, paths: list[Path]) -> Result:
    result = Result(facts)
    outputs = [os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600) for path in paths]
    started: dict[int, RenditionStarted] = {}
    growing: dict[int, GrowingIndex] = {}
    try:
        async for message in worker.package(order, outputs):
            _note(message, paths, result, started, growing)
    finally:
        for output in outputs:
            os.close(output)
    return result


def _note(
    message: PackageMessage,
    paths: list[Path],
    result: Result,
    started: dict[int, RenditionStarted],
    growing: dict[int, GrowingIndex],
) -> None:
    match message:
        case RenditionStarted():
            started[message.output] = message
            growing[message.output] = GrowingIndex(message.timescale, message.init_length)
        case SegmentWritten():
            segment = growing[message.output].append_next(
                length=message.length, duration=message.duration, keyframe_length=message.keyframe_length
            )
            # What is announced is there: a viewer may ask for it the next moment.
            assert paths[message.output].stat().st_size >= segment.offset + segment.length
        case RenditionFinished():
            output = message.output
            index = growing[output].snapshot()
            assert index.bytes_total == message.bytes_total == paths[output].stat().st_size
            result.renditions[output] = Rendition(paths[output], started[output], index, message)
        case PosterWritten():
            result.poster, result.poster_path = message, paths[message.output]
        case OrderProgress():
            result.progress.append(message)
        case OrderDone():
            result.done = message


def picture_times_s(data: bytes) -> list[float]:
    """Decode everything and tell when each picture is shown."""
    with av.open(io.BytesIO(data), "r") as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def lit_times_s(data: bytes) -> list[float]:
    """Tell when the picture turns from dark to bright."""
    times: list[float] = []
    before = False
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(video=0):
            plane = bytes(frame.reformat(width=16, height=16, format="gray").planes[0])
            lit = sum(plane) / len(plane) > 100
            if lit and not before:
                times.append(float(frame.time))
            before = lit
    return times


def loud_times_s(data: bytes, *, threshold: float = 0.1, quiet_s: float = 0.3) -> list[float]:
    """Tell when a sound begins after at least `quiet_s` without one."""
    times: list[float] = []
    last_loud = -1.0
    with av.open(io.BytesIO(data), "r") as container:
        resampler = AudioResampler("flt", "mono", 8000)
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                begins = float(frame.time or 0)
                samples = array("f", bytes(frame.planes[0])[: frame.samples * 4])
                for place, sample in enumerate(samples):
                    if abs(sample) > threshold:
                        now = begins + place / 8000
                        if now - last_loud > quiet_s:
                            times.append(now)
                        last_loud = now
    return times


def whole_ladder(facts: ProbeResult) -> Sequence[PlannedRung]:
    return plan_ladder(facts.video.width, facts.video.height, facts.video.fps)


def largest_rung(facts: ProbeResult) -> Sequence[PlannedRung]:
    return whole_ladder(facts)[:1]


def smallest_rung(facts: ProbeResult) -> Sequence[PlannedRung]:
    return whole_ladder(facts)[-1:]


async def package_smallest(source: Path, folder: Path) -> Result:
    """The smallest rung and all sound; what cannot be copied is encoded, as the server has it done."""
    try:
        return await make(source, folder, rungs=smallest_rung)
    except WorkerFailed as error:
        if error.code != "audio_copy_unfit":
            raise
        return await make(source, folder, rungs=smallest_rung, copy_audio=False)


def seen(result: Result) -> list[float]:
    return lit_times_s(result.renditions[0].data)


def heard(result: Result) -> list[float]:
    return loud_times_s(result.renditions[1].data)
