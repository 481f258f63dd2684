"""Makes frames stand upright, progressive and in the colours that every browser shows: BT.709, limited, 8-bit 4:2:0.

It knows one stream's frames, nothing of rungs beyond the size it is asked for. Where nothing is to be done it costs
nothing: the same frame comes out.
"""

from collections.abc import Sequence

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from streamtime.media.chain import FilterChain, FilterStep
from streamtime.media.colours import Colours, colours_of, is_full_range, peak_nits
from streamtime.media.picture_facts import Orientation
from streamtime.media.tone_map import ToneMap

PIXEL_FORMAT = "yuv420p"
_DEEP_FORMAT = "yuv420p10le"
_DEEP_RGB_FORMAT = "rgb48le"
_PLAIN_DEPTH = 8
_TURNS = {90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}
_SCREEN = "gamma22"
"""How numbers become light where primaries are changed: as on a screen, whatever the camera's curve."""

_DEINTERLACE = (FilterStep("bwdif", "mode=send_frame:deint=all"),)


class Scaler:
    """Scales to one size, limited range. One for each rung: a scaler keeps tables for the sizes it saw last."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, pixel_format: str = PIXEL_FORMAT) -> VideoFrame:
        """Give the frame in the wanted size; the very same one where it already is. RGB becomes BT.709."""
        # The numbers of all else are left alone: the same name on both sides, for the scaler refuses odd ones.
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
    """Frames as stored in, frames as shown in `width` x `height` out, in the same order."""

    def __init__(self, width: int, height: int, turn: Orientation, *, interlaced: bool) -> None:
        self._orientation_steps = orientation_steps(turn)
        self._deinterlacer = FilterChain() if interlaced else None
        self._chain = FilterChain()
        stored = (height, width) if turn.swaps_axes else (width, height)
        self._scaler = Scaler(*stored)
        self._tags: tuple[object, ...] = ()
        self._steps: Sequence[FilterStep] = ()
        self._pixel_format = PIXEL_FORMAT

    def take(self, frame: VideoFrame) -> list[VideoFrame]:
        """Turn one frame; a de-interlacer gives it back one frame late."""
        if self._deinterlacer is None:
            return self._normalized(frame)
        return [shown for whole in self._deinterlacer.take(frame, _DEINTERLACE) for shown in self._normalized(whole)]

    def flush(self) -> list[VideoFrame]:
        """Give what is still inside; more frames may follow."""
        held = self._deinterlacer.flush() if self._deinterlacer is not None else []
        return [shown for whole in held for shown in self._normalized(whole)] + self._chain.flush()

    def _normalized(self, frame: VideoFrame) -> list[VideoFrame]:
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.format.name, frame.width, frame.height)
        if tags != self._tags:
            self._tags = tags
            self._choose_steps(frame)
        small = self._scaler(frame, self._pixel_format)
        return self._chain.take(small, self._steps) if self._steps else [*self._chain.flush(), small]

    def _choose_steps(self, frame: VideoFrame) -> None:
        """Choose what frames like this one need: the picture is made small first, for all else costs by the pixel."""
        colours = colours_of(frame)
        converting = () if colours.is_bt709 else _conversion_steps(colours, frame)
        self._steps = (*converting, *self._orientation_steps)
        self._pixel_format = _working_format(frame) if converting else PIXEL_FORMAT


def orientation_steps(turn: Orientation) -> tuple[FilterStep, ...]:
    """Tell the filters that turn a stored picture upright."""
    mirror = (FilterStep("hflip"),) if turn.mirrored else ()
    return (*mirror, *(FilterStep("transpose", f"dir={way}") for way in _TURNS.get(turn.rotation, ())))


def _working_format(frame: VideoFrame) -> str:
    deep = max(part.bits for part in frame.format.components) > _PLAIN_DEPTH
    if frame.format.is_rgb and colours_of(frame).is_hdr:
        return _DEEP_RGB_FORMAT
    return _DEEP_FORMAT if deep else PIXEL_FORMAT


def _conversion_steps(colours: Colours, frame: VideoFrame) -> tuple[FilterStep, ...]:
    if colours.is_hdr:
        return _tone_map_steps(colours, ToneMap(colours.transfer, colours.primaries, peak_nits(frame)))
    # Without a change of primaries the numbers need not be turned into light and back: a tenth of the work.
    fast = int(colours.primaries == "bt709")
    return (
        FilterStep(
            "colorspace",
            f"ispace={colours.matrix}:iprimaries={colours.primaries}:itrc={_SCREEN}:irange=tv:"
            f"space=bt709:primaries=bt709:trc={_SCREEN}:range=tv:format={PIXEL_FORMAT}:fast={fast}",
        ),
    )


def _tone_map_steps(colours: Colours, tone_map: ToneMap) -> tuple[FilterStep, ...]:
    # Scalers of FFmpeg 8 convert by themselves between differing tags: here only the table may.
    neutral = "color_primaries=bt709:color_trc=bt709"
    matrix = "bt2020nc" if colours.matrix == "bt2020ncl" else colours.matrix
    return (
        FilterStep("setparams", f"{neutral}:colorspace={matrix}:range=tv"),
        FilterStep("scale", "flags=bilinear"),
        FilterStep("format", _DEEP_RGB_FORMAT),
        FilterStep("haldclut", "clut=first:interp=tetrahedral", tone_map.table),
        FilterStep("scale", "flags=bilinear:out_color_matrix=bt709:out_range=tv"),
        FilterStep("format", PIXEL_FORMAT),
        FilterStep("setparams", f"{neutral}:colorspace=bt709:range=tv"),
    )
