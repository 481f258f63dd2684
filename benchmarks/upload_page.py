"""The upload page with hundreds of files: how long the browser is busy while they are added, scrolled and sent.

    CHROMIUM=chromium python -m benchmarks.upload_page --files 500

drops a folder of small files on the upload page in headless Chromium, against a fresh server, and prints the time of
frames and the long tasks (more than 50 ms) of the page's thread. The files are no videos, so preparing them is short.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.rig import server

_WATCH = """() => {
  window.frames = [];
  window.tasks = [];
  let before = performance.now();
  const frame = (now) => { frames.push(now - before); before = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: "longtask" });
}"""
_RESET = "() => { window.frames.length = 0; window.tasks.length = 0; }"
_SCROLL = """async () => {
  for (let step = 0; step < 120; step += 1) {
    window.scrollBy(0, document.body.scrollHeight / 120);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}"""


def main() -> None:
    """Print the times of adding, scrolling and sending."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server() as ours, sync_playwright() as playwright:
        for number in range(options.files):
            Path(folder, f"clip {number:04}.mp4").write_bytes(b"%08d" % number * 512)
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox", "--disable-gpu"]
        )
        name, _, value = ours.cookie().partition("=")
        context = browser.new_context(base_url=ours.address, viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": ours.address}])
        page = context.new_page()
        page.goto("/upload")
        page.evaluate(_WATCH)
        _measure(page, Path(folder), options.files)
        browser.close()


def _measure(page: Page, folder: Path, files: int) -> None:
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
    started = time.monotonic()
    data: dict[str, Any] = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        protocol.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})
    page.wait_for_function("(files) => document.querySelectorAll('.upload').length === files", arg=files)
    _print(page, f"{files} files listed after {time.monotonic() - started:.2f} s")
    page.evaluate(_SCROLL)
    _print(page, "scrolled from the first to the last while they are sent")
    page.wait_for_function(
        "() => !document.querySelector('.upload[data-phase=waiting], .upload[data-phase=uploading]')", timeout=900_000
    )
    took = time.monotonic() - started
    _print(page, f"all sent after {took:.0f} s, {files / took:.1f} files a second")
    metrics = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
    busy = {name: metrics[f"{name}Duration"] for name in ("Script", "RecalcStyle", "Layout", "Task")}
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in busy.items())
    print(f"CPU time of the page's thread: {parts}; {busy['Task'] * 1000 / files:.0f} ms for each file")


def _print(page: Page, what: str) -> None:
    frames: list[float] = page.evaluate("window.frames")
    tasks: list[float] = page.evaluate("window.tasks")
    slow = sum(each > 50 for each in frames)  # as long tasks are
    longest = max(tasks, default=0)
    print(f"{what}: frames median {statistics.median(frames):.0f} ms, longest {max(frames):.0f} ms,")
    print(f"  {slow} of {len(frames)} over 50 ms; {len(tasks)} long tasks, {sum(tasks):.0f} ms, longest {longest:.0f}")
    page.evaluate(_RESET)


if __name__ == "__main__":
    main()
