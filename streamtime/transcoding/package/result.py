"""What is told of a file while it is packaged, and what has come of it, as values; and its multivariant playlist."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamtime.hls.playlists import (
    Audio,
    Subtitles,
    Variant,
    has_iframes,
    iframes_of,
    multivariant_playlist,
    unique_names,
)
from streamtime.hls.segment_index import SegmentIndex
from streamtime.languages import bcp47
from streamtime.transcoding.package.folder import IFRAMES, MEDIA_PLAYLIST
from streamtime.videos.renditions import NewRendition, RenditionKind
from streamtime.workers.protocol import RenditionStarted


@dataclass(frozen=True, slots=True)
class PackagingProgress:
    """How far the work is: the stage in words, and `fraction` of the whole work from 0 to 1.

    `speed` is in seconds of video a second; `left_s` is the time left. Both are None while they cannot be told.
    """

    stage: str
    fraction: float
    speed: float | None = None
    remaining_s: float | None = None


PackagingCallback = Callable[[PackagingProgress], None]


@dataclass(frozen=True, slots=True)
class PackagedRendition:
    """A whole rendition."""

    new: NewRendition
    started: RenditionStarted
    index: SegmentIndex

    @property
    def uri(self) -> str:
        """Its playlist, relative to the multivariant one."""
        return f"{self.new.name}/{MEDIA_PLAYLIST}"


@dataclass(frozen=True, slots=True)
class FolderCaptions:
    """A caption track. `language` is a BCP 47 tag, or `und`; `label` is for people."""

    name: str
    language: str
    label: str
    cues: int

    @property
    def uri(self) -> str:
        """Its playlist, relative to the multivariant one."""
        return f"captions/{self.name}.m3u8"

    @property
    def text_uri(self) -> str:
        """Its text."""
        return f"captions/{self.name}.vtt"


@dataclass(frozen=True, slots=True)
class PackagingResult:
    """What has come of it. `damaged_after_ms` where the source broke off early; `notes` say what was left out, and why.

    With `has_stills` there are a storyboard and a preview.
    """

    renditions: tuple[PackagedRendition, ...]
    captions: tuple[FolderCaptions, ...]
    chapters: int
    has_poster: bool
    has_stills: bool
    duration_ms: int
    damaged_after_ms: int | None
    notes: tuple[str, ...]


def sort_renditions(made: Sequence[PackagedRendition]) -> tuple[PackagedRendition, ...]:
    """The largest picture first, sound last, the one that is heard first before others."""
    return tuple(
        sorted(
            made,
            key=lambda m: (m.new.kind is RenditionKind.AUDIO, -m.started.height, not m.new.audio.default, _place(m)),
        )
    )


def _place(made: PackagedRendition) -> tuple[int, str]:
    """By the stream of a sound track, which its name ends with."""
    return len(made.new.name), made.new.name


def build_master_playlist(made: Sequence[PackagedRendition], captions: Sequence[FolderCaptions]) -> str:
    """The multivariant playlist of these renditions and captions, in their order."""
    heard = [m for m in made if m.new.kind is RenditionKind.AUDIO]
    names = unique_names(m.new.audio.label for m in heard)
    labels = unique_names(track.label for track in captions)
    return multivariant_playlist(
        [_variant(m) for m in made if m.new.kind is RenditionKind.VIDEO],
        [_audio(*named) for named in zip(heard, names, strict=True)],
        [Subtitles(track.uri, label, bcp47(track.language)) for track, label in zip(captions, labels, strict=True)],
    )


def _variant(made: PackagedRendition) -> Variant:
    about = made.started
    return Variant(
        uri=made.uri,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=about.codecs,
        width=about.width,
        height=about.height,
        fps=about.fps,
        iframes=iframes_of(made.index, f"{made.new.name}/{IFRAMES}") if has_iframes(made.index) else None,
    )


def _audio(made: PackagedRendition, name: str) -> Audio:
    return Audio(
        uri=made.uri,
        name=name,
        peak_bps=made.index.peak_bps,
        average_bps=made.index.average_bps,
        codecs=made.started.codecs,
        channels=made.started.channels or 2,
        language=made.new.audio.language,
        default=made.new.audio.default,
    )
