"""Makes small test clips on the spot; it knows nothing of the server.

The picture is FFmpeg's moving, coloured test pattern (never black), or, with `pattern="flash"`, black with a
white flash and a beep together at every whole second, by which picture and sound can be compared.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import imageio_ffmpeg

VideoCodec = Literal["h264", "hevc", "vp9", "mpeg4", "mpeg2video", "mjpeg"]
AudioCodec = Literal["aac", "ac3", "mp3", "opus", "pcm_s16le"]
Pattern = Literal["test", "flash"]

_VIDEO_ARGUMENTS: dict[str, list[str]] = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"],
    "mpeg4": ["-c:v", "mpeg4", "-q:v", "4"],
    "mpeg2video": ["-c:v", "mpeg2video", "-q:v", "4"],
    "mjpeg": ["-c:v", "mjpeg", "-q:v", "4"],
}
_AUDIO_ENCODERS = {"aac": "aac", "ac3": "ac3", "mp3": "libmp3lame", "opus": "libopus", "pcm_s16le": "pcm_s16le"}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_RANDOM_IDS = {".mkv", ".webm"}
"""Containers with a random id: two clips of these are never the same to the byte, and tests rely on it."""

_shared: Path | None = None
"""The folder of clips that are shared, if they are."""


@dataclass(frozen=True)
class _Clip:
    duration_s: float
    width: int
    height: int
    fps: str
    video: VideoCodec | None
    audio: AudioCodec | None
    channels: int
    sample_rate_hz: int
    gop_s: float
    open_gop: bool
    b_frames: int
    pix_fmt: str
    sample_aspect: str
    interlaced: bool
    audio_delay_s: float
    pattern: Pattern


def make_clip(
    path: Path,
    *,
    duration_s: float = 4.0,
    width: int = 640,
    height: int = 360,
    fps: str | int = 25,
    video: VideoCodec | None = "h264",
    audio: AudioCodec | None = "aac",
    channels: int = 2,
    sample_rate_hz: int = 48_000,
    gop_s: float = 2.0,
    open_gop: bool = False,
    b_frames: int = 2,
    pix_fmt: str = "yuv420p",
    sample_aspect: str = "1/1",
    rotation: int = 0,
    interlaced: bool = False,
    audio_delay_s: float = 0.0,
    pattern: Pattern = "test",
    extra: tuple[str, ...] = (),
) -> Path:
    """Write one clip to `path`, whose suffix chooses the container, and return the path.

    Where clips are shared (`share_clips`) it may be a copy of one that was made before, byte by byte the same.

    Sizes are pixels as stored; `rotation` is put into the metadata, in degrees counter-clockwise, as FFmpeg's
    `-display_rotation` has it; `sample_aspect` is the shape of a pixel; `extra` are further output arguments.
    """
    clip = _Clip(
        duration_s, width, height, str(fps), video, audio, channels, sample_rate_hz, gop_s, open_gop, b_frames,
        pix_fmt, sample_aspect, interlaced, audio_delay_s, pattern,
    )  # fmt: skip
    if _shared is None or path.suffix in _RANDOM_IDS:
        return _encode(clip, path, rotation, extra)
    name = hashlib.sha256(repr((clip, rotation, extra)).encode()).hexdigest() + path.suffix
    if not (_shared / name).exists():
        making = _shared / f"{os.getpid()}-{name}"
        _encode(clip, making, rotation, extra).rename(_shared / name)  # two processes may both make it
    return Path(shutil.copyfile(_shared / name, path))


def share_clips(folder: Path) -> None:
    """Make each clip once for all processes that share `folder`."""
    global _shared  # noqa: PLW0603  # one for each process
    folder.mkdir(exist_ok=True)
    _shared = folder


def _encode(clip: _Clip, path: Path, rotation: int, extra: tuple[str, ...]) -> Path:
    raw = path.with_name(f"upright-{path.name}") if rotation else path
    run_ffmpeg(*_inputs(clip), *_video(clip), *_audio(clip), *extra, "-t", str(clip.duration_s), str(raw))
    if rotation:
        run_ffmpeg("-display_rotation:v:0", str(rotation), "-i", str(raw), "-c", "copy", "-map", "0", str(path))
        raw.unlink()
    return path


def truncate_clip(path: Path, keep: float, to: Path) -> Path:
    """Write the first `keep` (a share from 0 to 1) of the bytes of `path` to `to`: an upload that broke off."""
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * keep)])
    return to


def run_ffmpeg(*arguments: str) -> None:
    """Run the peer's FFmpeg, quietly; a failure shows what it said."""
    done = subprocess.run(
        [ffmpeg_path(), "-nostdin", "-v", "error", "-y", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@cache
def ffmpeg_path() -> str:
    """The FFmpeg that comes with imageio-ffmpeg: no program of the machine is needed."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _inputs(clip: _Clip) -> list[str]:
    arguments: list[str] = []
    if clip.video:
        arguments += ["-f", "lavfi", "-i", _picture(clip)]
    if clip.audio:
        delay = ["-itsoffset", str(clip.audio_delay_s)] if clip.audio_delay_s else []
        arguments += [*delay, "-f", "lavfi", "-i", _sound(clip)]
    return arguments


def _picture(clip: _Clip) -> str:
    size = f"size={clip.width}x{clip.height}:rate={clip.fps}"
    if clip.pattern == "flash":
        source = f"color=black:{size},drawbox=c=white:t=fill:enable='lt(mod(t\\,1)\\,0.079)'"
    else:
        source = f"testsrc2={size}"
    return f"{source},setsar={clip.sample_aspect}"


def _sound(clip: _Clip) -> str:
    tone = "0.5*sin(2*PI*1000*t)"
    wave = f"if(lt(mod(t\\,1)\\,0.08)\\,{tone}\\,0)" if clip.pattern == "flash" else "0.4*sin(2*PI*440*t)"
    layout = _LAYOUTS[clip.channels]
    return f"aevalsrc=exprs={'|'.join([wave] * clip.channels)}:s={clip.sample_rate_hz}:c={layout}"


def _video(clip: _Clip) -> list[str]:
    if not clip.video:
        return []
    arguments = [*_VIDEO_ARGUMENTS[clip.video], "-pix_fmt", clip.pix_fmt]
    gop = max(1, round(clip.gop_s * _rate(clip.fps)))
    if clip.video == "h264":
        parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={int(clip.open_gop)}"
        arguments += ["-x264-params", parameters + (":tff=1" if clip.interlaced else "")]
        arguments += ["-bf", str(clip.b_frames)]
    elif clip.video != "mjpeg":
        arguments += ["-g", str(gop)]
    return arguments


def _audio(clip: _Clip) -> list[str]:
    if not clip.audio:
        return []
    return ["-c:a", _AUDIO_ENCODERS[clip.audio], "-ac", str(clip.channels), "-strict", "-2"]


def _rate(fps: str) -> float:
    numerator, _, denominator = fps.partition("/")
    return float(numerator) / float(denominator or 1)
