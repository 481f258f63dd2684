"""How much memory an encode takes, beside what was foretold: a real child makes the ladder, and Linux tells its peak.

    python benchmarks/memory.py [--source FILE] [--sizes 1280x720,1920x1080]

For each size the whole ladder, the largest rung alone and the others alone are made of two seconds of moving picture.
`hls/ladder.py` has the numbers that this holds to account: after a change of the encoder's settings, run it.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from streamtime.hls.ladder import PlannedRung, SourceSize, encode_memory_bytes, plan_ladder
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import EncodeVideo, Package

MB = 1_000_000
LEAST, MOST = 0.85, 1.35
"""Measured to foretold: more than foretold would break a budget, far less would leave cores idle."""


def main() -> int:
    """Measure, print the table, and tell by the exit status whether the forecast holds."""
    arguments = _arguments()
    worst: list[float] = []
    with tempfile.TemporaryDirectory() as directory:
        for source in _sources(arguments, Path(directory)):
            worst += asyncio.run(_table(source, Path(directory)))
    return 0 if all(LEAST <= ratio <= MOST for ratio in worst) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a video of one's own, instead of made ones")
    parser.add_argument("--sizes", default="1280x720,1920x1080", help="sizes of made sources")
    return parser.parse_args()


def _sources(arguments: argparse.Namespace, directory: Path) -> list[Path]:
    if arguments.source:
        return [arguments.source]
    return [_made(size, directory) for size in arguments.sizes.split(",")]


def _made(size: str, directory: Path) -> Path:
    """Two seconds of a moving pattern with some grain."""
    clip = directory / f"{size}.mp4"
    picture = f"testsrc2=size={size}:rate=25,noise=alls=6:allf=t"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", picture, "-t", "2",
               "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(clip)]  # fmt: skip
    subprocess.run(command, check=True)
    return clip


async def _table(clip: Path, directory: Path) -> list[float]:
    descriptor = os.open(clip, os.O_RDONLY)
    try:
        async with WorkerLauncher().launch(descriptor) as worker:
            video = (await worker.probe()).video
        plan = plan_ladder(video.width, video.height, video.fps)
        source = SourceSize(video.stored_width, video.stored_height, video.bit_depth)
        print(f"{clip.name}: {video.codec} {video.width}x{video.height}, {video.bit_depth} bits")
        ratios = [await _row(descriptor, source, part, directory) for part in (plan, plan[:1], plan[1:]) if part]
    finally:
        os.close(descriptor)
    return ratios


async def _row(descriptor: int, source: SourceSize, rungs: Sequence[PlannedRung], directory: Path) -> float:
    measured, foretold = await _peak(descriptor, rungs, directory), encode_memory_bytes(source, rungs)
    names = " ".join(rung.name for rung in rungs)
    print(f"  {names:44}{measured / MB:7.0f} MB, foretold {foretold / MB:5.0f} ({foretold / measured:.2f})")
    return foretold / measured


async def _peak(descriptor: int, rungs: Sequence[PlannedRung], directory: Path) -> int:
    """The most that the child ever had in memory."""
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
    outputs = [os.open(directory / f"rung-{number}.mp4", flags, 0o600) for number in range(len(rungs))]
    peak = 0
    try:
        async with WorkerLauncher(nice=0).launch(descriptor) as worker:
            facts = await worker.probe()
            encodes = tuple(EncodeVideo(number, rung) for number, rung in enumerate(rungs))
            order = Package(facts.origin_us, facts.video.stream, encodes=encodes, duration_ms=facts.duration_ms)
            async for _message in worker.package(order, outputs):
                peak = _high_water(worker.pid)
    finally:
        for output in outputs:
            os.close(output)
    return peak


def _high_water(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    sys.exit(main())
