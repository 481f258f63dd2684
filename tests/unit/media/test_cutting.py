"""A real, confined worker cuts clips of many kinds; everything is decoded, and each flash is still with its beep."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from streamtime.media.cut_plan import PacketTable, decode_times, plan_parts
from streamtime.workers.cut_order import Cut, CutPart, CutWritten
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.probe_result import ProbeResult
from tests.clips import make_clip, run_ffmpeg
from tests.multitrack_clip import make_multitrack_clip
from tests.unit.media.worker_harness import LAUNCHER, lit_times_s, loud_times_s, picture_times_s

PARTS = (CutPart(1600, 3200), CutPart(4100, 6000))
LENGTH_S = 3.5
KEYFRAMES = ((2000, 3200), (4000, 6000))
"""What is kept without encoding, with a keyframe each second at which frames may be left out."""

FRAME_S = 0.041


@dataclass(frozen=True)
class Result:
    """A file that was cut, and what was said of it."""

    path: Path
    written: CutWritten
    probed: ProbeResult


async def cut(source: Path, to: Path, *, exact: bool, parts: Sequence[CutPart] = PARTS) -> Result:
    with source.open("rb") as file, to.open("w+b") as output:
        async with LAUNCHER.launch(file.fileno()) as worker:
            facts = await worker.probe()
            order = Cut(
                origin_us=facts.origin_us,
                video_stream=facts.video.stream,
                audio_streams=tuple(track.stream for track in facts.audios),
                parts=tuple(parts),
                exact=exact,
                duration_ms=facts.duration_ms,
            )
            messages = [message async for message in worker.cut(order, output.fileno())]
        async with LAUNCHER.launch(output.fileno()) as worker:
            probed = await worker.probe()
    written = next(message for message in messages if isinstance(message, CutWritten))
    return Result(to, written, probed)


def in_step(path: Path) -> int:
    """Check that each flash has its beep, within a frame; the number of flashes."""
    data = path.read_bytes()
    flashes, beeps = lit_times_s(data), loud_times_s(data, quiet_s=0.04)
    assert flashes
    for flash in flashes:
        assert min(abs(flash - beep) for beep in beeps) <= FRAME_S, (flashes, beeps)
    return len(flashes)


CLIPS: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"b_frames": 3},
    "open-gop.mkv": {"b_frames": 3, "open_gop": True},
    "hevc.mp4": {"video": "hevc"},
    "vp9.webm": {"video": "vp9", "audio": "opus"},
    "broadcast.ts": {},
    "lying.mp4": {"rotation": 90},
    "many.mkv": {"audio": "ac3", "channels": 6},
}


@pytest.mark.parametrize("name", CLIPS)
async def test_flashes_and_beeps_stay_together(tmp_path: Path, name: str) -> None:
    facts = {"duration_s": 7, "width": 160, "height": 90, "gop_s": 1, "pattern": "flash", **CLIPS[name]}
    source = make_clip(tmp_path / name, **facts)
    plain = await cut(source, tmp_path / "plain", exact=False)
    for part, (start_ms, end_ms) in zip(plain.written.parts, KEYFRAMES, strict=True):
        assert part.start_ms == pytest.approx(start_ms, abs=45)
        assert part.end_ms == pytest.approx(end_ms, abs=200)
    assert plain.written.bytes_total == len(plain.path.read_bytes())
    kept_s = sum(part.end_ms - part.start_ms for part in plain.written.parts) / 1000
    assert plain.probed.duration_ms == pytest.approx(kept_s * 1000, abs=60)
    assert in_step(plain.path) >= 2
    with av.open(source) as before, av.open(plain.path) as after:
        assert after.streams.video[0].codec_context.name == before.streams.video[0].codec_context.name
    assert plain.probed.video.rotation == (270 if "rotation" in facts else 0)

    exact = await cut(source, tmp_path / "exact", exact=True)
    assert exact.written.parts == PARTS
    times = picture_times_s(exact.path.read_bytes())
    assert len(times) == pytest.approx(LENGTH_S * 25, abs=2)
    assert times[0] == pytest.approx(0, abs=0.001)
    assert exact.probed.duration_ms == pytest.approx(LENGTH_S * 1000, abs=60)
    assert in_step(exact.path) >= 3
    assert exact.probed.video.copyable, exact.probed.video.copy_obstacle
    assert exact.probed.video.rotation == 0


async def test_all_tracks_stay_and_nothing_else_of_the_file(tmp_path: Path) -> None:
    film = make_multitrack_clip(tmp_path / "tracks.mkv")
    source = tmp_path / "placed.mkv"
    run_ffmpeg("-i", str(film), "-map", "0", "-c", "copy", "-metadata", "location=+48.8577+002.295/", str(source))
    result = await cut(source, tmp_path / "out", exact=False, parts=(CutPart(0, 2500), CutPart(4000, 5000)))
    assert len(result.probed.audios) == 2
    assert [track.language for track in result.probed.audios] != [None, None]
    assert not result.probed.subtitles
    assert not result.probed.chapters
    assert b"48.8577" not in result.path.read_bytes()


async def test_frames_at_odd_times_keep_their_times(tmp_path: Path) -> None:
    source = tmp_path / "odd.mkv"
    picture = "testsrc2=size=160x90:rate=30:duration=7,select='not(eq(mod(n,7),3))+not(mod(n,2))'"
    run_ffmpeg(
        "-f", "lavfi", "-i", picture, "-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", "-g", "20",
        str(source),
    )  # fmt: skip
    before = picture_times_s(source.read_bytes())
    result = await cut(source, tmp_path / "exact", exact=True)
    wanted = [at - 1.6 for at in before if 1.599 <= at < 3.199] + [at - 2.5 for at in before if 4.099 <= at < 5.999]
    assert picture_times_s(result.path.read_bytes()) == pytest.approx(wanted, abs=0.04)


async def test_what_has_no_times_is_cut_exactly_only(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "old.avi", duration_s=7, width=160, height=90, video="mpeg4", audio="mp3", pattern="flash"
    )
    with pytest.raises(WorkerFailed) as caught:
        await cut(source, tmp_path / "plain", exact=False)
    assert caught.value.code == "cut_unfit"
    exact = await cut(source, tmp_path / "exact", exact=True)
    assert exact.probed.duration_ms == pytest.approx(LENGTH_S * 1000, abs=80)
    assert in_step(exact.path) >= 3


async def test_sound_alone_is_cut(tmp_path: Path) -> None:
    source = tmp_path / "song.m4a"
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:duration=7", "-c:a", "aac", str(source))
    result = await cut(source, tmp_path / "out", exact=False)
    assert result.probed.duration_ms == pytest.approx(LENGTH_S * 1000, abs=60)


async def test_nothing_is_there_beyond_the_end(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "short.mp4", duration_s=2, width=160, height=90)
    for exact in (False, True):
        with pytest.raises(WorkerFailed) as caught:
            await cut(source, tmp_path / "out", exact=exact, parts=(CutPart(60_000, 70_000),))
        assert caught.value.code == "cut_unfit"


def test_frames_before_their_keyframe_are_left_out() -> None:
    table = PacketTable()
    for pts, key in ((0, True), (3, False), (1, False), (2, False), (6, True), (4, False), (5, False), (9, False)):
        table.add(pts, 1, is_keyframe=key)
    (part,) = plan_parts(table, [(5, 10)])
    assert (part.first, part.last, part.start, part.end) == (4, 8, 6, 10)
    assert [part.has(number, pts) for number, pts in ((4, 6), (5, 4), (6, 5), (7, 9))] == [True, False, False, True]
    (whole,) = plan_parts(table, [(0, 4)])
    assert (whole.first, whole.last, whole.end) == (0, 4, 4)


@pytest.mark.parametrize("shown", [[0, 3, 1, 2, 6, 4, 5], [0, 1, 2], [0, 4, 2, 1, 3], [10]])
def test_no_packet_is_decoded_after_it_is_shown(shown: list[int]) -> None:
    decoded = decode_times(shown, 1)
    assert len(decoded) == len(shown)
    assert decoded == sorted(set(decoded))
    assert all(dts <= pts for dts, pts in zip(decoded, shown, strict=True))
