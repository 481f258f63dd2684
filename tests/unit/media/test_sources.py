"""Sources as households have them: whatever the file is like, picture and sound come out whole and in step."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import pytest

from streamtime.hls.ladder import plan_ladder
from streamtime.workers.failure import WorkerFailed
from tests.clips import make_clip, run_ffmpeg
from tests.images import exif, jpeg_with, make_picture
from tests.unit.media.worker_harness import (
    HEIGHT,
    IN_STEP_S,
    WIDTH,
    Result,
    facts_of,
    heard,
    make,
    package_smallest,
    picture_times_s,
    seen,
)


def assert_whole(result: Result, duration_s: float, flashes_s: Sequence[float], *, frame_s: float = 0.04) -> None:
    assert seen(result) == pytest.approx(flashes_s, abs=IN_STEP_S)
    assert heard(result) == pytest.approx(flashes_s, abs=IN_STEP_S)
    assert result.renditions[0].index.duration_ms == pytest.approx(duration_s * 1000, abs=frame_s * 1000 + 1)
    assert result.done is not None
    assert result.done.damaged_after_ms is None


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("a.m4v", ("-c", "copy"), "mp4"),
        ("a.3gp", ("-c:v", "h263", "-s", "176x144", "-c:a", "aac"), "mp4"),
        ("a.mov", ("-c:v", "prores_ks", "-c:a", "pcm_s24le"), "mp4"),
        ("a.webm", ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"), "matroska"),
        ("a.m2ts", ("-c:v", "copy", "-c:a", "ac3"), "mpegts"),
        ("a.mpg", ("-vf", "noise=alls=9:allf=t", "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"), "mpeg"),
        ("a.vob", ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "ac3"), "mpeg"),
        ("a.avi", ("-c:v", "copy", "-c:a", "libmp3lame"), "avi"),
        ("b.avi", ("-c:v", "mpeg4", "-bf", "2", "-vtag", "XVID", "-c:a", "ac3"), "avi"),
        ("a.flv", ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"), "flv"),
        ("a.wmv", ("-c:v", "wmv2", "-c:a", "wmav2"), "asf"),
        ("a.ogv", ("-c:v", "libtheora", "-c:a", "libvorbis"), "ogg"),
        ("a.mxf", ("-c:v", "mpeg2video", "-q:v", "3", "-c:a", "pcm_s16le", "-ar", "48000"), "mxf"),
    ],
)
async def test_every_container_is_read(
    flashes: Path, tmp_path: Path, name: str, arguments: tuple[str, ...], kind: str
) -> None:
    source = tmp_path / name
    run_ffmpeg("-i", str(flashes), *arguments, str(source))
    result = await package_smallest(source, tmp_path)
    assert result.facts.container == kind
    assert len(picture_times_s(result.renditions[0].data)) == pytest.approx(100, abs=1)
    assert seen(result) == pytest.approx(range(4), abs=IN_STEP_S)
    # Windows Media's decoder swallows the very beginning of a sound.
    begin = 1 if kind == "asf" else 0
    assert heard(result)[begin:] == pytest.approx(range(4)[begin:], abs=IN_STEP_S)
    assert result.renditions[0].index.duration_ms == pytest.approx(4000, abs=41)
    assert result.done is not None
    assert result.done.damaged_after_ms is None


@pytest.mark.parametrize("begins_s", [0, 1000])
async def test_times_that_jump_run_on(flashes: Path, tmp_path: Path, begins_s: int) -> None:
    parts = [tmp_path / "1.ts", tmp_path / "2.ts"]
    for part, offset_s in zip(parts, (0, begins_s), strict=True):
        run_ffmpeg("-i", str(flashes), "-c", "copy", "-output_ts_offset", str(offset_s), str(part))
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert_whole(await package_smallest(source, tmp_path), 8, range(8))


@pytest.mark.parametrize("begins_s", [90_000, 95_441])
async def test_times_may_begin_anywhere(flashes: Path, tmp_path: Path, begins_s: int) -> None:
    # A broadcast's clock starts anew every 95,443.7 s: the second file's times are negative at first.
    source = tmp_path / "late.ts"
    run_ffmpeg("-i", str(flashes), "-c", "copy", "-output_ts_offset", str(begins_s), str(source))
    assert_whole(await package_smallest(source, tmp_path), 4, range(4))


async def test_pictures_without_times_are_all_shown(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "early.mkv"
    run_ffmpeg(
        "-i", str(flashes), "-c", "copy", "-an", "-output_ts_offset", "-6", "-avoid_negative_ts", "disabled",
        str(source),
    )  # fmt: skip
    with av.open(str(source)) as container:
        assert {packet.pts for packet in container.demux(video=0)} == {None}
    result = await package_smallest(source, tmp_path)
    assert len(picture_times_s(result.renditions[0].data)) == 100
    assert seen(result) == pytest.approx(range(4), abs=IN_STEP_S)


async def test_an_edit_list_cuts_the_beginning_off(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "cut.mp4"
    run_ffmpeg("-ss", "1.4", "-i", str(flashes), "-c", "copy", str(source))
    assert not (await facts_of(source)).video.copyable
    assert_whole(await package_smallest(source, tmp_path), 2.6, [0.6, 1.6])


@pytest.mark.parametrize(
    ("name", "late_s", "sound"),
    [
        ("late.mp4", 0.6, ("-c:a", "copy")),
        ("late.mkv", 3, ("-c:a", "copy")),
        ("late.ts", 2.2, ("-c:a", "ac3")),
        ("late.flv", 7.32, ("-c:a", "copy")),
        ("late.mov", 8.5, ("-c:a", "pcm_s16le")),
        ("later.mkv", 61, ("-c:a", "flac")),
    ],
)
@pytest.mark.parametrize("copied", [False, True])
async def test_a_picture_that_starts_late_is_held_from_the_start_of_the_sound(
    flashes: Path, tmp_path: Path, name: str, late_s: float, sound: tuple[str, ...], *, copied: bool
) -> None:
    source = tmp_path / name
    run_ffmpeg(
        "-itsoffset", str(late_s), "-i", str(flashes), "-i", str(flashes), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        *sound, str(source),
    )  # fmt: skip
    facts = await facts_of(source)
    assert facts.video.copyable == (late_s < 9)
    copies = copied and late_s < 9
    result = await (
        make(source, tmp_path, copy=True, copy_audio=False) if copies else package_smallest(source, tmp_path)
    )
    assert heard(result) == pytest.approx(range(4), abs=IN_STEP_S)
    # The first picture is a lit one.
    assert seen(result) == pytest.approx([0, *(late_s + second for second in range(1, 4))], abs=IN_STEP_S)
    picture = result.renditions[0]
    assert picture.index.duration_ms == pytest.approx((late_s + 4) * 1000, abs=41)
    assert float(max(b - a for a, b in pairwise(picture.starts_s))) < 14
    assert result.done is not None
    assert result.done.damaged_after_ms is None


async def test_a_slow_picture_is_held_too(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "slow.mkv"
    run_ffmpeg(
        "-itsoffset", "1", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=1:duration=4", "-i", str(flashes),
        "-map", "0:v", "-map", "1:a", "-c:v", "mjpeg", "-c:a", "copy", str(source),
    )  # fmt: skip
    result = await package_smallest(source, tmp_path)
    assert picture_times_s(result.renditions[0].data)[:3] == pytest.approx([0, 1, 2], abs=0.002)
    assert heard(result) == pytest.approx(range(4), abs=IN_STEP_S)


@pytest.mark.parametrize("name", ["before.mp4", "before.mkv", "before.ts", "before.mpg"])
async def test_sound_that_ends_before_the_first_picture_is_heard(flashes: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    codecs = ("-c:v", "mpeg2video", "-c:a", "mp2") if name.endswith("mpg") else ("-c", "copy")
    run_ffmpeg(
        "-itsoffset", "2.5", "-i", str(flashes), "-t", "1.5", "-i", str(flashes), "-map", "0:v", "-map", "1:a", *codecs,
        str(source),
    )  # fmt: skip
    result = await package_smallest(source, tmp_path)
    assert heard(result) == pytest.approx([0, 1], abs=IN_STEP_S)
    assert seen(result) == pytest.approx([0, 3.5, 4.5, 5.5], abs=IN_STEP_S)
    assert result.renditions[0].index.duration_ms == pytest.approx(6500, abs=41)


@pytest.mark.parametrize(
    ("kind", "arguments", "fps"),
    [
        ("h264", ("-c:v", "libx264", "-bf", "2"), 30),
        ("h264", ("-c:v", "libx264", "-x264-params", "vui:no-info=1"), 24),
        ("hevc", ("-c:v", "libx265", "-x265-params", "log-level=error"), 25),
        ("gif", (), 10),
        ("apng", (), 12),
    ],
)
async def test_pictures_without_a_container_play(
    tmp_path: Path, kind: str, arguments: tuple[str, ...], fps: int
) -> None:
    source = tmp_path / "a.bin"
    run_ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={fps}:duration=3", *arguments, "-f", kind, str(source))
    result = await package_smallest(source, tmp_path)
    assert result.facts.container == kind
    assert len(picture_times_s(result.renditions[0].data)) == 3 * min(fps, 30)
    assert result.renditions[0].index.duration_ms == pytest.approx(3000, abs=45)
    assert result.done is not None
    assert result.done.damaged_after_ms is None
    assert (await make(source, tmp_path, poster=True)).poster is not None


@pytest.mark.parametrize(
    ("name", "codec", "cover"),
    [
        ("a.mp3", "libmp3lame", True),
        ("a.m4a", "aac", True),
        ("a.flac", "flac", True),
        ("a.ogg", "libvorbis", False),
        ("a.opus", "libopus", False),
        ("a.wav", "pcm_s16le", False),
        ("a.aac", "aac", False),
        ("a.aiff", "pcm_s16be", False),
        ("a.ts", "aac", False),
    ],
)
async def test_sound_alone_plays_with_a_still_picture(tmp_path: Path, name: str, codec: str, *, cover: bool) -> None:
    source, picture = tmp_path / name, tmp_path / "cover.jpg"
    beeps = "aevalsrc=exprs='if(lt(mod(t,1),0.08),0.5*sin(2*PI*1000*t),0)':s=48000:d=9.4"
    run_ffmpeg("-f", "lavfi", "-i", "color=c=red:size=500x400", "-frames:v", "1", str(picture))
    covered = ("-i", str(picture), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    run_ffmpeg("-f", "lavfi", "-i", beeps, *(covered if cover else ()), "-c:a", codec, str(source))
    result = await package_smallest(source, tmp_path)
    assert heard(result) == pytest.approx(range(10), abs=0.06)
    ends_ms = [rendition.index.duration_ms for rendition in result.renditions.values()]
    assert ends_ms == pytest.approx([9400, 9400], abs=90)
    assert [float(start) for start in result.renditions[0].starts_s][:3] == [0, 4, 8]
    assert (result.facts.video.width, result.facts.video.height) == ((500, 400) if cover else (1280, 720))
    assert result.done is not None
    assert result.done.damaged_after_ms is None
    with av.open(str(result.renditions[0].path)) as container:
        # hls.js places a segment by the decode time of its first picture.
        assert all(packet.pts == packet.dts for packet in container.demux(video=0))
    poster = await make(source, tmp_path, poster=True, audio=False)
    assert poster.poster is not None
    assert poster.poster.width == result.facts.video.width


@pytest.mark.parametrize("size", ["300x300", "302x218", "637x1001", "3000x3000", "33x17"])
async def test_a_cover_of_any_size_is_shown(tmp_path: Path, size: str) -> None:
    source, picture, shown = tmp_path / "a.mp3", tmp_path / "cover.png", tmp_path / "shown.mkv"
    run_ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", str(picture))
    sound = ("-f", "lavfi", "-i", "sine=440:duration=2.5")
    cover = ("-i", str(picture), "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    run_ffmpeg(*sound, *cover, str(source))
    result = await package_smallest(source, tmp_path)
    video = result.facts.video
    scaled = f"scale={video.width}:{video.height}"
    run_ffmpeg("-i", str(picture), "-vf", scaled, "-c:v", "ffv1", "-pix_fmt", "yuv420p", str(shown))
    found, wanted = small_picture(result.renditions[0].path), small_picture(shown)
    assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 40


async def test_the_longest_sound_tells_how_long_it_is(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "longer.mkv"
    run_ffmpeg(
        "-i", str(flashes), "-f", "lavfi", "-i", "sine=440:duration=7", "-map", "0", "-map", "1", "-c:v", "copy",
        "-c:a", "ac3", str(source),
    )  # fmt: skip
    facts = await facts_of(source)
    rungs = plan_ladder(facts.video.width, facts.video.height, facts.video.fps)[-1:]
    result = await make(source, tmp_path, rungs=rungs, audio=False)
    assert result.done is not None
    assert result.done.duration_ms == pytest.approx(7000, abs=60)


async def test_sound_that_ends_early_goes_on_as_silence(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "quiet.mp4"
    run_ffmpeg("-i", str(flashes), "-t", "1.5", "-i", str(flashes), "-map", "0:v", "-map", "1:a", "-c", "copy",
               str(source))  # fmt: skip
    with pytest.raises(WorkerFailed) as failed:
        await make(source, tmp_path, copy=True)
    assert failed.value.code == "audio_copy_unfit"
    result = await package_smallest(source, tmp_path)
    assert heard(result) == pytest.approx([0, 1], abs=IN_STEP_S)
    assert result.renditions[1].index.duration_ms == pytest.approx(4000, abs=25)


async def test_a_picture_that_ends_early_stays(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "blind.mp4"
    run_ffmpeg("-t", "1.5", "-i", str(flashes), "-i", str(flashes), "-map", "0:v", "-map", "1:a", "-c", "copy",
               str(source))  # fmt: skip
    with pytest.raises(WorkerFailed) as failed:
        await make(source, tmp_path, copy=True)
    assert failed.value.code == "copy_unfit"
    result = await package_smallest(source, tmp_path)
    assert heard(result) == pytest.approx(range(4), abs=IN_STEP_S)
    assert result.renditions[0].index.duration_ms == pytest.approx(4000, abs=41)


async def test_a_silent_first_minute_stays_silent(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "quiet.mkv", pattern="flash", fps=5, duration_s=64, gop_s=8, audio="ac3", width=WIDTH, height=HEIGHT,
        extra=("-af", "volume=0:enable='lt(t,60.5)'"),
    )  # fmt: skip
    result = await package_smallest(source, tmp_path)
    assert heard(result) == pytest.approx([61, 62, 63], abs=IN_STEP_S)
    assert seen(result)[-3:] == pytest.approx([61, 62, 63], abs=IN_STEP_S)


async def test_uneven_times_are_kept(flashes: Path, tmp_path: Path) -> None:
    source = tmp_path / "uneven.mkv"
    run_ffmpeg(
        "-i", str(flashes), "-vf", r"select='gt(t\,2)+not(mod(n\,5))'", "-fps_mode", "passthrough", "-c:v", "libx264",
        "-c:a", "copy", str(source),
    )  # fmt: skip
    result = await package_smallest(source, tmp_path)
    wanted = [0.2 * n for n in range(11)] + [2.04 + 0.04 * n for n in range(49)]
    assert picture_times_s(result.renditions[0].data) == pytest.approx(wanted, abs=0.002)
    assert_whole(result, 4, range(4))


# The fourth is of the lowest tones alone, which a mix leaves out everywhere.
@pytest.mark.parametrize("channel", [0, 1, 2, 4, 5])
async def test_every_channel_of_six_is_heard(tmp_path: Path, channel: int) -> None:
    source = make_clip(tmp_path / "six.mkv", duration_s=1, audio=None, width=WIDTH, height=HEIGHT)
    parts = "|".join("0.5*sin(2*PI*1000*t)" if place == channel else "0" for place in range(6))
    both = tmp_path / "both.mkv"
    run_ffmpeg("-i", str(source), "-f", "lavfi", "-i", f"aevalsrc=exprs={parts}:s=48000:c=5.1:d=1", "-c:v", "copy",
               "-c:a", "pcm_s16le", str(both))  # fmt: skip
    assert heard(await package_smallest(both, tmp_path)) == pytest.approx([0], abs=IN_STEP_S)


@pytest.mark.parametrize(
    "turn", [("-display_hflip",), ("-display_vflip",), ("-display_rotation", "90", "-display_hflip")]
)
async def test_a_flipped_picture_is_put_right(tmp_path: Path, turn: tuple[str, ...]) -> None:
    plain = make_clip(tmp_path / "plain.mp4", duration_s=0.4, audio=None, width=320, height=240)
    source, reference = tmp_path / "flipped.mp4", tmp_path / "reference.mkv"
    run_ffmpeg(*turn, "-i", str(plain), "-c", "copy", str(source))
    run_ffmpeg("-i", str(source), "-vf", "scale=out_color_matrix=bt709", "-c:v", "ffv1", str(reference))
    made = await package_smallest(source, tmp_path)
    assert not made.facts.video.copyable
    found, wanted = small_picture(made.renditions[0].path), small_picture(reference)
    assert sum(abs(a - b) for a, b in zip(found, wanted, strict=True)) / len(found) < 4


def small_picture(path: Path) -> bytes:
    """The brightness of the first picture, in 16 x 16 pixels."""
    with av.open(str(path)) as container:
        plane = next(container.decode(video=0)).reformat(width=16, height=16, format="gray").planes[0]
        return b"".join(bytes(plane)[y * plane.line_size :][:16] for y in range(16))


async def test_the_film_is_chosen_among_pictures(flashes: Path, tmp_path: Path) -> None:
    font = tmp_path / "font.ttf"
    font.write_bytes(bytes(100))
    source = tmp_path / "many.mkv"
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=size=600x600:rate=25:duration=0.04",
        "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=4", "-i", str(flashes),
        "-map", "0:v", "-map", "1:v", "-map", "2:v", "-map", "2:a", "-attach", str(font),
        "-metadata:s:t", "mimetype=font/ttf", "-c:v:0", "mjpeg", "-c:v:1", "libx264", "-c:v:2", "copy", "-c:a", "copy",
        str(source),
    )  # fmt: skip
    result = await package_smallest(source, tmp_path)
    assert (result.facts.video.width, result.facts.video.stream) == (160, 2)
    assert result.facts.other_streams == ("video", "video", "attachment")
    assert_whole(result, 4, range(4))


async def test_a_film_of_a_camera_that_tells_where_it_was(tmp_path: Path) -> None:
    picture = jpeg_with(make_picture(tmp_path / "plain.jpg"), exif(6))
    for number in range(1, 6):
        (tmp_path / f"p{number}.jpg").write_bytes(picture)
    source = tmp_path / "film.avi"
    run_ffmpeg("-framerate", "5", "-i", str(tmp_path / "p%d.jpg"), "-c", "copy", str(source))
    video = (await facts_of(source)).video
    assert (video.codec, video.width, video.height) == ("mjpeg", 120, 80)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("photo.mp4", ("-f", "avif", "-c:v", "libsvtav1"), "no_video"),
        ("photo.mkv", ("-f", "image2", "-c:v", "png", "-update", "1"), "not_media"),
        ("photo.avi", ("-f", "gif"), "not_media"),
        ("photo.mov", ("-f", "apng"), "not_media"),
        ("photo.mp4", ("-f", "webp"), "not_media"),
        ("odd.avi", ("-f", "avi", "-c:v", "cljr", "-strict", "-2"), "unsupported_codec"),
    ],
)
async def test_what_cannot_be_played_is_refused(
    tmp_path: Path, name: str, arguments: tuple[str, ...], code: str
) -> None:
    source = tmp_path / name
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25", "-frames:v", "1", *arguments, str(source))
    with pytest.raises(WorkerFailed) as failed:
        await facts_of(source)
    assert failed.value.code == code
    assert failed.value.message.endswith(".")
