"""What is known while one order is under way: how far each rendition is, and how much of it may be played."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.library.growing import GrowingRenditions
from streamtime.library.renditions import Begun, Description, Kind, NewRendition
from streamtime.library.video import Video
from streamtime.pipeline.cues import AwaitedCues
from streamtime.pipeline.plan import accepted
from streamtime.pipeline.supervision import Stage
from streamtime.storage.spool import SpoolFile
from streamtime.worker_protocol import Done

HEAD_START_S = 8
"""A growing video counts as playable when so much of it is there, or all: two segments. A player looks at the playlist
again after one target duration (five seconds), so with one segment of four it would stop however fast the encoder."""


@dataclass(slots=True)
class Output:
    """One rendition while it is made."""

    begun: Begun
    new: NewRendition
    file: SpoolFile | None = None
    index: GrowingIndex | None = None
    """All segments that the worker has told of, from those that were kept on."""
    shown: int = 0
    """How many of them may be played."""
    shown_s: float = 0.0
    kept_s: float = 0.0
    finished: bool = False

    @property
    def made_s(self) -> float:
        """How much of it the worker has made."""
        return 0.0 if self.index is None else self.index.snapshot().duration_ms / 1000

    def show(self, index: SegmentIndex, growing: GrowingRenditions) -> None:
        """Let so much of it be played."""
        self.shown, self.shown_s = len(index.segments), index.duration_ms / 1000
        growing.show(self.begun.id, index)

    async def sync(self) -> None:
        """Return when all that was written of it is on disk."""
        if self.file is None:
            raise RuntimeError("A rendition cannot grow before its file is open.")
        await self.file.sync()

    def whole(self, bytes_total: int) -> SegmentIndex:
        """The index of all of it, which has to add up to so many bytes.

        Raises:
            WorkerFailed: it is none that plays.
        """
        index = accepted(self.new, self.index.snapshot() if self.index is not None else None, bytes_total)
        self.finished = True
        return index


@dataclass(slots=True)
class Making:
    """What is known while one order is under way."""

    video: Video
    checkpoint_every_s: float | None
    began_s: float
    cues: AwaitedCues
    outputs: dict[int, Output] = field(default_factory=dict)
    checkpoint_due_s: float = 0.0
    poster_output: int | None = None
    poster_object: int | None = None
    """The row that waits for the poster's bytes; None when there is no more waiting."""
    poster_key: str = ""
    playable: bool = False
    described: list[tuple[int, Description]] = field(default_factory=list)
    """What is known of renditions and not written yet: it goes with the next transaction."""
    descriptions: dict[int, Description] = field(default_factory=dict)
    """What is known of renditions, by row id."""
    stage: Stage | None = None
    done: Done | None = None
    empty: list[int] = field(default_factory=list)
    """Row ids of sound of which nothing came."""

    def describe(self, rendition_id: int, description: Description) -> None:
        """Note what is known of a rendition, to be written with the next transaction."""
        self.descriptions[rendition_id] = description
        self.described.append((rendition_id, description))

    @property
    def is_far_enough(self) -> bool:
        """Whether a player could begin with what is shown."""
        return self._has_head_start(lambda output: output.shown_s)

    @property
    def could_begin(self) -> bool:
        """Whether a player could begin if all that is made were shown, and cannot yet."""
        return not self.playable and self._has_head_start(lambda output: output.made_s)

    def _has_head_start(self, reached_s: Callable[[Output], float]) -> bool:
        """Whether a picture is far enough, and all sound of this order as far.

        Sound is never made after the picture, so an order without sound has nothing to wait for.
        """
        outputs = self.outputs.values()
        far = [output.new.kind for output in outputs if output.finished or reached_s(output) >= HEAD_START_S]
        sounds = sum(output.new.kind is Kind.AUDIO for output in outputs)
        return Kind.VIDEO in far and far.count(Kind.AUDIO) == sounds

    def fresh(self) -> list[tuple[Output, SegmentIndex]]:
        """What has grown beyond what is shown of it, as it is now."""
        return [
            (output, output.index.snapshot())
            for output in self.outputs.values()
            if output.index is not None and not output.finished and len(output.index) > output.shown
        ]

    def leave_out_empty(self) -> bool:
        """Give up sound of which nothing came; whether there was any."""
        empty = [o for o in self.outputs.values() if not o.finished and o.new.kind is Kind.AUDIO]
        self.empty += [output.begun.id for output in empty]
        self.outputs = {number: output for number, output in self.outputs.items() if output not in empty}
        return bool(empty)

    def given_up(self) -> list[int]:
        """Row ids of renditions that the next attempt does not go on with."""
        outputs = self.outputs.values()
        return [output.begun.id for output in outputs if not (self.checkpoint_every_s and output.shown)]
