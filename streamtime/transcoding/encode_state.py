"""The state of a running order: its renditions, their segments, and how much of them may be played."""

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
"""A growing video is playable when this much, or all, of it is available: two segments. A player reloads the playlist
after one target duration (five seconds), so with one segment of four seconds it would always stall."""


@dataclass(slots=True)
class EncodeOutput:
    """A rendition of a running order."""

    begun: StartedRendition
    new: NewRendition
    file: SpoolFile | None = None
    index: GrowingIndex | None = None
    """All segments that the worker reported, and those of the checkpoint it resumed from."""
    published: int = 0
    """How many segments may be played."""
    published_s: float = 0.0
    resumed_s: float = 0.0
    finished: bool = False

    @property
    def written_s(self) -> float:
        """Seconds that the worker has written."""
        return 0.0 if self.index is None else self.index.snapshot().duration_ms / 1000

    def publish(self, index: SegmentIndex, growing: GrowingRenditions) -> None:
        """Make these segments available to players."""
        self.published, self.published_s = len(index.segments), index.duration_ms / 1000
        growing.publish(self.begun.id, index)

    async def sync(self) -> None:
        """Sync the written bytes to disk."""
        if self.file is None:
            raise RuntimeError("A rendition cannot grow before its file is open.")
        await self.file.sync()

    def finish(self, bytes_total: int) -> SegmentIndex:
        """Mark the rendition as finished and return its final index, which must cover `bytes_total`.

        Raises:
            WorkerFailed: the rendition does not play.
        """
        index = validated_index(self.new, self.index.snapshot() if self.index is not None else None, bytes_total)
        self.finished = True
        return index


@dataclass(slots=True)
class EncodeState:
    """The state of a running order."""

    video: Video
    checkpoint_every_s: float | None
    started_s: float
    cues: CueCollector
    outputs: dict[int, EncodeOutput] = field(default_factory=dict)
    checkpoint_due_s: float = 0.0
    poster_output: int | None = None
    poster_object: int | None = None
    """Object id of the poster until it is written, else None."""
    poster_key: str = ""
    playable: bool = False
    pending_formats: list[tuple[int, RenditionFormat]] = field(default_factory=list)
    """Formats to save with the next transaction, by rendition id."""
    formats: dict[int, RenditionFormat] = field(default_factory=dict)
    """Formats by rendition id."""
    stage: ActiveOrder | None = None
    done: OrderDone | None = None
    dropped: list[int] = field(default_factory=list)
    """Row ids of audio renditions without any packet."""

    def describe(self, rendition_id: int, description: RenditionFormat) -> None:
        """Set the format of a rendition, to be saved with the next transaction."""
        self.formats[rendition_id] = description
        self.pending_formats.append((rendition_id, description))

    @property
    def has_enough_published(self) -> bool:
        """Whether a player can start with the published segments."""
        return self._has_min_buffer(lambda output: output.published_s)

    @property
    def has_enough_written(self) -> bool:
        """Whether the video is not playable yet, but would be if all written segments were published."""
        return not self.playable and self._has_min_buffer(lambda output: output.written_s)

    def _has_min_buffer(self, reached_s: Callable[[EncodeOutput], float]) -> bool:
        """Return whether a video rendition and all audio of this order have the minimum buffer.

        The default audio is never made after the video, so an order without audio need not wait for it.
        """
        outputs = self.outputs.values()
        ready = [output.new.kind for output in outputs if output.finished or reached_s(output) >= MIN_BUFFER_S]
        audio_count = sum(output.new.kind is RenditionKind.AUDIO for output in outputs)
        return RenditionKind.VIDEO in ready and ready.count(RenditionKind.AUDIO) == audio_count

    def unpublished(self) -> list[tuple[EncodeOutput, SegmentIndex]]:
        """Return the renditions with unpublished segments, and their current index."""
        return [
            (output, output.index.snapshot())
            for output in self.outputs.values()
            if output.index is not None and not output.finished and len(output.index) > output.published
        ]

    def drop_empty_audio(self) -> bool:
        """Drop audio outputs without any packet. Returns whether there were any."""
        empty = [o for o in self.outputs.values() if not o.finished and o.new.kind is RenditionKind.AUDIO]
        self.dropped += [output.begun.id for output in empty]
        self.outputs = {number: output for number, output in self.outputs.items() if output not in empty}
        return bool(empty)

    def unresumable(self) -> list[int]:
        """Return the row ids of renditions that the next attempt can't resume."""
        outputs = self.outputs.values()
        return [output.begun.id for output in outputs if not (self.checkpoint_every_s and output.published)]
