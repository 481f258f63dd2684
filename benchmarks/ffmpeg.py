"""FFmpeg 9 as a peer: a whole ladder in one command, or one process for each rung, and sources to try both on."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from streamtime.hls.ladder import PlannedRung
from streamtime.media import rung_encoder

FRAGMENTS = "frag_keyframe+delay_moov+default_base_moof+frag_discont+skip_trailer"
CODECS = {
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", "50"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "20", "-g", "50", "-x265-params", "log-level=error"],
}


def ffmpeg(*commands: list[str]) -> None:
    """Run one command after another."""
    for arguments in commands:
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments], check=True)


def prepared(source: Path | None, seconds: int, directory: Path, *, height: int = 0, codec: str = "") -> Path:
    """Make a clip of the wanted length, and of another height or codec where that is asked for."""
    clip = directory / "source.mp4"
    if source and not height and not codec:
        ffmpeg(["-stream_loop", "-1", "-i", str(source), "-c", "copy", "-t", str(seconds), str(clip)])
        return clip
    lines = height or 1080
    if source:
        inputs = ["-stream_loop", "-1", "-i", str(source)]
    else:
        picture = "mandelbrot=size=1920x1080:rate=25,noise=alls=6:allf=t"
        inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "anoisesrc=a=0.1:c=pink"]
    shape = ["-vf", f"scale=-2:{lines}:flags=bicubic,format=yuv420p", *CODECS[codec or "h264"], "-c:a", "aac"]
    ffmpeg([*inputs, *shape, "-t", str(seconds), str(clip)])
    return clip


def one_command(source: Path, plan: Sequence[PlannedRung], directory: Path) -> list[str]:
    """One decode, scalers in cascade, the same encoders with the same threads."""
    steps: list[str] = []
    incoming = "0:v"
    for number, rung in enumerate(plan):
        last = number == len(plan) - 1
        split = f"[e{number}]" if last else f",split[e{number}][s{number}]"
        steps.append(f"[{incoming}]scale={rung.width}:{rung.height}:flags=bilinear{split}")
        incoming = f"s{number}"
    outputs: list[str] = []
    for number, rung in enumerate(plan):
        threads = "2" if number == 0 else "1"
        outputs += ["-map", f"[e{number}]", *encoder(rung), "-threads", threads]
        outputs += ["-movflags", FRAGMENTS, str(directory / f"one-{number}.mp4")]
    return ["-i", str(source), "-filter_complex", ";".join(steps), *outputs, *sound(directory / "one-sound.mp4")]


def per_rung(source: Path, plan: Sequence[PlannedRung], directory: Path) -> list[list[str]]:
    """A process for each rung, each free to use all cores; the sound goes with the first."""
    commands: list[list[str]] = []
    for number, rung in enumerate(plan):
        scale = ["-map", "0:v", "-vf", f"scale={rung.width}:{rung.height}:flags=bilinear"]
        output = [*encoder(rung), "-movflags", FRAGMENTS, str(directory / f"each-{number}.mp4")]
        extra = sound(directory / "each-sound.mp4") if number == 0 else []
        commands.append(["-i", str(source), *scale, *output, *extra])
    return commands


def encoder(rung: PlannedRung) -> list[str]:
    """The settings of our own encoder, as FFmpeg's command line has them."""
    arguments = ["-c:v", "libx264", "-r", str(rung.fps)]
    for name, value in rung_encoder.x264_options(rung).items():
        arguments += [f"-{name}:v", value]
    return [*arguments, "-force_key_frames", "expr:gte(t,n_forced*4)", "-pix_fmt", "yuv420p"]


def sound(path: Path) -> list[str]:
    """The sound as its own output."""
    settings = ["-map", "0:a:0", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000"]
    return [*settings, "-movflags", FRAGMENTS, "-frag_duration", "4000000", str(path)]
