"""Storyboards, previews and chosen posters: what is shown is what the video shows at that time."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from streamtime.hls.storyboard import Storyboard, locate_frames, plan_storyboard, preview_clips
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.protocol import (
    MakePreview,
    MakeSheet,
    MakeStills,
    PosterAt,
    PosterWritten,
    StillsMessage,
    StillWritten,
)
from tests.clips import make_clip
from tests.unit.media.worker_harness import LAUNCHER, Rendition, make

STEP = 16
"""How much lighter the picture of a grey clip is with each second."""

GREY = ("-vf", f"geq=lum='32+{STEP}*floor(T)':cb=128:cr=128")


@pytest.fixture(scope="module")
def grey_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds that are a step lighter with each second; the segments are of four seconds."""
    path = tmp_path_factory.mktemp("grey") / "grey.mp4"
    return make_clip(path, duration_s=10, width=320, height=180, fps=10, gop_s=4, audio=None, extra=GREY)


async def rendition_of(source: Path, folder: Path) -> Rendition:
    return (await make(source, folder, copy=True, audio=False)).renditions[0]


async def develop(source: Path, order: MakeStills, outputs: Sequence[Path]) -> list[StillsMessage]:
    """Have a worker make stills of a finished rendition."""
    files = [os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600) for path in outputs]
    descriptor = os.open(source, os.O_RDONLY)
    try:
        async with LAUNCHER.launch(descriptor) as worker:
            return [message async for message in worker.stills(order, files)]
    finally:
        for file in (descriptor, *files):
            os.close(file)


def sheet_order(made: Rendition, board: Storyboard, *, exact: bool) -> MakeStills:
    duration_ms = made.index.duration_ms
    times = [board.time_ms(tile, duration_ms) for tile in range(board.tiles)]
    tiles = tuple(locate_frames(made.index, times, exact=exact))
    sheet = MakeSheet(0, tiles, board.columns, board.tile_width, board.tile_height)
    return MakeStills(made.index.init_length, (sheet,))


def grey_levels(path: Path, board: Storyboard) -> list[float]:
    """The lightness in the middle of each picture of a sheet, in the numbers of the video."""
    with av.open(str(path), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0)).reformat(format="gray")
    assert (frame.width, frame.height) == board.sheet_size(0)
    data, stride = bytes(frame.planes[0]), frame.planes[0].line_size
    levels = []
    for tile in range(board.tiles):
        _, left, top = board.tile_position(tile)
        lightness = data[(top + board.tile_height // 2) * stride + left + board.tile_width // 2]
        levels.append(16 + lightness * 219 / 255)
    return levels


async def test_each_picture_of_a_sheet_is_the_one_of_its_time(grey_clip: Path, tmp_path: Path) -> None:
    made = await rendition_of(grey_clip, tmp_path)
    board = plan_storyboard(made.index.duration_ms, 320, 180)
    sheet = tmp_path / "sheet.jpg"
    written, *_ = await develop(made.path, sheet_order(made, board, exact=True), [sheet])
    assert isinstance(written, StillWritten)
    data = sheet.read_bytes()
    assert (written.bytes_total, written.sha256) == (len(data), hashlib.sha256(data).digest())
    assert grey_levels(sheet, board) == pytest.approx([32 + STEP * second for second in range(10)], abs=4)


async def test_keyframes_alone_show_the_nearest_one(grey_clip: Path, tmp_path: Path) -> None:
    made = await rendition_of(grey_clip, tmp_path)
    board = plan_storyboard(made.index.duration_ms, 320, 180)
    sheet = tmp_path / "sheet.jpg"
    await develop(made.path, sheet_order(made, board, exact=False), [sheet])
    nearest = [0, 0, 4, 4, 4, 4, 8, 8, 8, 8]
    assert grey_levels(sheet, board) == pytest.approx([32 + STEP * second for second in nearest], abs=4)


async def test_a_preview_is_short_small_silent_and_shows_its_pieces(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, duration_s=16, width=480, height=270, gop_s=1, extra=("-vf", "noise=alls=60:allf=t"))
    made = await rendition_of(clip, tmp_path)
    clips, clip_ms = preview_clips(made.index, made.index.duration_ms)
    preview = tmp_path / "preview.mp4"
    order = MakeStills(made.index.init_length, preview=MakePreview(0, tuple(clips), clip_ms, 320, 180))
    written, *_ = await develop(made.path, order, [preview])
    assert isinstance(written, StillWritten)
    data = preview.read_bytes()
    assert written.bytes_total == len(data) <= 500_000
    assert data.index(b"moov") < data.index(b"mdat"), "it plays while it arrives"
    with av.open(str(preview)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = list(container.decode(video=0))
    assert (frames[0].width, frames[0].height) == (320, 180)
    times = [float(frame.time or 0) for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == 0
    assert 5.5 < times[-1] < 6.0


async def test_a_chosen_poster_shows_the_moment_from_a_rendition_and_from_the_original(
    grey_clip: Path, tmp_path: Path
) -> None:
    made = await rendition_of(grey_clip, tmp_path)
    poster, elsewhere = tmp_path / "poster.jpg", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for at_ms in (0, 3500, 6950, 60_000):
        expected = pytest.approx(32 + STEP * min(at_ms // 1000, 9), abs=4)
        (pick,) = locate_frames(made.index, [at_ms], exact=True)
        order = MakeStills(made.index.init_length, poster=PosterAt(0, pick, 320, 180))
        written, *_ = await develop(made.path, order, [poster])
        assert isinstance(written, PosterWritten)
        assert (written.width, written.height) == (320, 180)
        assert lightness(poster) == expected
        original = (await make(grey_clip, elsewhere, audio=False, poster=True, poster_at_ms=at_ms)).poster_path
        assert original is not None
        assert lightness(original) == expected


def lightness(path: Path) -> float:
    with av.open(str(path), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0)).reformat(width=32, height=32, format="gray")
    plane = bytes(frame.planes[0])
    return 16 + sum(plane) / len(plane) * 219 / 255


async def test_a_rendition_that_is_none_is_refused_in_words(grey_clip: Path, tmp_path: Path) -> None:
    made = await rendition_of(grey_clip, tmp_path)
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(os.urandom(made.path.stat().st_size))
    (pick,) = locate_frames(made.index, [0], exact=True)
    order = MakeStills(made.index.init_length, poster=PosterAt(0, pick, 320, 180))
    with pytest.raises(WorkerFailed) as failed:
        await develop(rubbish, order, [tmp_path / "out"])
    assert failed.value.code == "damaged"


async def test_the_first_bytes_of_each_segment_are_one_picture(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", duration_s=9, width=320, height=180, gop_s=4)
    copy = (await make(clip, tmp_path, copy=True)).renditions
    for made in copy.values():
        assert made.index.segments
        for number, segment in enumerate(made.index.segments):
            part = tmp_path / "part.mp4"
            part.write_bytes(made.init + made.segment(number)[: segment.keyframe_length])
            with av.open(str(part)) as container:
                packets = [packet for packet in container.demux() if packet.size]
                assert len(packets) == 1
                assert packets[0].is_keyframe
            part.write_bytes(made.init + made.segment(number)[: segment.keyframe_length - 1])
            with av.open(str(part)) as container:
                assert not [packet for packet in container.demux() if packet.size and not packet.is_corrupt]
