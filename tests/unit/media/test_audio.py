"""Encoded sound: two channels in step with the picture, whatever the source has."""

from pathlib import Path

import av
import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.unit.media.worker_harness import Result, lit_times_s, loud_times_s, make


def assert_in_step(result: Result, *, after_s: float = 0) -> None:
    seen = [t for t in lit_times_s(result.renditions[0].data) if t >= after_s]
    heard = [t for t in loud_times_s(result.renditions[1].data) if t >= after_s]
    assert len(seen) >= 2
    assert len(heard) == len(seen)
    assert heard == pytest.approx(seen, abs=0.04)


@pytest.mark.parametrize(
    ("name", "codec", "channels", "rate_hz"),
    [
        ("clip.mkv", "ac3", 6, 48_000),
        ("clip.mkv", "opus", 2, 48_000),
        ("clip.ts", "aac", 2, 48_000),
        ("clip.mp4", "aac", 6, 48_000),
        ("clip.mp4", "aac", 1, 8_000),
        ("clip.mov", "pcm_s16le", 8, 48_000),
        ("clip.mkv", "mp3", 2, 44_100),
    ],
)
async def test_it_is_stereo_and_in_step(tmp_path: Path, name: str, codec: str, channels: int, rate_hz: int) -> None:
    source = make_clip(
        tmp_path / name, duration_s=5, width=320, height=180, pattern="flash",
        audio=codec, channels=channels, sample_rate_hz=rate_hz,  # type: ignore[arg-type]  # a table
    )  # fmt: skip
    result = await make(source, tmp_path, copy=True, copy_audio=False)
    assert_in_step(result)
    with av.open(str(result.renditions[1].path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.codec_context.channels, stream.rate) == ("aac", 2, 48_000)
        assert stream.start_time == 0


async def test_a_sound_that_starts_late_stays_late(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=6, width=320, height=180, pattern="flash", audio_delay_s=0.5)
    result = await make(source, tmp_path, copy=True)
    assert not result.facts.audios[0].copyable
    heard = loud_times_s(result.renditions[1].data)
    assert heard == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], abs=0.04)
    assert result.renditions[1].index.duration_ms == pytest.approx(6000, abs=60)


async def test_a_hole_is_filled_with_silence(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "clip.mkv", duration_s=8, width=320, height=180, pattern="flash",
        extra=("-af", "aselect='not(between(t,2.5,4.5))'"),
    )  # fmt: skip
    result = await make(source, tmp_path, copy=True, copy_audio=False)
    heard = loud_times_s(result.renditions[1].data)
    assert heard == pytest.approx([0, 1, 2, 5, 6, 7], abs=0.04)


async def test_segments_follow_one_another_without_a_hole(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=9, width=320, height=180, audio="ac3")
    sound = (await make(source, tmp_path, copy=True)).renditions[1]
    with av.open(str(sound.path)) as container:
        times = [packet.pts for packet in container.demux(audio=0) if packet.pts is not None]
    assert times == list(range(0, len(times) * 1024, 1024))
    assert [float(s) for s in sound.starts_s] == pytest.approx([0, 4.011, 8.021, 9.003], abs=0.02)


async def test_no_sound_is_no_failure(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", width=320, height=180, audio=None)
    result = await make(source, tmp_path, copy=True)
    assert result.facts.audios == ()
    assert set(result.renditions) == {0}


CHANNELS = {"mono": 1, "stereo": 2, "quad": 4, "5.1": 6, "7.1": 8}


@pytest.mark.parametrize(
    ("layout", "wave"),
    [
        ("mono", "random({0})*2-1"),
        ("stereo", "random({0})*2-1"),
        ("stereo", "3*sin(2*PI*330*t)"),
        ("quad", "sgn(sin(2*PI*500*t))"),
        ("5.1", "sin(2*PI*997*t)"),
        ("5.1", "random({0})*2-1"),
        ("7.1", "sgn(sin(2*PI*70*t))"),
        ("7.1", "(random({0})*2-1)*gte(t,1.5)"),
        ("7.1", "if(between(t,1,1.01),0/0,1/0)"),
    ],
)
async def test_the_loudest_sound_stays_below_full_scale(tmp_path: Path, layout: str, wave: str) -> None:
    waves = "|".join(wave.format(channel) for channel in range(CHANNELS[layout]))
    peaks = await peaks_of(tmp_path, f"aevalsrc=exprs='{waves}':s=48000:c={layout}")
    assert max(peaks) < 10 ** (-1 / 20)
    assert len(peaks) > 100


async def test_ordinary_sound_is_as_loud_as_ever(tmp_path: Path) -> None:
    for channels, height in (("0.3*sin(2*PI*440*t)|0.3*sin(2*PI*440*t)", 0.3), ("0.4*sin(2*PI*440*t)", 0.283)):
        peaks = await peaks_of(tmp_path, f"aevalsrc=exprs={channels}:s=48000")
        assert sorted(peaks)[len(peaks) // 2] == pytest.approx(height, rel=0.03)


async def peaks_of(folder: Path, sound: str) -> list[float]:
    """Encode three seconds of a sound and tell the peak of each decoded piece."""
    source = folder / "loud.mkv"
    run_ffmpeg("-f", "lavfi", "-i", "color=size=64x64:rate=5", "-f", "lavfi", "-i", sound, "-t", "3", "-c:v", "libx264",
               "-c:a", "pcm_f32le", str(source))  # fmt: skip
    result = await make(source, folder, copy=True)
    with av.open(str(result.renditions[1].path)) as container:
        return [
            max(abs(sample) for plane in frame.planes for sample in memoryview(plane)[: 4 * frame.samples].cast("f"))
            for frame in container.decode(audio=0)
        ]
