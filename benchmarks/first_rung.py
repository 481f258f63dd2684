"""How soon a video that must be encoded can be watched: 480p first and alone, beside the whole ladder at once.

    python -m benchmarks.first_rung [--seconds 20] [--rounds 3]

Both are measured from a worker's start to the second whole segment of all that a player would need: of the first rung
and the sound, or of every rung and the sound. Sources are made on the spot; rounds alternate, medians count. The last
column is a real server's time from the last byte of an upload to `playable`, polled.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from benchmarks.rig import Server, server
from streamtime.hls.ladder import PlannedRung, choose_first_rung, plan_ladder
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import EncodeVideo, Package, PackageAudio, RenditionFinished, SegmentWritten

HEAD_SEGMENTS = 2
MOST_S = 5.0
PICTURE = "testsrc2=size={size}:rate=25,noise=alls=4:allf=t"
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "24", "-g", "50"]
SOURCES: dict[str, tuple[str, list[str]]] = {
    "HEVC 1080p": ("1920x1080", [*X265, "-pix_fmt", "yuv420p", "-x265-params", "log-level=error"]),
    "HEVC 2160p HDR10": (
        "3840x2160",
        [*X265, "-pix_fmt", "yuv420p10le", "-x265-params",
         "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1"],
    ),
    "VP9 1080p": ("1920x1080", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1",
                                "-b:v", "4M", "-g", "50"]),
}  # fmt: skip


def main() -> int:
    """Measure, print the table, and tell by the exit status whether 1080p HEVC is playable in time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {arguments.rounds} rounds, medians, seconds\n")
    print(f"{'source':20}{'480p first':>12}{'whole ladder':>14}{'server':>10}   rounds of the server")
    in_time = True
    with tempfile.TemporaryDirectory() as folder, server() as running:
        for name, (size, codec) in SOURCES.items():
            source = made(Path(folder), name, size, codec, arguments.seconds)
            first, whole, served = measured(source, running, arguments.rounds)
            each = " ".join(f"{took:.1f}" for took in served)
            print(f"{name:20}{statistics.median(first):12.2f}{statistics.median(whole):14.2f}"
                  f"{statistics.median(served):10.2f}   {each}", flush=True)  # fmt: skip
            in_time &= name != "HEVC 1080p" or statistics.median(served) <= MOST_S
    print(
        f"\nload {os.getloadavg()[0]:.1f}; goal (HEVC 1080p at most {MOST_S:.0f} s): {'met' if in_time else 'NOT met'}"
    )
    return 0 if in_time else 1


def made(folder: Path, name: str, size: str, codec: list[str], seconds: int) -> Path:
    """Write a source."""
    path = folder / (name.replace(" ", "-") + ".mkv")
    inputs = ["-f", "lavfi", "-i", PICTURE.format(size=size), "-f", "lavfi", "-i", "anoisesrc=a=0.1:c=pink"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *inputs, *codec, "-c:a", "ac3"]
    subprocess.run([*command, "-t", str(seconds), str(path)], check=True)
    return path


def measured(source: Path, running: Server, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Take turns, so that what else the machine does is shared."""
    first, whole, served = [], [], []
    for _ in range(rounds):
        first.append(asyncio.run(until_playable(source, only_first=True)))
        whole.append(asyncio.run(until_playable(source, only_first=False)))
        video = running.upload(source)
        began = time.perf_counter()
        running.wait(video, until="playable")
        served.append(time.perf_counter() - began)
        with running.api as api:
            api.delete(f"/api/v1/videos/{video}?now=true").raise_for_status()
    return first, whole, served


async def until_playable(source: Path, *, only_first: bool) -> float:
    """Seconds from a worker's start until everything that is made has its head start."""
    began = time.perf_counter()
    descriptor = os.open(source, os.O_RDONLY)
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with WorkerLauncher(nice=0).launch(descriptor) as worker:
                facts = await worker.probe()
                plan = plan_ladder(facts.video.width, facts.video.height, facts.video.fps)
                rungs: Sequence[PlannedRung] = [choose_first_rung(plan)] if only_first else plan
                order = Package(
                    origin_us=facts.origin_us,
                    video_stream=facts.video.stream,
                    encodes=tuple(EncodeVideo(number, rung) for number, rung in enumerate(rungs)),
                    audios=(PackageAudio(len(rungs), facts.audios[0].stream),),
                    duration_ms=facts.duration_ms,
                )
                paths = [Path(folder) / str(number) for number in range(len(rungs) + 1)]
                outputs = [os.open(path, os.O_CREAT | os.O_RDWR, 0o600) for path in paths]
                waiting = dict.fromkeys(range(len(outputs)), HEAD_SEGMENTS)
                async for message in worker.package(order, outputs):
                    if isinstance(message, SegmentWritten):
                        waiting[message.output] = waiting.get(message.output, 0) - 1
                    elif isinstance(message, RenditionFinished):
                        waiting[message.output] = 0
                    if all(left <= 0 for left in waiting.values()):
                        break
                took_s = time.perf_counter() - began
        finally:
            os.close(descriptor)
        for output in outputs:
            os.close(output)
    return took_s


if __name__ == "__main__":
    sys.exit(main())
