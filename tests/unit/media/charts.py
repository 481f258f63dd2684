"""A chart of eight flat colours as a video in any colour space, and the reading of it from what the worker made.

The chart is converted by the peer's FFmpeg (zscale), and read here by arithmetic alone: no code that is tested.
"""

from collections.abc import Sequence
from pathlib import Path

import av
from av.video.frame import VideoFrame

from tests.clips import run_ffmpeg

Colour = tuple[float, float, float]

CHART: tuple[tuple[int, int, int], ...] = (
    (235, 235, 235), (128, 128, 128), (30, 30, 30), (190, 50, 45),
    (60, 150, 70), (50, 70, 180), (220, 170, 140), (205, 195, 70),
)  # fmt: skip
"""Red, green and blue as shown by a screen: grey, the three basic colours, skin and yellow."""

BT709, BT601 = (0.2126, 0.0722), (0.299, 0.114)
"""How much red and blue count in a colour's brightness."""

_COLUMNS, _ROWS = 4, 2


def make_chart(
    path: Path,
    convert: str,
    *arguments: str,
    size: tuple[int, int] = (320, 180),
    duration_s: float = 0.6,
    fps: int = 10,
    colours: Sequence[tuple[int, int, int]] = CHART,
) -> Path:
    """Write the chart to `path`; `convert` are filters, from full-range RGB on, and `arguments` the encoder's."""
    width, height = size
    rows = []
    for y in range(height):
        row = y * _ROWS // height * _COLUMNS
        rows.append(b"".join(bytes(colours[row + x * _COLUMNS // width]) for x in range(width)))
    raw = path.with_suffix(".rgb")
    raw.write_bytes(b"".join(rows))
    run_ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps),
        "-stream_loop", str(int(duration_s * fps) - 1), "-i", str(raw), "-vf", convert, *arguments, str(path),
    )  # fmt: skip
    raw.unlink()
    return path


def shown_colours(path: Path) -> list[Colour]:
    """Read the chart as a screen shows it, from a rendition that says it is BT.709, limited, 8-bit 4:2:0."""
    with av.open(str(path), "r") as container:
        frame = [*container.decode(video=0)][-1]
    assert frame.format.name == "yuv420p"
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
    return read_colours(frame, matrix=BT709, limited=True)


def read_colours(frame: VideoFrame, *, matrix: tuple[float, float], limited: bool) -> list[Colour]:
    """Read the chart from a picture of 8-bit 4:2:0, whatever its tags."""
    return [_shown(frame, c, r, matrix, limited=limited) for r in range(_ROWS) for c in range(_COLUMNS)]


def _shown(frame: VideoFrame, column: int, row: int, matrix: tuple[float, float], *, limited: bool) -> Colour:
    x, y = (2 * column + 1) * frame.width // (2 * _COLUMNS), (2 * row + 1) * frame.height // (2 * _ROWS)
    luma, blue, red = (
        bytes(plane)[(y >> shift) * plane.line_size + (x >> shift)]
        for plane, shift in zip(frame.planes, (0, 1, 1), strict=True)
    )
    black, white, reach = (16, 235, 224) if limited else (0, 255, 255)
    grey, pb, pr = (luma - black) / (white - black), (blue - 128) / reach, (red - 128) / reach
    r, b = grey + 2 * (1 - matrix[0]) * pr, grey + 2 * (1 - matrix[1]) * pb
    parts = (r, (grey - matrix[0] * r - matrix[1] * b) / (1 - matrix[0] - matrix[1]), b)
    return tuple(255 * min(1.0, max(0.0, part)) for part in parts)  # type: ignore[return-value]  # three of them


def furthest(found: Sequence[Colour], wanted: Sequence[Sequence[float]]) -> float:
    """Tell the largest difference of any part of any colour, in steps of 8 bits."""
    pairs = zip(found, wanted, strict=True)
    return max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
