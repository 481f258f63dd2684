"""What is told of a file while it is packaged, and what has come of it, as values; and its multivariant playlist."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamtime.hls.playlists import Audio, Variant, multivariant_playlist
from streamtime.hls.segment_index import SegmentIndex
from streamtime.library.renditions import Kind, NewRendition
from streamtime.pipeline.folder import PLAYLIST
from streamtime.worker_protocol import RenditionStarted


@dataclass(frozen=True, slots=True)
class Step:
    """How far the work is: the stage in words, and `fraction` of the whole work from 0 to 1.

    `speed` is in seconds of video a second; `left_s` is the time left. Both are None while they cannot be told.
    """

    stage: str
    fraction: float
    speed: float | None = None
    left_s: float | None = None


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A whole rendition."""

    new: NewRendition
    started: RenditionStarted
    index: SegmentIndex

    @property
    def uri(self) -> str:
        """Its playlist, relative to the multivariant one."""
        return f"{self.new.name}/{PLAYLIST}"


@dataclass(frozen=True, slots=True)
class Packaged:
    """What has come of it. `damaged_after_ms` where the source broke off early."""

    renditions: tuple[Made, ...]
    has_poster: bool
    duration_ms: int
    damaged_after_ms: int | None


def in_order(made: Sequence[Made]) -> tuple[Made, ...]:
    """The largest picture first, sound last: workers finish them as it comes."""
    return tuple(sorted(made, key=lambda m: (m.new.kind is Kind.AUDIO, -m.started.height, m.new.name)))


def master_of(made: Sequence[Made]) -> str:
    """The multivariant playlist of these renditions, in their order."""
    pictures = [_variant(m) for m in made if m.new.kind is Kind.VIDEO]
    return multivariant_playlist(pictures, [_audio(m) for m in made if m.new.kind is Kind.AUDIO])


def _variant(made: Made) -> Variant:
    about = made.started
    return Variant(
        uri=made.uri,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=about.codecs,
        width=about.width,
        height=about.height,
        fps=about.fps,
    )


def _audio(made: Made) -> Audio:
    return Audio(
        uri=made.uri,
        name=made.new.name,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=made.started.codecs,
        channels=made.started.channels or 2,
    )
