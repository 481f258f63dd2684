"""How fast the ladder is made, beside FFmpeg 9 on the same source in the same run.

    python -m benchmarks.ladder [--source FILE] [--height 1080] [--codec hevc] [--copied] [--seconds 40] [--rounds 3]

Ours is the whole way: a worker is started, probes, and makes all rungs and the sound, as the server has it do. The
peers are one FFmpeg command with its scalers in cascade, and one FFmpeg process per rung, one after the other.
All use the same encoder settings. Rounds alternate, medians count; CPU time is that of all child processes.
With `--copied` our largest rung is a copy of the source, as it is for most files that people have.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.ffmpeg import ffmpeg, one_command, per_rung, prepared
from benchmarks.timing import Took, rounds
from streamtime.hls.ladder import PlannedRung, plan_ladder
from streamtime.media import rung_encoder
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.protocol import CopyVideo, EncodeVideo, Package, PackageAudio

MOST_OF_ONE_COMMAND = Took(wall_s=1.0, cpu_s=1.0)
MOST_OF_PROCESS_PER_RUNG = Took(wall_s=0.66, cpu_s=0.75)
MOST_OF_PROCESS_PER_RUNG_COPIED = Took(wall_s=0.4, cpu_s=0.4)


def main() -> int:
    """Measure, print the table, and tell by the exit status whether the goals are met."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = prepared(options.source, options.seconds, directory, height=options.height, codec=options.codec)
        facts = asyncio.run(probed(source))
        plan = plan_ladder(facts.video.width, facts.video.height, facts.video.fps)
        print(f"source: {options.source.name if options.source else 'a moving pattern with grain'}, "
              f"{facts.video.codec} {facts.video.width}x{facts.video.height}, {options.seconds} s; rungs: "
              + ", ".join(rung.name for rung in plan))  # fmt: skip
        print(f"{rung_encoder.PRESET}, {rung_encoder.PARAMETERS}; {os.cpu_count()} cores, "
              f"load {os.getloadavg()[0]:.1f}, {options.rounds} rounds, medians")  # fmt: skip
        one, each = one_command(source, plan, directory), per_rung(source, plan, directory)
        runs: dict[str, Callable[[], None]] = {
            "streamtime": lambda: asyncio.run(ours(source, plan, directory, copied=options.copied)),
            "FFmpeg 9, one command": lambda: ffmpeg(one),
            "FFmpeg 9, a process per rung": lambda: ffmpeg(*each),
        }
        return report(rounds(runs, options.rounds), copied=options.copied)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a video; repeated or cut to the wanted length")
    parser.add_argument("--height", type=int, default=0, help="scale the source to so many lines first")
    parser.add_argument("--codec", choices=("h264", "hevc"), default="", help="encode the source so first")
    parser.add_argument("--copied", action="store_true", help="copy the largest rung, as for a source in H.264")
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def probed(source: Path) -> ProbeResult:
    """What a worker says of the source."""
    descriptor = os.open(source, os.O_RDONLY)
    try:
        async with WorkerLauncher().launch(descriptor) as worker:
            return await worker.probe()
    finally:
        os.close(descriptor)


async def ours(source: Path, plan: tuple[PlannedRung, ...], directory: Path, *, copied: bool) -> None:
    """Make everything with a worker of our own."""
    descriptor = os.open(source, os.O_RDONLY)
    outputs = [
        os.open(directory / f"ours-{n}.mp4", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600) for n in range(len(plan) + 1)
    ]
    async with WorkerLauncher(nice=0).launch(descriptor) as worker:
        facts = await worker.probe()
        if copied and not facts.video.copyable:
            raise SystemExit(f"the source cannot be copied: {facts.video.copy_obstacle}")
        encodes = tuple(EncodeVideo(n, rung) for n, rung in enumerate(plan))
        order = Package(
            origin_us=facts.origin_us,
            video_stream=facts.video.stream,
            copy=CopyVideo(0) if copied else None,
            encodes=encodes[1:] if copied else encodes,
            audios=(PackageAudio(len(plan), facts.audios[0].stream),),
            duration_ms=facts.duration_ms,
        )
        async for _message in worker.package(order, outputs):
            pass
    for number in [descriptor, *outputs]:
        os.close(number)


def report(took: dict[str, Took], *, copied: bool) -> int:
    """Print the table; 0 if the goals are met."""
    mine, *peers = took.values()
    goals = (None, MOST_OF_PROCESS_PER_RUNG_COPIED) if copied else (MOST_OF_ONE_COMMAND, MOST_OF_PROCESS_PER_RUNG)
    print(f"\n{'':30}{'wall s':>8}{'CPU s':>8}{'ours/it wall':>14}{'CPU':>7}{'goals':>14}")
    print(f"{'streamtime':30}{mine.wall_s:8.2f}{mine.cpu_s:8.2f}")
    met = True
    for name, peer, goal in zip(list(took)[1:], peers, goals, strict=True):
        wall, cpu = mine.wall_s / peer.wall_s, mine.cpu_s / peer.cpu_s
        said = f"{goal.wall_s:9.2f}{goal.cpu_s:5.2f}" if goal else ""
        print(f"{name:30}{peer.wall_s:8.2f}{peer.cpu_s:8.2f}{wall:14.2f}{cpu:7.2f}{said}")
        met = met and (goal is None or (wall <= goal.wall_s and cpu <= goal.cpu_s))
    print(f"goals {'met' if met else 'NOT met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
