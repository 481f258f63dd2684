"""What a worker finds out about a source before anything is made of it. It knows names and numbers, no codecs."""

from fractions import Fraction

import msgspec


class VideoInfo(msgspec.Struct, frozen=True):
    """The picture. `width` and `height` are as shown: upright and in square pixels, perhaps odd."""

    stream: int
    codec: str
    profile: str | None
    stored_width: int
    stored_height: int
    width: int
    height: int
    rotation: int
    """Degrees clockwise by which the stored picture must be turned to stand upright: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether it must be flipped left to right, before it is turned."""
    fps_num: int
    fps_den: int
    pix_fmt: str | None
    bit_depth: int
    interlaced: bool
    bitrate_bps: int | None
    copyable: bool
    copy_obstacle: str | None
    """Why it cannot be copied, in plain words; None where it can."""
    copy_target_duration_s: int
    """What EXT-X-TARGETDURATION must allow where it is copied, in whole seconds."""

    @property
    def fps(self) -> Fraction:
        """Frames a second, on average."""
        return Fraction(self.fps_num, self.fps_den)


class AudioInfo(msgspec.Struct, frozen=True):
    """One sound track. `language` is what the file says, not checked; `title` likewise."""

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
    """What the file says it is for, beside the film's own sound: `commentary`, `audio description` and so on."""


class SubtitleInfo(msgspec.Struct, frozen=True):
    """One subtitle track. Where `is_text` is false it is made of pictures, which nobody reads here."""

    stream: int
    codec: str
    is_text: bool
    language: str | None
    title: str | None
    forced: bool
    hearing_impaired: bool = False
    """Whether it tells sounds as well, for people who do not hear them (SDH)."""


class ChapterInfo(msgspec.Struct, frozen=True):
    """One chapter, in milliseconds of the common time line. `title` is what the file says, perhaps nothing."""

    start_ms: int
    end_ms: int
    title: str


class ProbeResult(msgspec.Struct, frozen=True, tag="source_facts"):
    """The answer to `Probe`. A source without a picture never gets here: that is a `OrderFailed`."""

    container: str
    duration_ms: int | None
    """None where the file does not tell."""
    origin_us: int
    bitrate_bps: int | None
    video: VideoInfo
    audios: tuple[AudioInfo, ...]
    other_streams: tuple[str, ...]
    """What else is inside and is not used, one word each: `subtitle`, `attachment`, `data`, `cover`."""
    subtitles: tuple[SubtitleInfo, ...] = ()
    chapters: tuple[ChapterInfo, ...] = ()
    title: str | None = None
    """What the file calls itself, not checked."""
