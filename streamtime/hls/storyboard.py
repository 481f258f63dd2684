"""Plans the storyboard and the preview of a video: which frames, and in which bytes of a rendition they are.

Pure values and text. Times are milliseconds of the video.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamtime.hls.segment_index import SegmentIndex

MAX_TILES = 150
SPACINGS_MS = tuple(s * 1000 for s in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 90, 120, 180, 240, 300, 600))
"""Intervals between thumbnails; above the last one, hours are spread evenly."""

COLUMNS = ROWS = 5
TILE_SIDE = 160
PREVIEW_SIDE = 320
PREVIEW_CLIPS = 6
PREVIEW_CLIP_MS = 1000
_SKIP_SHARE = 0.04
"""Share skipped at both ends, where titles and credits are."""


@dataclass(frozen=True, slots=True)
class FrameLocation:
    """A time of a video, and the bytes that, after the init segment, are needed to decode its frame."""

    at_ms: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Thumbnails of equal size, one every `interval_ms`, in rows on sheets of `columns` x `rows`."""

    interval_ms: int
    tiles: int
    columns: int
    rows: int
    tile_width: int
    tile_height: int

    @property
    def per_sheet(self) -> int:
        """Thumbnails per sheet."""
        return self.columns * self.rows

    @property
    def sheets(self) -> int:
        """Number of sheets."""
        return -(-self.tiles // self.per_sheet)

    def time_ms(self, tile: int, duration_ms: int) -> int:
        """Return the time of a thumbnail: the middle of its interval."""
        start = tile * self.interval_ms
        return (start + min(start + self.interval_ms, max(duration_ms, start + 1))) // 2

    def tile_at(self, at_ms: int) -> int:
        """Return the thumbnail of the interval that contains a time; the last one beyond the end."""
        return min(at_ms // self.interval_ms, self.tiles - 1)

    def sheet_size(self, sheet: int) -> tuple[int, int]:
        """Return width and height of a sheet in pixels; the last one may be smaller."""
        tiles = min(self.per_sheet, self.tiles - sheet * self.per_sheet)
        return min(tiles, self.columns) * self.tile_width, -(-tiles // self.columns) * self.tile_height

    def tile_position(self, tile: int) -> tuple[int, int, int]:
        """Return the sheet of a thumbnail, and its left and top position there in pixels."""
        sheet, at = divmod(tile, self.per_sheet)
        return sheet, at % self.columns * self.tile_width, at // self.columns * self.tile_height


def plan_storyboard(duration_ms: int, width: int, height: int) -> Storyboard:
    """Plan a storyboard of at most `MAX_TILES` thumbnails, at least a second apart, with the video's aspect ratio."""
    longest = -(-duration_ms // MAX_TILES)
    interval_ms = next((spacing for spacing in SPACINGS_MS if spacing >= longest), longest)
    tile_width, tile_height = fit(width, height, TILE_SIDE)
    return Storyboard(interval_ms, max(1, -(-duration_ms // interval_ms)), COLUMNS, ROWS, tile_width, tile_height)


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the largest even size with this aspect ratio and no side above `side`; never larger than the original."""
    scale = min(1.0, side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def locate_frames(index: SegmentIndex, times_ms: Iterable[int], *, exact: bool) -> list[FrameLocation]:
    """Locate the frames at these times, in ascending order, in a rendition of one part.

    With `exact`, the frame shown at that time; else the nearest keyframe, which is far cheaper to decode. A rendition
    that is not playable gives no frames.
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


def preview_clips(index: SegmentIndex, duration_ms: int) -> tuple[list[tuple[FrameLocation, ...]], int]:
    """Return for each clip of the preview the segments that contain it, and the length of a clip.

    A clip starts at a segment. The preview of a short video starts at its beginning.
    """
    if duration_ms <= PREVIEW_CLIPS * PREVIEW_CLIP_MS * 2:
        times, clip_ms = [0], max(1, min(duration_ms, PREVIEW_CLIPS * PREVIEW_CLIP_MS))
    else:
        times, clip_ms = _spread(duration_ms), PREVIEW_CLIP_MS
    number_by_offset = {segment.offset: number for number, segment in enumerate(index.segments)}
    return [
        tuple(_segments_covering(index, number_by_offset[location.offset], location.at_ms, clip_ms))
        for location in locate_frames(index, times, exact=False)
    ], clip_ms


def _spread(duration_ms: int) -> list[int]:
    first = round(duration_ms * _SKIP_SHARE)
    last = duration_ms - first - PREVIEW_CLIP_MS
    steps = PREVIEW_CLIPS - 1
    return [first + (last - first) * clip // steps for clip in range(PREVIEW_CLIPS)]


def _segments_covering(index: SegmentIndex, number: int, at_ms: int, lasting_ms: int) -> Iterator[FrameLocation]:
    """Yield this segment and those after it until they cover `lasting_ms`."""
    elapsed = 0
    for segment in index.segments[number:]:
        yield FrameLocation(at_ms, segment.offset, segment.length)
        elapsed += segment.duration
        if elapsed * 1000 >= lasting_ms * index.timescale:
            return


def storyboard_vtt(board: Storyboard, duration_ms: int, version: int | None = None) -> str:
    """Write the storyboard as WebVTT: for each interval, the sheet and the area on it. URIs are relative.

    `version` makes the URIs differ from those of earlier versions.
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
    """Return the name of a sheet beside the storyboard file."""
    return f"storyboard-{sheet}.jpg"


def _clock(at_ms: int) -> str:
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
