"""Colour spaces of frames: their tags, what players assume where tags are missing, and whether they are BT.709.

Conversions are in `normalize.py`.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc


class Matrix(IntEnum):
    """FFmpeg's numbers of colour matrices (AVColorSpace; ITU-T H.273, table 4)."""

    RGB = 0
    BT709 = 1
    UNSPECIFIED = 2
    FCC = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    BT2020 = 9


_MATRIX_NAMES = {
    Matrix.BT709: "bt709",
    Matrix.FCC: "fcc",
    Matrix.BT470BG: "bt470bg",
    Matrix.SMPTE170M: "smpte170m",
    Matrix.SMPTE240M: "smpte240m",
    Matrix.BT2020: "bt2020ncl",
}
_PRIMARIES_NAMES = {
    ColorPrimaries.BT709: "bt709",
    ColorPrimaries.BT470M: "bt470m",
    ColorPrimaries.BT470BG: "bt470bg",
    ColorPrimaries.SMPTE170M: "smpte170m",
    ColorPrimaries.SMPTE240M: "smpte240m",
    ColorPrimaries.FILM: "film",
    ColorPrimaries.BT2020: "bt2020",
    ColorPrimaries.SMPTE431: "smpte431",
    ColorPrimaries.SMPTE432: "smpte432",
    ColorPrimaries.EBU3213: "jedec-p22",
}
_HDR_TRANSFERS = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}
_COMMON_MATRICES = {Matrix.BT709, Matrix.UNSPECIFIED, Matrix.BT470BG, Matrix.SMPTE170M}
_WIDE_PRIMARIES = {ColorPrimaries.BT2020, ColorPrimaries.SMPTE431, ColorPrimaries.SMPTE432}

SD_WIDTH, SD_HEIGHT = 1280, 576
"""An untagged frame narrower than this and no higher is BT.601, any other BT.709, as players assume."""

_LIGHT_LEVEL = struct.Struct("=II")
_MASTERING_INTS = 20
_MASTERING = struct.Struct(f"={_MASTERING_INTS}i2i")
_DEFAULT_PEAK_NITS = 1000.0
_MIN_PEAK_NITS, _MAX_PEAK_NITS = 203.0, 10_000.0


@dataclass(frozen=True)
class Colours:
    """The colour space of a frame, by the names of FFmpeg's filters."""

    matrix: str = "bt709"
    primaries: str = "bt709"
    transfer: int = ColorTrc.BT709

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ (HDR10) or HLG."""
        return self.transfer in _HDR_TRANSFERS

    @property
    def is_bt709(self) -> bool:
        """Whether no conversion is needed."""
        return self == BT709_COLOURS


BT709_COLOURS = Colours()


def colours_of(frame: VideoFrame) -> Colours:
    """Read a decoded frame's tags; fill in missing ones as players do."""
    if frame.color_trc in _HDR_TRANSFERS:
        matrix = _MATRIX_NAMES.get(_known(frame.colorspace), "bt2020ncl")
        primaries = _PRIMARIES_NAMES.get(_primaries(frame), "bt2020")
        return Colours(matrix, primaries, frame.color_trc)
    # All SDR transfer functions count as one: players show them alike.
    primaries = _PRIMARIES_NAMES.get(_primaries(frame), "bt709")
    if frame.format.is_rgb or frame.colorspace == Matrix.RGB:
        return Colours(primaries=primaries)
    return Colours(_MATRIX_NAMES.get(_known(frame.colorspace)) or _guessed_matrix(frame, primaries), primaries)


def _known(matrix: int) -> Matrix:
    return Matrix(matrix) if matrix in set(Matrix) else Matrix.UNSPECIFIED


def _primaries(frame: VideoFrame) -> ColorPrimaries:
    known = frame.color_primaries in set(ColorPrimaries)
    return ColorPrimaries(frame.color_primaries) if known else ColorPrimaries.UNSPECIFIED


def _guessed_matrix(frame: VideoFrame, primaries: str) -> str:
    if primaries == "bt2020":
        return "bt2020ncl"
    return "smpte170m" if frame.width < SD_WIDTH and frame.height <= SD_HEIGHT else "bt709"


def is_full_range(frame: VideoFrame) -> bool:
    """Return whether the frame has full range (0 to 255) instead of limited range (16 to 235)."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def copy_obstacle(matrix: int, primaries: int, transfer: int) -> str | None:
    """Return why these colours (FFmpeg's numbers) would look wrong on an SDR screen; None if they would not."""
    if transfer in _HDR_TRANSFERS:
        return "it is HDR, which most screens show washed out"
    if primaries in _WIDE_PRIMARIES or matrix not in _COMMON_MATRICES:
        return "its colours are of a kind that not every browser shows"
    return None


def peak_nits(frame: VideoFrame) -> float:
    """Return the peak brightness of an HDR frame: MaxCLL, else the mastering display's peak, else 1000."""
    declared = _light_level(frame) or _mastering_peak(frame) or _DEFAULT_PEAK_NITS
    return min(max(declared, _MIN_PEAK_NITS), _MAX_PEAK_NITS)


def _light_level(frame: VideoFrame) -> float | None:
    data = side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    return float(_LIGHT_LEVEL.unpack_from(data)[0]) or None if len(data) >= _LIGHT_LEVEL.size else None


def _mastering_peak(frame: VideoFrame) -> float | None:
    data = side_data(frame, Type.MASTERING_DISPLAY_METADATA)
    if len(data) < _MASTERING.size:
        return None
    *fractions, _has_primaries, has_luminance = _MASTERING.unpack_from(data)
    peak, divisor = fractions[-2:]
    return peak / divisor if has_luminance and divisor > 0 and peak > 0 else None


def side_data(frame: VideoFrame, kind: Type) -> bytes:
    """Return one kind of side data of a frame; empty if there is none."""
    # PyAV's type stubs are wrong here: `side_data` is a container of all kinds.
    try:
        container: object = frame.side_data
        return bytes(container[kind]) if isinstance(container, SideDataContainer) else b""
    except KeyError:
        return b""
    except ValueError:  # PyAV 18 fails on kinds that it does not know, such as EXIF
        return b""
