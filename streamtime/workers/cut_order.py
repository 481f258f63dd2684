"""The order to cut a source, and its answer; `protocol.py` has all orders."""

import msgspec


class CutPart(msgspec.Struct, frozen=True):
    """A part of a video, in milliseconds of its timeline."""

    start_ms: int
    end_ms: int


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """Write the parts of the source, one after another, to one file (output 0).

    `origin_us`, `video_stream` and the audio tracks come from `ProbeResult`. With `exact` the video is encoded, to the
    frame; else it is copied, from the keyframe nearest to the start of each part.
    """

    origin_us: int
    video_stream: int
    audio_streams: tuple[int, ...] = ()
    parts: tuple[CutPart, ...] = ()
    exact: bool = False
    duration_ms: int | None = None


class CutWritten(msgspec.Struct, frozen=True, tag="cut_written"):
    """The file of a `Cut` is written; `parts` are those that it has, and `container` its type."""

    bytes_total: int
    parts: tuple[CutPart, ...]
    container: str
