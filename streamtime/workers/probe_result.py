"""Result of probing a source: its container, tracks, chapters and lengths."""

from fractions import Fraction

import msgspec


class VideoInfo(msgspec.Struct, frozen=True):
    """The video track. `width` and `height` are the display size: upright, square pixels, possibly odd."""

    stream: int
    codec: str
    profile: str | None
    stored_width: int
    stored_height: int
    width: int
    height: int
    rotation: int
    """Degrees clockwise by which the stored frame is rotated for display: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether the stored frame is flipped horizontally before it is rotated."""
    fps_num: int
    fps_den: int
    pix_fmt: str | None
    bit_depth: int
    interlaced: bool
    bitrate_bps: int | None
    copyable: bool
    copy_obstacle: str | None
    """Why the track cannot be copied, as a sentence fragment for the user; None if it can be."""
    copy_target_duration_s: int
    """EXT-X-TARGETDURATION of a copy, in whole seconds."""

    @property
    def fps(self) -> Fraction:
        """Average frames per second."""
        return Fraction(self.fps_num, self.fps_den)


class AudioInfo(msgspec.Struct, frozen=True):
    """One audio track. `language` and `title` are unchecked values from the file."""

    stream: int
    codec: str
    channels: int
    sample_rate_hz: int
    bitrate_bps: int | None
    language: str | None
    title: str | None
    default: bool
    copyable: bool
    purpose: str | None = None
    """The track's purpose as declared by the file: `commentary`, `audio description` and so on; None for a main
    track."""


class SubtitleInfo(msgspec.Struct, frozen=True):
    """One subtitle track. Bitmap subtitles (`is_text` is false) are not supported."""

    stream: int
    codec: str
    is_text: bool
    language: str | None
    title: str | None
    forced: bool
    hearing_impaired: bool = False
    """Whether it also describes sounds, for deaf and hard-of-hearing viewers (SDH)."""


class ChapterInfo(msgspec.Struct, frozen=True):
    """One chapter, in milliseconds of the video's timeline. `title` is an unchecked value from the file."""

    start_ms: int
    end_ms: int
    title: str


class ProbeResult(msgspec.Struct, frozen=True, tag="source_facts"):
    """The answer to `Probe`. A source without video and audio gets an `OrderFailed` instead."""

    container: str
    duration_ms: int | None
    """None if the file does not declare it."""
    origin_us: int
    bitrate_bps: int | None
    video: VideoInfo
    audios: tuple[AudioInfo, ...]
    other_streams: tuple[str, ...]
    """Types of the unused streams: `subtitle`, `attachment`, `data`, `cover`."""
    subtitles: tuple[SubtitleInfo, ...] = ()
    chapters: tuple[ChapterInfo, ...] = ()
    title: str | None = None
    """The title tag of the file, unchecked."""
    creation_dates: tuple[str, ...] = ()
    """Times of recording or creation in the file's metadata, the most reliable first, unchecked."""
    rotate: int = 0
    """Degrees clockwise by which the video is rotated besides `video.rotation` of the file, as in the order."""
