"""What is shown of a video beside the video: where the small pictures of its storyboard, and of its preview, come from.

Pure values and text; it knows durations and segment indices, nothing of files. Times are milliseconds of the video.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamtime.hls.segment_index import SegmentIndex

MAX_TILES = 150
SPACINGS_MS = tuple(s * 1000 for s in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 90, 120, 180, 240, 300, 600))
"""Steps that a person can follow; beyond the last one hours are spread evenly."""

COLUMNS = ROWS = 5
TILE_SIDE = 160
PREVIEW_SIDE = 320
PREVIEW_PIECES = 6
PREVIEW_PIECE_MS = 1000
_SKIP_SHARE = 0.04
"""Titles and credits at both ends say little."""


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """A moment of a video, and the bytes of a rendition from which, after its init segment, it can be decoded."""

    at_ms: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Small pictures of equal size, one every `interval_ms`, laid out in rows on sheets of `columns` x `rows`."""

    interval_ms: int
    tiles: int
    columns: int
    rows: int
    tile_width: int
    tile_height: int

    @property
    def per_sheet(self) -> int:
        """How many pictures one sheet holds."""
        return self.columns * self.rows

    @property
    def sheets(self) -> int:
        """How many sheets there are."""
        return -(-self.tiles // self.per_sheet)

    def time_ms(self, tile: int, duration_ms: int) -> int:
        """The moment that a picture shows: the middle of the time it stands for."""
        start = tile * self.interval_ms
        return (start + min(start + self.interval_ms, max(duration_ms, start + 1))) // 2

    def sheet_size(self, sheet: int) -> tuple[int, int]:
        """Width and height of a sheet, in pixels; the last one may be smaller."""
        tiles = min(self.per_sheet, self.tiles - sheet * self.per_sheet)
        return min(tiles, self.columns) * self.tile_width, -(-tiles // self.columns) * self.tile_height

    def tile_position(self, tile: int) -> tuple[int, int, int]:
        """The sheet a picture is on, and its left and upper edge there, in pixels."""
        sheet, at = divmod(tile, self.per_sheet)
        return sheet, at % self.columns * self.tile_width, at // self.columns * self.tile_height


def plan_storyboard(duration_ms: int, width: int, height: int) -> Storyboard:
    """A storyboard of at most `MAX_TILES` pictures, at least a second apart, in the shape of the video."""
    longest = -(-duration_ms // MAX_TILES)
    interval_ms = next((spacing for spacing in SPACINGS_MS if spacing >= longest), longest)
    tile_width, tile_height = fit(width, height, TILE_SIDE)
    return Storyboard(interval_ms, max(1, -(-duration_ms // interval_ms)), COLUMNS, ROWS, tile_width, tile_height)


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """The largest even size of the same shape with no side above `side`; never larger than it is."""
    scale = min(1.0, side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def locate_frames(index: SegmentIndex, times_ms: Iterable[int], *, exact: bool) -> list[FrameLocation]:
    """Where to find the pictures of these times, which do not go back, in a rendition of one part.

    With `exact` what is shown at that very moment, else the keyframe next to it, which is much less to decode. A
    rendition that does not play has no pictures.
    """
    if not index.plays:
        return []
    starts_ms = [0.0]
    for segment in index.segments:
        starts_ms.append(starts_ms[-1] + segment.duration * 1000 / index.timescale)
    last = len(index.segments) - 1
    found: list[FrameLocation] = []
    for time_ms in times_ms:
        number = max(0, min(bisect_right(starts_ms, time_ms) - 1, last))
        if not exact and number < last and starts_ms[number + 1] - time_ms < time_ms - starts_ms[number]:
            number += 1
        segment = index.segments[number]
        if exact:
            found.append(FrameLocation(time_ms, segment.offset, segment.length))
        else:
            found.append(
                FrameLocation(round(starts_ms[number]), segment.offset, segment.keyframe_length or segment.length)
            )
    return found


def preview_pieces(index: SegmentIndex, duration_ms: int) -> tuple[list[tuple[FrameLocation, ...]], int]:
    """For each piece of a preview the segments to cut it from, and how long each piece is.

    A piece begins with a segment. A short video is shown from its beginning.
    """
    if duration_ms <= PREVIEW_PIECES * PREVIEW_PIECE_MS * 2:
        times, piece_ms = [0], max(1, min(duration_ms, PREVIEW_PIECES * PREVIEW_PIECE_MS))
    else:
        times, piece_ms = _spread(duration_ms), PREVIEW_PIECE_MS
    begins = {segment.offset: number for number, segment in enumerate(index.segments)}
    return [
        tuple(_segments_covering(index, begins[pick.offset], pick.at_ms, piece_ms))
        for pick in locate_frames(index, times, exact=False)
    ], piece_ms


def _spread(duration_ms: int) -> list[int]:
    first = round(duration_ms * _SKIP_SHARE)
    last = duration_ms - first - PREVIEW_PIECE_MS
    steps = PREVIEW_PIECES - 1
    return [first + (last - first) * piece // steps for piece in range(PREVIEW_PIECES)]


def _segments_covering(index: SegmentIndex, number: int, at_ms: int, lasting_ms: int) -> Iterator[FrameLocation]:
    """This segment and those after it, until they last that long."""
    elapsed = 0
    for segment in index.segments[number:]:
        yield FrameLocation(at_ms, segment.offset, segment.length)
        elapsed += segment.duration
        if elapsed * 1000 >= lasting_ms * index.timescale:
            return


def storyboard_vtt(board: Storyboard, duration_ms: int, version: int | None = None) -> str:
    """The storyboard as WebVTT: for each time, the sheet and the part of it. Addresses are relative.

    With `version` they are other ones than those of earlier versions.
    """
    query = "" if version is None else f"?v={version}"
    lines = ["WEBVTT", ""]
    for tile in range(board.tiles):
        sheet, left, top = board.tile_position(tile)
        start = tile * board.interval_ms
        end = max(min(start + board.interval_ms, duration_ms), start + 1)
        lines += [
            f"{_clock(start)} --> {_clock(end)}",
            f"{sheet_name(sheet)}{query}#xywh={left},{top},{board.tile_width},{board.tile_height}",
            "",
        ]
    return "\n".join(lines)


def sheet_name(sheet: int) -> str:
    """What a sheet is called beside the table of its pictures."""
    return f"storyboard-{sheet}.jpg"


def _clock(at_ms: int) -> str:
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
