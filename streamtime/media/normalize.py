"""Normalizes frames for browsers: upright, progressive, BT.709 limited range, 8-bit 4:2:0.

A frame that is normalized already passes unchanged. HDR is tone mapped through a lookup table: PQ and HLG become linear
light (ITU-R BT.2100), the primaries BT.709, Hable's curve brings the brightest component below the screen's peak (as in
FFmpeg's `tonemap=hable` without desaturation), and the result is encoded with the BT.1886 curve. White is 100 nits.
Conversions run in FFmpeg filter graphs, which are rebuilt when the frames change format.
"""

import os
from array import array
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from streamtime.media.colours import Colours, colours_of, is_full_range, peak_nits
from streamtime.media.video_stream import Orientation

_AGAIN_ERRNOS = (11, 541478725)
_DEFAULT_TICK = Fraction(1, 90_000)
_MAX_THREADS = 4
_BEFORE_ALL = -(1 << 40)


@dataclass(frozen=True)
class FilterStep:
    """One filter with its options. `lookup_table` makes a constant second input."""

    name: str
    options: str = ""
    lookup_table: Callable[[], VideoFrame] | None = None


class FilterChain:
    """Runs frames through filters in order; some filters delay a frame."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: Hashable = None
        self._input: FilterContext | None = None

    def take(self, frame: VideoFrame, steps: Sequence[FilterStep]) -> list[VideoFrame]:
        """Filter one frame by `steps`; if these differ from the last ones, frames held back before come first."""
        shape = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.time_base,
            tuple((s.name, s.options) for s in steps),
        )
        ready = self.flush() if shape != self._shape else []
        if self._input is None:
            self._input = self._build(frame, steps)
            self._shape = shape
        self._input.push(frame)
        return ready + self._drain()

    def flush(self) -> list[VideoFrame]:
        """Return the frames held back; more may follow."""
        if self._input is None:
            return []
        self._input.push(None)
        rest = self._drain()
        self._graph = self._input = None
        return rest

    def _build(self, frame: VideoFrame, steps: Sequence[FilterStep]) -> FilterContext:
        self._graph = graph = Graph()
        is_heavy = any(step.lookup_table for step in steps)
        graph.threads = min(_MAX_THREADS, os.cpu_count() or 1) if is_heavy else 1
        source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format,
                                  time_base=frame.time_base or _DEFAULT_TICK)  # fmt: skip
        filters = [graph.add(step.name, step.options or None) for step in steps]
        nodes = [source, *filters, graph.add("buffersink")]
        for earlier, later in pairwise(nodes):
            earlier.link_to(later)
        tables = [
            (step.lookup_table(), consumer) for step, consumer in zip(steps, filters, strict=True) if step.lookup_table
        ]
        inputs = [(table_frame, _table_input(graph, table_frame, consumer)) for table_frame, consumer in tables]
        graph.configure()
        for table_frame, entry in inputs:
            # A filter with a second input needs it before the first frame.
            table_frame.pts = _BEFORE_ALL
            entry.push(table_frame)
            entry.push(None)
        return source

    def _drain(self) -> list[VideoFrame]:
        frames: list[VideoFrame] = []
        while self._graph is not None:
            try:
                frames.append(self._graph.vpull())
            except (BlockingIOError, EOFError):
                return frames
            except FFmpegError as error:
                if error.errno in _AGAIN_ERRNOS:
                    return frames
                raise
        return frames


def _table_input(graph: Graph, table_frame: VideoFrame, consumer: FilterContext) -> FilterContext:
    entry = graph.add_buffer(
        width=table_frame.width, height=table_frame.height, format=table_frame.format, time_base=_DEFAULT_TICK
    )
    entry.link_to(consumer, 0, 1)
    return entry


_HALD_LEVEL = 6
POINTS = _HALD_LEVEL**2
"""Points on each axis of the lookup table; values between them are interpolated."""

_SIDE = _HALD_LEVEL**3
_FORMAT = "rgb48le"
_PIXEL_BYTES = 6
_WHITE = 65535

_SCREEN_NITS = 100.0
_SCREEN_GAMMA = 2.4
_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2
_NO_LIGHT = 1e-6

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""Constants of PQ, BT.2100 table 4."""

_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
"""Constants of HLG, BT.2100 table 5."""

Triple = tuple[float, float, float]
Rows = tuple[Triple, Triple, Triple]

