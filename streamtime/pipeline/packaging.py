"""One file made into an HLS folder, without a library: the decisions and the workers of the server.

It follows the worker's messages as `making.py` does, with files in place of rows; what is made is decided in
`prepare.py` and `plan.py` for both. Files are written on the event loop: nobody else waits for it, and a stop finds
them in order.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streamtime.errors import Invalid
from streamtime.hls.playlists import media_playlist
from streamtime.hls.segment_index import GrowingIndex
from streamtime.library.renditions import Kind, NewRendition, Origin
from streamtime.pipeline.folder import HlsFolder, RenditionFiles
from streamtime.pipeline.packaged import Made, Packaged, Step, Tell, in_order, master_of
from streamtime.pipeline.plan import (
    ENCODE_TARGET_S,
    Planned,
    chosen_audio,
    encode_order,
    grid_for,
    plan_audio,
    plan_rungs,
    rungs_for,
    stage_words,
)
from streamtime.pipeline.prepare import UNFIT, missing, order_of
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.source_facts import SourceFacts
from streamtime.worker_protocol import (
    Done,
    Package,
    PackageMessage,
    PosterWritten,
    Progress,
    RenditionFinished,
    RenditionStarted,
    SegmentWritten,
)
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.worker import Worker

_FIRST_SHARE = 0.1
"""Of the whole work, what needs no encoding of the picture."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """One order's part of the whole work."""

    words: str
    start: float
    end: float


@dataclass(slots=True)
class _Output:
    new: NewRendition
    files: RenditionFiles
    started: RenditionStarted | None = None
    growing: GrowingIndex | None = None


@dataclass(slots=True)
class _Packaging:
    """What is known while one file is packaged."""

    folder: HlsFolder
    tell: Tell
    made: list[Made] = field(default_factory=list)
    has_poster: bool = False
    duration_ms: int = 0
    damaged_after_ms: int | None = None

    def new_key(self, ending: str) -> str:
        """Files here are named after their rendition: no key is needed."""
        return ending

    @property
    def copy(self) -> Made | None:
        """The picture that was taken over as it is."""
        return next((m for m in self.made if m.new.kind is Kind.VIDEO and m.new.origin is Origin.COPY), None)


class Packager:
    """Makes HLS folders; `may_copy` says whether anything of a source may be taken over without encoding it."""

    def __init__(self, launcher: WorkerLauncher, settings: TranscodeSettings, *, may_copy: bool) -> None:
        self._launcher = launcher
        self._settings = settings
        self._may_copy = may_copy

    async def package(self, source: Path, folder: HlsFolder, tell: Tell) -> Packaged:
        """Make everything that the server would make, and publish it.

        Raises:
            Invalid: the source cannot be opened.
            WorkerFailed: it cannot be packaged.
        """
        work = _Packaging(folder, tell)
        with _opened(source) as descriptor:
            facts, copies = await self._prepare(work, descriptor)
            await self._encode(work, descriptor, facts, copies)
        made = in_order(work.made)
        folder.publish(master_of(made))
        return Packaged(made, work.has_poster, work.duration_ms, work.damaged_after_ms)

    async def _prepare(self, work: _Packaging, descriptor: int) -> tuple[SourceFacts, frozenset[Kind]]:
        """Look at it, and make what needs no encoding of the picture; what may still be copied is given too."""
        copies = frozenset({Kind.VIDEO, Kind.AUDIO} if self._may_copy else ())
        facts: SourceFacts | None = None
        unfit: Kind | None = None
        while facts is None or unfit is not None:
            async with self._launcher.launch(descriptor) as worker:
                facts = facts or await worker.probe()
                unfit = await self._first_order(work, worker, facts, copies)
            copies -= {unfit}
        return facts, copies

    async def _first_order(
        self, work: _Packaging, worker: Worker, facts: SourceFacts, copies: frozenset[Kind]
    ) -> Kind | None:
        """Make what is missing. What looked copyable and turns out not to be is given back, to be done otherwise."""
        planned = missing(work, facts, [made.new for made in work.made], copies)
        order = order_of(facts, planned, wants_poster=not work.has_poster)
        if not planned and order.poster is None:
            return None
        more = rungs_for(facts, self._settings.rungs, copied=order.copy is not None or work.copy is not None)
        stage = _Stage(stage_words(plan.new.name for plan in planned), 0.0, _FIRST_SHARE if more else 1.0)
        try:
            await _make(work, worker, order, planned, stage)
        except WorkerFailed as error:
            unfit = UNFIT.get(error.code)
            if unfit not in copies:
                raise
            return unfit
        return None

    async def _encode(self, work: _Packaging, descriptor: int, facts: SourceFacts, copies: frozenset[Kind]) -> None:
        """Encode the rungs, all in one decode, and the sound with them where no copied picture brought it."""
        while planned := self._left(work, facts, copies):
            order = encode_order(facts, planned, grid_for(work.copy.index if work.copy else None))
            stage = _Stage(stage_words(plan.new.name for plan in planned), _FIRST_SHARE, 1.0)
            try:
                async with self._launcher.launch(descriptor) as worker:
                    await _make(work, worker, order, planned, stage)
            except WorkerFailed as error:
                unfit = UNFIT.get(error.code)
                if unfit not in copies:
                    raise
                copies -= {unfit}
            else:
                return

    def _left(self, work: _Packaging, facts: SourceFacts, copies: frozenset[Kind]) -> list[Planned]:
        names = {made.new.name for made in work.made}
        rungs = rungs_for(facts, self._settings.rungs, copied=work.copy is not None)
        longest_s = max((made.new.target_duration_s for made in work.made), default=ENCODE_TARGET_S)
        missing_rungs = [rung for rung in rungs if rung.name not in names]
        planned = plan_rungs(missing_rungs, work.new_key, longest_s=longest_s)
        track = chosen_audio(facts)
        if track is not None and not any(made.new.kind is Kind.AUDIO for made in work.made):
            may_copy, key = Kind.AUDIO in copies, work.new_key(".mp4")
            planned.append(plan_audio(track, key, len(planned), may_copy=may_copy, longest_s=longest_s))
        return planned


