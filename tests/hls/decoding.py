"""Decodes each segment separately after its init segment, as a player does after a seek or a switch."""

import io
from fractions import Fraction

import av
import av.error

from tests.hls.findings import Findings
from tests.hls.playlist import Attributes
from tests.hls.track import Segment, Track

SHAPE_WITHIN = 2
"""Pixels by which RESOLUTION may differ from the displayed size: sizes are rounded to even numbers."""


def check_decoding(track: Track, attributes: Attributes, findings: Findings) -> None:
    """Check that each segment decodes to all its frames, without errors, in the announced size."""
    for segment in track.segments:
        try:
            frames, size = _decode(track, segment)
        except av.error.FFmpegError as error:
            findings.add(segment.where, f"it cannot be decoded on its own: {error.strerror}")
            continue
        wanted = len(segment.samples)
        findings.want(frames == wanted, segment.where, f"{frames} of its {wanted} samples can be decoded on their own")
        if track.is_picture and "RESOLUTION" in attributes:
            said = tuple(int(part) for part in attributes["RESOLUTION"].split("x"))
            near = all(abs(a - b) <= SHAPE_WITHIN for a, b in zip(said, size, strict=True))
            findings.want(near, segment.where, f"RESOLUTION says {said}, it is shown in {size}")


def _shown(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size in square pixels, enlarged, not reduced: wide pixels increase the width, narrow ones the height."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _decode(track: Track, segment: Segment) -> tuple[int, tuple[int, int]]:
    frames, size = 0, (0, 0)
    with av.open(io.BytesIO(track.init + segment.data), "r", format="mp4") as container:
        (stream,) = container.streams.get()
        assert isinstance(stream, av.VideoStream | av.AudioStream)
        stream.codec_context.options = {"err_detect": "explode"}
        for frame in container.decode(stream):
            if isinstance(frame, av.VideoFrame):
                aspect = stream.sample_aspect_ratio if isinstance(stream, av.VideoStream) else None
                size = _shown(frame.width, frame.height, aspect or Fraction(1))
                frames += not frame.is_corrupt
            else:
                frames += 1
    return frames, size
