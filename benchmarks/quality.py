"""Quality per bit: our encoder's settings beside x264 `veryfast -crf 23`, judged by VMAF in FFmpeg 9.

    python -m benchmarks.quality [--source FILE] [--seconds 8] [--height 720] [--settings 'superfast trellis=1 ...']

Three kinds of content: the film given (or a moving pattern), the same with film grain, and a page of text that is
scrolled, recorded in a real browser. Each setting encodes at several qualities; its bits at the VMAF that the peer has
are read off the line between them. CPU time is that of one encoder with one thread, decoding included, at that VMAF: in
turns with the peer, the medians of some rounds.
"""

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.ffmpeg import ffmpeg
from benchmarks.timing import rounds
from streamtime.media import rung_encoder

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PEER = "veryfast"
QUALITIES = (19.0, 23.0, 27.0, 31.0)
PEER_CRF = 23.0
GRID = "keyint=100:scenecut=0:open-gop=0"
SCROLLED_FPS = 12
FPS = 24
"""The clips are brought to it."""
MOST_BITS, MOST_CPU = 0.9, 1.0


@dataclass(frozen=True)
class Point:
    """One encoding: how many bits a second, and how near to its source (VMAF, 0 to 100)."""

    crf: float
    bps: float
    vmaf: float


def main() -> int:
    """Measure, print the table, and tell by the exit status whether ours takes a tenth fewer bits at no more CPU."""
    options = _options()
    met = True
    print(f"beside x264 {PEER} crf {PEER_CRF:g} at {options.height} lines, {options.seconds} s; "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'content':12}{'setting':70}{'crf':>6}{'VMAF':>7}{'kbit/s':>8}{'bits':>6}{'CPU':>6}")
    with tempfile.TemporaryDirectory() as name:
        for kind, clip in contents(options, Path(name)).items():
            peer = curve(clip, PEER, "", options.maxrate)
            at = next(point for point in peer if point.crf == PEER_CRF)
            _row(kind, PEER, at, at, cpu=1.0)
            for setting in options.settings:
                preset, _, parameters = setting.partition(" ")
                parameters = parameters.replace(" ", ":")
                mine = at_vmaf(curve(clip, preset, parameters, options.maxrate), at.vmaf)
                cpu = cpu_ratio(
                    encoding(clip, preset, parameters, mine.crf, options.maxrate),
                    encoding(clip, PEER, "", PEER_CRF, options.maxrate),
                    options.rounds,
                )
                _row(kind, setting, mine, at, cpu=cpu)
                met = met and mine.bps <= at.bps * MOST_BITS and cpu <= MOST_CPU
    print(f"goals (bits {MOST_BITS}, CPU {MOST_CPU}): {'met' if met else 'NOT met'}")
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a video")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--rounds", type=int, default=5, help="in which CPU time is measured")
    parser.add_argument("--maxrate", default="3000k", help="the ceiling, for all")
    own = f"{rung_encoder.PRESET} {rung_encoder.TUNING.replace(':', ' ')}".strip()
    parser.add_argument("--settings", action="append", help="a preset and x264 parameters to try, instead of ours")
    options = parser.parse_args()
    options.settings = options.settings or [own]
    return options


def contents(options: argparse.Namespace, directory: Path) -> dict[str, Path]:
    """The clips, without loss, at the wanted height."""
    shape = f"fps={FPS},scale=-2:{options.height}:flags=bicubic,format=yuv420p"
    given = ["-i", str(options.source)] if options.source else ["-f", "lavfi", "-i", "mandelbrot=size=1280x720:rate=25"]
    lossless = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-t", str(options.seconds)]
    clips = {kind: directory / f"{kind}.mp4" for kind in ("given", "grain", "screen")}
    ffmpeg(
        [*given, "-vf", shape, *lossless, str(clips["given"])],
        [*given, "-vf", f"{shape},noise=c0s=9:c0f=t+u", *lossless, str(clips["grain"])],
    )
    screenshots(directory, round(options.seconds * SCROLLED_FPS))
    pictures = ["-framerate", str(SCROLLED_FPS), "-i", str(directory / "page-%04d.png")]
    ffmpeg([*pictures, "-vf", shape, *lossless, str(clips["screen"])])
    return clips


def screenshots(directory: Path, count: int) -> None:
    """Scroll a page of text, with pauses, as somebody reads it."""
    text = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_content("<pre style='font: 15px monospace; margin: 24px'></pre>")
        page.evaluate("text => { document.querySelector('pre').textContent = text + text }", text)
        for number in range(count):
            if number % SCROLLED_FPS < SCROLLED_FPS // 3:
                page.mouse.wheel(0, 40)
            page.mouse.move(200 + number * 5 % 900, 300)
            page.screenshot(path=directory / f"page-{number:04}.png")
        browser.close()


def curve(clip: Path, preset: str, parameters: str, maxrate: str) -> list[Point]:
    """Encode at every quality, the best first."""
    return [encoded(clip, preset, parameters, crf, maxrate) for crf in QUALITIES]


def encoding(clip: Path, preset: str, parameters: str, crf: float, maxrate: str) -> list[str]:
    """The arguments that encode once, beside the clip."""
    settings = ":".join(part for part in (GRID, parameters) if part)
    return ["-i", str(clip), "-c:v", "libx264", "-preset", preset, "-profile:v", "high", "-crf", str(crf),
            "-maxrate", maxrate, "-bufsize", "6000k", "-threads", "1", "-x264-params", settings,
            str(clip.with_name("made.mp4"))]  # fmt: skip


def encoded(clip: Path, preset: str, parameters: str, crf: float, maxrate: str) -> Point:
    """Encode once and compare with the source."""
    made, verdict = clip.with_name("made.mp4"), clip.with_name("vmaf.json")
    ffmpeg(encoding(clip, preset, parameters, crf, maxrate))
    judge = f"libvmaf=log_fmt=json:log_path={verdict}:n_threads=2"
    ffmpeg(["-i", str(made), "-i", str(clip), "-lavfi", judge, "-f", "null", "-"])
    said = json.loads(verdict.read_text(encoding="utf-8"))
    seconds = len(said["frames"]) / FPS
    return Point(crf, made.stat().st_size * 8 / seconds, said["pooled_metrics"]["vmaf"]["mean"])


def cpu_ratio(mine: list[str], peer: list[str], times: int) -> float:
    """CPU time of the one encoding by that of the other."""
    took = rounds({"mine": lambda: ffmpeg(mine), "peer": lambda: ffmpeg(peer)}, times)
    return took["mine"].cpu_s / took["peer"].cpu_s


def at_vmaf(points: Sequence[Point], vmaf: float) -> Point:
    """Read off the line between the two nearest encodings, in logarithms of bits; beyond the ends, go on straight."""
    pairs = list(pairwise(points))
    above, below = next((pair for pair in pairs if pair[0].vmaf >= vmaf >= pair[1].vmaf), pairs[0])
    if vmaf < points[-1].vmaf:
        above, below = pairs[-1]
    share = (above.vmaf - vmaf) / (above.vmaf - below.vmaf)
    bits = math.exp(math.log(above.bps) + share * (math.log(below.bps) - math.log(above.bps)))
    crf = above.crf + share * (below.crf - above.crf)
    return Point(crf, bits, vmaf)


def _row(kind: str, setting: str, point: Point, peer: Point, *, cpu: float) -> None:
    bits = point.bps / peer.bps
    said = f"{point.crf:6.1f}{point.vmaf:7.2f}{point.bps / 1000:8.0f}{bits:6.2f}{cpu:6.2f}"
    print(f"{kind:12}{setting:70}{said}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