async def _make(work: _Packaging, worker: Worker, order: Package, planned: Sequence[Planned], stage: _Stage) -> None:
    """Carry one order out. What became whole stays, whatever comes after it."""
    work.tell(Step(stage.words, stage.start))
    outputs: dict[int, _Output] = {}
    descriptors: list[int] = []
    poster: int | None = None
    try:
        for plan in planned:
            outputs[plan.order.output] = _Output(plan.new, work.folder.rendition(plan.new.name))
        descriptors = [outputs[number].files.fd for number in sorted(outputs)]
        if order.poster is not None:
            poster = work.folder.poster()
            descriptors.append(poster)
        async for message in worker.package(order, descriptors):
            _take(work, outputs, message, stage, order)
    finally:
        for output in outputs.values():
            output.files.discard()
        if poster is not None:
            os.close(poster)
            work.folder.drop_poster(unless=work.has_poster)


def _take(
    work: _Packaging, outputs: dict[int, _Output], message: PackageMessage, stage: _Stage, order: Package
) -> None:
    match message:
        case RenditionStarted():
            _started(outputs[message.output], message)
        case SegmentWritten():
            _segment(outputs[message.output], message)
        case RenditionFinished():
            work.made.append(_finished(outputs.pop(message.output), message))
        case PosterWritten():
            work.has_poster = True
        case Progress():
            work.tell(_step(stage, message, order.duration_ms))
        case Done():
            work.duration_ms = max(work.duration_ms, message.duration_ms)
            work.damaged_after_ms = message.damaged_after_ms or work.damaged_after_ms


def _started(output: _Output, message: RenditionStarted) -> None:
    output.started = message
    output.growing = GrowingIndex(message.timescale, message.init_length)
    output.files.cut("init.mp4", 0, message.init_length)


def _segment(output: _Output, message: SegmentWritten) -> None:
    number = len(_growing(output))
    segment = _growing(output).append_next(length=message.length, duration=message.duration)
    output.files.cut(f"{number}.m4s", segment.offset, segment.length)


def _finished(output: _Output, message: RenditionFinished) -> Made:
    index = _growing(output).snapshot()
    if output.started is None or index.bytes_total != message.bytes_total:
        raise RuntimeError("A worker's segments do not add up to what it says it wrote.")
    text = media_playlist(index, target_duration_s=output.new.target_duration_s, complete=True)
    output.files.finish(text)
    return Made(output.new, output.started, index)


def _growing(output: _Output) -> GrowingIndex:
    if output.growing is None:
        raise RuntimeError("A worker wrote a segment before the beginning.")
    return output.growing


def _step(stage: _Stage, progress: Progress, duration_ms: int | None) -> Step:
    """Put a worker's progress in its place; the time left can be told in the last stage, if the source has a length."""
    fraction = stage.start + (stage.end - stage.start) * progress.fraction
    speed = progress.speed or None
    left_s = None
    if speed and duration_ms and stage.end == 1.0:
        left_s = (1 - progress.fraction) * duration_ms / 1000 / speed
    return Step(stage.words, fraction, speed, left_s)


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    if source.exists() and not source.is_file():
        raise Invalid(f"{source} is no file.")  # opening a pipe would wait for somebody to write
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror or error}.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
