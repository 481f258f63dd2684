"""How fast the ladder is made, beside FFmpeg 9 on the same source in the same run.

    python benchmarks/ladder.py [--source FILE] [--seconds 20] [--rounds 3]

Ours is the whole way: a worker is started, probes, and makes all rungs and the sound, as the server has it do. The
peers are one FFmpeg command with its scalers in cascade, and one FFmpeg process per rung, one after the other.
All use the same encoder settings. Rounds alternate, medians count; CPU time is that of all child processes.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from streamtime.hls.ladder import PlannedRung, plan_ladder
from streamtime.media import x264
from streamtime.worker_protocol import EncodeVideo, Package, PackageAudio
from streamtime.workers.launcher import WorkerLauncher

MOST_WALL_OF_ONE_COMMAND, MOST_CPU_OF_ONE_COMMAND = 1.05, 1.0
MOST_WALL_OF_PROCESS_PER_RUNG, MOST_CPU_OF_PROCESS_PER_RUNG = 0.7, 0.75
FRAGMENTS = "frag_keyframe+delay_moov+default_base_moof+frag_discont+skip_trailer"


@dataclass(frozen=True)
class Took:
    """What one run took, in seconds."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Measure, print the table, and tell by the exit status whether the goals are met."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        source = prepared(arguments.source, arguments.seconds, Path(directory))
        plan = asyncio.run(planned(source))
        print(f"source: {source_name(arguments.source)}, {arguments.seconds} s; rungs: "
              + ", ".join(f"{r.name} {r.width}x{r.height}" for r in plan))  # fmt: skip
        print(f"{x264.PRESET}, {x264.PARAMETERS}; {os.cpu_count()} cores, {arguments.rounds} rounds, medians")
        one, each = one_command(source, plan, Path(directory)), per_rung(source, plan, Path(directory))
        runs: dict[str, Callable[[], None]] = {
            "streamtime": lambda: asyncio.run(ours(source, plan, Path(directory))),
            "FFmpeg 9, one command": lambda: ffmpeg(one),
            "FFmpeg 9, a process per rung": lambda: ffmpeg(*each),
        }
        return report(rounds(runs, arguments.rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a video; repeated or cut to the wanted length")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def source_name(source: Path | None) -> str:
    """Say in the table what was encoded."""
    return source.name if source else "1920x1080 at 25, moving pattern with grain, made on the spot"


def prepared(source: Path | None, seconds: int, directory: Path) -> Path:
    """Make a clip of the wanted length."""
    clip = directory / "source.mp4"
    if source:
        inputs = ["-stream_loop", "-1", "-i", str(source), "-c", "copy"]
    else:
        picture = "mandelbrot=size=1920x1080:rate=25,noise=alls=6:allf=t,format=yuv420p"
        inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "anoisesrc=a=0.1:c=pink",
                  "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", "50", "-c:a", "aac"]  # fmt: skip
    ffmpeg([*inputs, "-t", str(seconds), str(clip)])
    return clip


async def planned(source: Path) -> tuple[PlannedRung, ...]:
    """Plan the whole ladder, as if nothing could be copied: that is the most work."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        async with WorkerLauncher().launch(descriptor) as worker:
            video = (await worker.probe()).video
    finally:
        os.close(descriptor)
    return plan_ladder(video.width, video.height, video.fps)


async def ours(source: Path, plan: tuple[PlannedRung, ...], directory: Path) -> None:
    """Make everything with a worker of our own."""
    descriptor = os.open(source, os.O_RDONLY)
    outputs = [
        os.open(directory / f"ours-{n}.mp4", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600) for n in range(len(plan) + 1)
    ]
    async with WorkerLauncher(nice=0).launch(descriptor) as worker:
        facts = await worker.probe()
        order = Package(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            encodes=tuple(EncodeVideo(n, rung) for n, rung in enumerate(plan)),
            audios=(PackageAudio(len(plan), facts.audios[0].stream),),
            duration_ms=facts.duration_ms,
        )
        async for _message in worker.package(order, outputs):
            pass
    for number in [descriptor, *outputs]:
        os.close(number)


def one_command(source: Path, plan: tuple[PlannedRung, ...], directory: Path) -> list[str]:
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


def per_rung(source: Path, plan: tuple[PlannedRung, ...], directory: Path) -> list[list[str]]:
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
    for name, value in x264.options(rung).items():
        arguments += [f"-{name}:v", value]
    return [*arguments, "-force_key_frames", "expr:gte(t,n_forced*4)", "-pix_fmt", "yuv420p"]


def sound(path: Path) -> list[str]:
    """The sound as its own output."""
    settings = ["-map", "0:a:0", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000"]
    return [*settings, "-movflags", FRAGMENTS, "-frag_duration", "4000000", str(path)]


def ffmpeg(*commands: list[str]) -> None:
    """Run the peer, one command after another."""
    for arguments in commands:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments]
        subprocess.run(command, check=True)


def rounds(runs: dict[str, Callable[[], None]], count: int) -> dict[str, Took]:
    """Run everything in turn, `count` times, so that what else the machine does is shared."""
    took: dict[str, list[Took]] = {name: [] for name in runs}
    for _ in range(count):
        for name, run in runs.items():
            took[name].append(timed(run))
    return {
        name: Took(statistics.median(t.wall_s for t in times), statistics.median(t.cpu_s for t in times))
        for name, times in took.items()
    }


def timed(run: Callable[[], None]) -> Took:
    """Measure one run with all its children."""
    cpu_before, before = children_cpu_s(), time.perf_counter()
    run()
    return Took(time.perf_counter() - before, children_cpu_s() - cpu_before)


def children_cpu_s() -> float:
    """CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def report(took: dict[str, Took]) -> int:
    """Print the table; 0 if the goals are met."""
    names = list(took)
    mine, one, each = (took[name] for name in names)
    print(f"\n{'':30}{'wall s':>8}{'CPU s':>8}{'ours/it wall':>14}{'CPU':>7}")
    for name in names:
        peer = took[name]
        ratio = f"{mine.wall_s / peer.wall_s:14.2f}{mine.cpu_s / peer.cpu_s:7.2f}" if peer is not mine else ""
        print(f"{name:30}{peer.wall_s:8.2f}{peer.cpu_s:8.2f}{ratio}")
    met = (
        mine.wall_s <= one.wall_s * MOST_WALL_OF_ONE_COMMAND
        and mine.cpu_s <= one.cpu_s * MOST_CPU_OF_ONE_COMMAND
        and mine.wall_s <= each.wall_s * MOST_WALL_OF_PROCESS_PER_RUNG
        and mine.cpu_s <= each.cpu_s * MOST_CPU_OF_PROCESS_PER_RUNG
    )
    print(f"goals (1.05 and 1.00; 0.70 and 0.75): {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
