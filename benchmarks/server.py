"""The server at rest and at its first duties: memory, start, last byte to playable, first frame, a large upload."""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.rig import PASSWORD, Server, memory_mb, server
from tests.clips import make_clip

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FIRST_FRAME = """async () => {
  document.querySelector('[data-player-start]').click();
  const video = () => document.querySelector('streamtime-video')?.nativeEl;
  for (;;) {
    const element = video();
    if (element && element.getVideoPlaybackQuality().totalVideoFrames > 0) return true;
    await new Promise(requestAnimationFrame);
  }
}"""


def main() -> None:
    """Print one line a figure: the median, and all of its rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--upload-mib", type=int, default=1024)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long film")
    options = parser.parse_args()
    _at_rest(options.rounds)
    with tempfile.TemporaryDirectory(prefix="streamtime-bench-") as folder:
        short = make_clip(Path(folder) / "short.mp4", duration_s=8, width=1280, height=720, fps=30)
        long = make_clip(Path(folder) / "long.mp4", duration_s=60 * options.minutes, width=640, height=360, fps=24)
        with server() as ours:
            _playable(ours, "8 s, 720p", short, options.rounds)
            _playable(ours, f"{options.minutes:.0f} min, 360p", long, options.rounds)
            _first_frame(ours, short, options.rounds)
        with server() as ours:
            _large_upload(ours, Path(folder) / "large.bin", options.upload_mib)


def _at_rest(rounds: int) -> None:
    memory, start = [], []
    for _ in range(rounds):
        with server() as ours:
            time.sleep(2)
            memory.append(ours.resident_mb())
            start.append(ours.ready_after_s)
    _line("idle server, resident", memory, "MB")
    _line("from start to ready", start, "s")


def _playable(ours: Server, what: str, clip: Path, rounds: int) -> None:
    """From the acknowledgement of the last byte to `playable`, as the server itself wrote both down."""
    waits = []
    for _ in range(rounds):
        video = ours.upload(clip)
        finished = time.monotonic()
        ours.wait(video, until="playable")
        waits.append(time.monotonic() - finished)
        with ours.api as api:
            api.delete(f"/api/v1/videos/{video}?now=true")
    _line(f"last byte to playable ({what})", waits, "s")


def _first_frame(ours: Server, clip: Path, rounds: int) -> None:
    video = ours.upload(clip)
    ours.wait(video, until="ready")
    waits = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        for _ in range(rounds):
            page = browser.new_context().new_page()
            _sign_in(page, ours.address)
            started = time.monotonic()
            page.goto(f"{ours.address}/watch/{video}", wait_until="domcontentloaded")
            page.wait_for_selector("[data-player-start]")
            page.evaluate(FIRST_FRAME)
            waits.append(time.monotonic() - started)
            page.context.close()
        browser.close()
    _line("opening the page to first frame", waits, "s")


def _sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.fill("[name=name]", "bench")
    page.fill("[name=password]", PASSWORD)
    page.click("form button[type=submit]")
    page.wait_for_url("**/library")


def _large_upload(ours: Server, path: Path, mebibytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    before = ours.resident_mb()
    started = time.monotonic()
    ours.upload(path)
    seconds = time.monotonic() - started
    grown = memory_mb(ours.process.pid, "VmHWM") - before
    print(f"upload of {mebibytes} MiB: {mebibytes / seconds:.0f} MiB/s, server's peak memory grew by {grown:.1f} MB")


def _line(what: str, values: list[float], unit: str) -> None:
    rounds = " ".join(f"{value:.2f}" for value in values)
    print(f"{what}: {statistics.median(values):.2f} {unit}   ({rounds})")


if __name__ == "__main__":
    main()
