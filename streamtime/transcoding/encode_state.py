"""What is known while one order is under way: how far each rendition is, and how much of it may be played."""

from collections.abc import Callable
from dataclasses import dataclass, field

from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.storage.spool import SpoolFile
from streamtime.transcoding.plan import validated_index
from streamtime.transcoding.subtitles import CueCollector
from streamtime.transcoding.supervision import ActiveOrder
from streamtime.videos.progress import GrowingRenditions
from streamtime.videos.renditions import NewRendition, RenditionFormat, RenditionKind, StartedRendition
from streamtime.videos.video import Video
from streamtime.workers.protocol import OrderDone

MIN_BUFFER_S = 8
"""A growing video counts as playable when so much of it is there, or all: two segments. A player looks at the playlist
again after one target duration (five seconds), so with one segment of four it would stop however fast the encoder."""


@dataclass(slots=True)
class EncodeOutput:
    """One rendition while it is made."""

    begun: StartedRendition
    new: NewRendition
    file: SpoolFile | None = None
    index: GrowingIndex | None = None
    """All segments that the worker has told of, from those that were kept on."""
    published: int = 0
    """How many of them may be played."""
    published_s: float = 0.0
    resumed_s: float = 0.0
    finished: bool = False

    @property
    def written_s(self) -> float:
        """How much of it the worker has made."""
        return 0.0 if self.index is None else self.index.snapshot().duration_ms / 1000

    def publish(self, index: SegmentIndex, growing: GrowingRenditions) -> None:
        """Let so much of it be played."""
        self.published, self.published_s = len(index.segments), index.duration_ms / 1000
        growing.publish(self.begun.id, index)

    async def sync(self) -> None:
        """Return when all that was written of it is on disk."""
        if self.file is None:
            raise RuntimeError("A rendition cannot grow before its file is open.")
        await self.file.sync()

    def finish(self, bytes_total: int) -> SegmentIndex:
        """The index of all of it, which has to add up to so many bytes.

        Raises:
            WorkerFailed: it is none that plays.
        """
        index = validated_index(self.new, self.index.snapshot() if self.index is not None else None, bytes_total)
        self.finished = True
        return index


@dataclass(slots=True)
class EncodeState:
    """What is known while one order is under way."""

    video: Video
    checkpoint_every_s: float | None
    started_s: float
    cues: CueCollector
    outputs: dict[int, EncodeOutput] = field(default_factory=dict)
    checkpoint_due_s: float = 0.0
    poster_output: int | None = None
    poster_object: int | None = None
    """The row that waits for the poster's bytes; None when there is no more waiting."""
    poster_key: str = ""
    playable: bool = False
    pending_formats: list[tuple[int, RenditionFormat]] = field(default_factory=list)
    """What is known of renditions and not written yet: it goes with the next transaction."""
    formats: dict[int, RenditionFormat] = field(default_factory=dict)
    """What is known of renditions, by row id."""
    stage: ActiveOrder | None = None
    done: OrderDone | None = None
    dropped: list[int] = field(default_factory=list)
    """Row ids of sound of which nothing came."""

    def describe(self, rendition_id: int, description: RenditionFormat) -> None:
        """Note what is known of a rendition, to be written with the next transaction."""
        self.formats[rendition_id] = description
        self.pending_formats.append((rendition_id, description))

    @property
    def has_enough_published(self) -> bool:
        """Whether a player could begin with what is shown."""
        return self._has_min_buffer(lambda output: output.published_s)

    @property
    def has_enough_written(self) -> bool:
        """Whether a player could begin if all that is made were shown, and cannot yet."""
        return not self.playable and self._has_min_buffer(lambda output: output.written_s)

    def _has_min_buffer(self, reached_s: Callable[[EncodeOutput], float]) -> bool:
        """Whether a picture is far enough, and all sound of this order as far.

        Sound is never made after the picture, so an order without sound has nothing to wait for.
        """
        outputs = self.outputs.values()
        far = [output.new.kind for output in outputs if output.finished or reached_s(output) >= MIN_BUFFER_S]
        sounds = sum(output.new.kind is RenditionKind.AUDIO for output in outputs)
        return RenditionKind.VIDEO in far and far.count(RenditionKind.AUDIO) == sounds

    def unpublished(self) -> list[tuple[EncodeOutput, SegmentIndex]]:
        """What has grown beyond what is shown of it, as it is now."""
        return [
            (output, output.index.snapshot())
            for output in self.outputs.values()
            if output.index is not None and not output.finished and len(output.index) > output.published
        ]

    def drop_empty_audio(self) -> bool:
        """Give up sound of which nothing came; whether there was any."""
        empty = [o for o in self.outputs.values() if not o.finished and o.new.kind is RenditionKind.AUDIO]
        self.dropped += [output.begun.id for output in empty]
        self.outputs = {number: output for number, output in self.outputs.items() if output not in empty}
        return bool(empty)

    def unresumable(self) -> list[int]:
        """Row ids of renditions that the next attempt does not go on with."""
        outputs = self.outputs.values()
        return [output.begun.id for output in outputs if not (self.checkpoint_every_s and output.published)]
