"""Where a storyboard's pictures come from, and where they are put."""

import pytest

from streamtime.hls.segment_index import GrowingIndex, SegmentIndex
from streamtime.hls.storyboard import (
    MAX_TILES,
    FrameLocation,
    fit,
    locate_frames,
    plan_storyboard,
    preview_clips,
    storyboard_vtt,
)


def index_of(*seconds: int) -> SegmentIndex:
    growing = GrowingIndex(1000, 100)
    for number, duration_s in enumerate(seconds):
        growing.append_next(length=1000 + number, duration=duration_s * 1000, keyframe_length=200)
    return growing.snapshot()


@pytest.mark.parametrize("duration_ms", [1, 40, 999, 1000, 1001, 59_040, 150_000, 150_001, 7_200_000, 90_000_000_000])
def test_pictures_are_a_second_apart_or_more_and_not_too_many(duration_ms: int) -> None:
    board = plan_storyboard(duration_ms, 1920, 1080)
    assert board.interval_ms >= 1000
    assert 1 <= board.tiles <= MAX_TILES
    assert (board.tiles - 1) * board.interval_ms < duration_ms <= board.tiles * board.interval_ms
    times = [board.time_ms(tile, duration_ms) for tile in range(board.tiles)]
    assert times == sorted(set(times))
    assert 0 <= times[0] <= times[-1] <= duration_ms
    assert (board.tile_width, board.tile_height) == (160, 90)


@pytest.mark.parametrize(
    ("width", "height", "side", "fitted"),
    [
        (1920, 1080, 160, (160, 90)),
        (1080, 1920, 160, (90, 160)),
        (101, 75, 160, (100, 76)),
        (4000, 10, 160, (160, 2)),
    ],
)
def test_the_shape_is_kept_and_sizes_are_even(width: int, height: int, side: int, fitted: tuple[int, int]) -> None:
    assert fit(width, height, side) == fitted


def test_every_picture_has_a_place_of_its_own_on_its_sheet() -> None:
    board = plan_storyboard(60_000, 640, 360)
    places = {board.tile_position(tile) for tile in range(board.tiles)}
    assert len(places) == board.tiles == 60
    for sheet, left, top in places:
        width, height = board.sheet_size(sheet)
        assert left + board.tile_width <= width
        assert top + board.tile_height <= height
    assert board.sheets == 3
    assert board.sheet_size(2) == (800, 180)


def test_an_exact_moment_lies_in_the_segment_that_shows_it() -> None:
    assert locate_frames(index_of(4, 4, 2), [0, 3999, 4000, 9000, 99_000], exact=True) == [
        FrameLocation(0, 100, 1000),
        FrameLocation(3999, 100, 1000),
        FrameLocation(4000, 1100, 1001),
        FrameLocation(9000, 2101, 1002),
        FrameLocation(99_000, 2101, 1002),
    ]


def test_without_exactness_the_nearest_keyframe_does_and_only_its_bytes() -> None:
    assert locate_frames(index_of(4, 4, 2), [0, 1999, 2001, 7000, 99_000], exact=False) == [
        FrameLocation(0, 100, 200),
        FrameLocation(0, 100, 200),
        FrameLocation(4000, 1100, 200),
        FrameLocation(8000, 2101, 200),
        FrameLocation(8000, 2101, 200),
    ]


def test_a_preview_spreads_over_a_long_video_and_begins_a_short_one() -> None:
    clips, clip_ms = preview_clips(index_of(*[4] * 30), 120_000)
    assert (len(clips), clip_ms) == (6, 1000)
    starts = [clip[0].at_ms for clip in clips]
    assert starts == sorted(set(starts))
    assert starts[0] > 0
    assert starts[-1] > 100_000
    assert preview_clips(index_of(4, 2), 6000) == ([(FrameLocation(0, 100, 1000), FrameLocation(0, 1100, 1001))], 6000)


def test_the_table_covers_all_the_time() -> None:
    text = storyboard_vtt(plan_storyboard(2_500, 320, 180), 2_500, 7)
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\nstoryboard-0.jpg?v=7#xywh=0,0,160,90\n\n"
        "00:00:01.000 --> 00:00:02.000\nstoryboard-0.jpg?v=7#xywh=160,0,160,90\n\n"
        "00:00:02.000 --> 00:00:02.500\nstoryboard-0.jpg?v=7#xywh=320,0,160,90\n"
    )