_TO_BT709: dict[str, Rows] = {
    "bt2020": ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    "smpte432": ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
    "bt709": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""Linear conversion of other primaries to BT.709; from the chromaticities of BT.2087 and SMPTE EG 432-1."""

_LUMA_2020 = (0.2627, 0.6780, 0.0593)


@dataclass(frozen=True)
class ToneMap:
    """The tone mapping of one transfer function (PQ or HLG), primaries and peak brightness."""

    transfer: int
    primaries: str
    peak_nits: float

    def map(self, red: float, green: float, blue: float) -> Triple:
        """Map one colour; encoded values from 0 to 1, in and out."""
        light = self._light(
            (_inverse(red, self.transfer), _inverse(green, self.transfer), _inverse(blue, self.transfer))
        )
        return self._to_screen(light)

    def table(self) -> VideoFrame:
        """Return the lookup table as an image for FFmpeg's `haldclut`: red varies fastest, then green, then blue."""
        axis = [_inverse(step / (POINTS - 1), self.transfer) for step in range(POINTS)]
        values = array("H")
        for blue in axis:
            for green in axis:
                for red in axis:
                    values.extend(round(part * _WHITE) for part in self._to_screen(self._light((red, green, blue))))
        return _table_frame(values)

    def _light(self, linear: Triple) -> Triple:
        """Convert linear values to display light; 1 is the white of an SDR screen."""
        if self.transfer == ColorTrc.SMPTE2084:
            return linear
        luma = sum(share * part for share, part in zip(_LUMA_2020, linear, strict=True))
        scale = _HLG_NITS / _SCREEN_NITS * luma ** (_HLG_GAMMA - 1)
        return linear[0] * scale, linear[1] * scale, linear[2] * scale

    def _to_screen(self, light: Triple) -> Triple:
        red, green, blue = light
        mapped = [m[0] * red + m[1] * green + m[2] * blue for m in _TO_BT709.get(self.primaries, _TO_BT709["bt2020"])]
        brightest, peak = max(*mapped, _NO_LIGHT), self.peak_nits / _SCREEN_NITS
        scale = _hable(min(brightest, peak)) / _hable(peak) / brightest
        out = [min(1.0, max(0.0, part * scale)) ** (1 / _SCREEN_GAMMA) for part in mapped]
        return out[0], out[1], out[2]


def _inverse(coded: float, transfer: int) -> float:
    """Convert an encoded value to linear light: of a screen of 100 nits for PQ, of the scene for HLG."""
    if transfer == ColorTrc.SMPTE2084:
        power: float = coded ** (1 / _M2)
        light: float = (max(power - _C1, 0.0) / (_C2 - _C3 * power)) ** (1 / _M1)
        return light * 10_000 / _SCREEN_NITS
    return coded * coded / 3 if coded <= 0.5 else (2.718281828459045 ** ((coded - _C) / _A) + _B) / 12  # noqa: PLR2004  (BT.2100 table 5)


def _hable(x: float) -> float:
    return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.02 / 0.3


def _table_frame(values: "array[int]") -> VideoFrame:
    frame = VideoFrame(_SIDE, _SIDE, _FORMAT)
    plane, row = frame.planes[0], _SIDE * _PIXEL_BYTES
    data = memoryview(values.tobytes())
    rows = (bytes(data[y * row : (y + 1) * row]).ljust(plane.line_size, b"\0") for y in range(_SIDE))
    plane.update(b"".join(rows))
    return frame


PIXEL_FORMAT = "yuv420p"
_HIGH_DEPTH_FORMAT = "yuv420p10le"
_HIGH_DEPTH_RGB_FORMAT = "rgb48le"
_STANDARD_DEPTH = 8
_ROTATIONS = {90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}
_SCREEN = "gamma22"
"""Transfer function for the conversion of primaries: the screen's, whatever the camera's was."""

_DEINTERLACE = (FilterStep("bwdif", "mode=send_frame:deint=all"),)


class Scaler:
    """Scales to one size, limited range. Use one for each rung: it caches tables for its sizes."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, pixel_format: str = PIXEL_FORMAT) -> VideoFrame:
        """Return the frame in the target size, or the same frame if it matches. RGB becomes BT.709."""
        # Keep the matrix of other formats: the same name on both sides, because the scaler rejects unusual ones.
        return self._reformatter.reformat(
            frame,
            self._width,
            self._height,
            pixel_format,
            src_colorspace=None if frame.format.is_rgb else Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            interpolation=Interpolation.BILINEAR,
            src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )


class FrameNormalizer:
    """Converts stored frames to normalized frames of `width` x `height`, in the same order."""

    def __init__(self, width: int, height: int, orientation: Orientation, *, interlaced: bool) -> None:
        self._orientation_steps = orientation_steps(orientation)
        self._deinterlacer = FilterChain() if interlaced else None
        self._chain = FilterChain()
        stored = (height, width) if orientation.swaps_axes else (width, height)
        self._scaler = Scaler(*stored)
        self._tags: tuple[object, ...] = ()
        self._steps: Sequence[FilterStep] = ()
        self._pixel_format = PIXEL_FORMAT

    def take(self, frame: VideoFrame) -> list[VideoFrame]:
        """Normalize one frame; a deinterlacer returns it one frame late."""
        if self._deinterlacer is None:
            return self._normalized(frame)
        return [
            normalized
            for deinterlaced in self._deinterlacer.take(frame, _DEINTERLACE)
            for normalized in self._normalized(deinterlaced)
        ]

    def flush(self) -> list[VideoFrame]:
        """Return the frames held back; more may follow."""
        held = self._deinterlacer.flush() if self._deinterlacer is not None else []
        return [
            normalized for deinterlaced in held for normalized in self._normalized(deinterlaced)
        ] + self._chain.flush()

    def _normalized(self, frame: VideoFrame) -> list[VideoFrame]:
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.format.name, frame.width, frame.height)
        if tags != self._tags:
            self._tags = tags
            self._choose_steps(frame)
        scaled = self._scaler(frame, self._pixel_format)
        return self._chain.take(scaled, self._steps) if self._steps else [*self._chain.flush(), scaled]

    def _choose_steps(self, frame: VideoFrame) -> None:
        """Choose the steps for frames like this one; scaling comes first, since the other steps cost time per pixel."""
        colours = colours_of(frame)
        converting = () if colours.is_bt709 else _conversion_steps(colours, frame)
        self._steps = (*converting, *self._orientation_steps)
        self._pixel_format = _working_format(frame) if converting else PIXEL_FORMAT


def orientation_steps(orientation: Orientation) -> tuple[FilterStep, ...]:
    """Return the filters that make a stored frame upright."""
    mirror = (FilterStep("hflip"),) if orientation.mirrored else ()
    return (
        *mirror,
        *(FilterStep("transpose", f"dir={direction}") for direction in _ROTATIONS.get(orientation.rotation, ())),
    )


def _working_format(frame: VideoFrame) -> str:
    deep = max(part.bits for part in frame.format.components) > _STANDARD_DEPTH
    if frame.format.is_rgb and colours_of(frame).is_hdr:
        return _HIGH_DEPTH_RGB_FORMAT
    return _HIGH_DEPTH_FORMAT if deep else PIXEL_FORMAT


def _conversion_steps(colours: Colours, frame: VideoFrame) -> tuple[FilterStep, ...]:
    if colours.is_hdr:
        return _tone_map_steps(colours, ToneMap(colours.transfer, colours.primaries, peak_nits(frame)))
    # With unchanged primaries, the conversion to linear light can be skipped, which takes a tenth of the time.
    fast = int(colours.primaries == "bt709")
    return (
        FilterStep(
            "colorspace",
            f"ispace={colours.matrix}:iprimaries={colours.primaries}:itrc={_SCREEN}:irange=tv:"
            f"space=bt709:primaries=bt709:trc={_SCREEN}:range=tv:format={PIXEL_FORMAT}:fast={fast}",
        ),
    )


def _tone_map_steps(colours: Colours, tone_map: ToneMap) -> tuple[FilterStep, ...]:
    # Scalers of FFmpeg 8 convert between differing tags; equal tags leave the conversion to the lookup table.
    neutral = "color_primaries=bt709:color_trc=bt709"
    matrix = "bt2020nc" if colours.matrix == "bt2020ncl" else colours.matrix
    return (
        FilterStep("setparams", f"{neutral}:colorspace={matrix}:range=tv"),
        FilterStep("scale", "flags=bilinear"),
        FilterStep("format", _HIGH_DEPTH_RGB_FORMAT),
        FilterStep("haldclut", "clut=first:interp=tetrahedral", tone_map.table),
        FilterStep("scale", "flags=bilinear:out_color_matrix=bt709:out_range=tv"),
        FilterStep("format", PIXEL_FORMAT),
        FilterStep("setparams", f"{neutral}:colorspace=bt709:range=tv"),
    )
