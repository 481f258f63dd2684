"""Lays small pictures out on a sheet and writes it as a JPEG. It knows frames and planes, nothing of times."""

from collections.abc import Iterable

from av.video.frame import VideoFrame

from streamtime.media.jpeg import PIXEL_FORMAT, for_jpeg, jpeg, write_out
from streamtime.worker_protocol import MakeSheet, StillWritten

_BLACK = (0, 128, 128)


def make_sheet(order: MakeSheet, pictures: Iterable[VideoFrame | None], output: int) -> StillWritten:
    """Write one sheet. Where there is no picture, the one before it is shown again, or black."""
    rows = -(-len(order.tiles) // order.columns)
    sheet = SpriteSheet(min(len(order.tiles), order.columns) * order.tile_width, rows * order.tile_height)
    tile: VideoFrame | None = None
    for place, picture in enumerate(pictures):
        if picture is not None:
            tile = for_jpeg(picture, order.tile_width, order.tile_height)
        if tile is not None:
            row, column = divmod(place, order.columns)
            sheet.paste(tile, column * order.tile_width, row * order.tile_height)
    data = jpeg(sheet.frame())
    return StillWritten(order.output, len(data), write_out(output, data))


class SpriteSheet:
    """A large picture, black where nothing has been laid on it. Sizes and places are even."""

    def __init__(self, width: int, height: int) -> None:
        self._frame = VideoFrame(width, height, PIXEL_FORMAT)
        self._planes = [
            bytearray([value]) * (plane.line_size * plane.height)
            for plane, value in zip(self._frame.planes, _BLACK, strict=True)
        ]

    def paste(self, tile: VideoFrame, left: int, top: int) -> None:
        """Put a smaller picture on it."""
        for number, (source, target) in enumerate(zip(tile.planes, self._frame.planes, strict=True)):
            data = memoryview(source)
            shrink = 2 if number else 1
            for row in range(source.height):
                at = (top // shrink + row) * target.line_size + left // shrink
                from_ = row * source.line_size
                self._planes[number][at : at + source.width] = data[from_ : from_ + source.width]

    def frame(self) -> VideoFrame:
        """The whole as a frame."""
        for plane, data in zip(self._frame.planes, self._planes, strict=True):
            plane.update(bytes(data))
        return self._frame
