"""A segment served to a signed-in viewer, beside nginx serving the same bytes from disk: `wrk`, in turns."""

import argparse
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import m3u8

from benchmarks.rig import Server, server
from tests.clips import make_clip

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def main() -> None:
    """Print requests and megabytes a second of both, and the ratio, for each size of segment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with server() as ours, tempfile.TemporaryDirectory(prefix="streamtime-nginx-") as folder:
        pieces = _segments(ours, Path(folder) / "www")
        cookie = ours.cookie()
        with _nginx(Path(folder)) as nginx:
            print(f"{'segment':>12} {'ours/s':>9} {'nginx/s':>9} {'ours MB/s':>10} {'nginx MB/s':>10} {'ratio':>6}")
            for name, (url, size) in pieces.items():
                rates = [
                    (_wrk(ours.address + url, options, cookie), _wrk(f"{nginx}/{name}", options))
                    for _ in range(options.rounds)
                ]
                ratio = statistics.median(mine / theirs for mine, theirs in rates)
                mine, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
                megabytes = [rate * size / 1e6 for rate in (mine, theirs)]
                rates_text = f"{mine:>9.0f} {theirs:>9.0f} {megabytes[0]:>10.0f} {megabytes[1]:>10.0f}"
                print(f"{size:>12,} {rates_text} {ratio:>6.2f}")


def _segments(ours: Server, www: Path) -> dict[str, tuple[str, int]]:
    """The first picture segment of the largest and of the smallest rendition, copied to where nginx finds them."""
    clip = www.parent / "clip.mp4"
    www.mkdir()
    make_clip(clip, duration_s=12, width=1280, height=720, fps=30)
    video = ours.upload(clip)
    ours.wait(video, until="ready")
    pieces: dict[str, tuple[str, int]] = {}
    with ours.api as api:
        master = m3u8.loads(api.get(f"/media/{video}/master.m3u8").text)
        ranked = sorted(master.playlists, key=lambda p: p.stream_info.bandwidth)
        for playlist in (ranked[-1], ranked[0]):
            url = f"/media/{video}/{playlist.uri.rsplit('/', 1)[0]}/0.m4s"
            content = api.get(url).content
            name = f"{len(pieces)}.m4s"
            (www / name).write_bytes(content)
            pieces[name] = (url, len(content))
    return pieces


def _wrk(url: str, options: argparse.Namespace, cookie: str = "") -> float:
    headers = ["-H", f"Cookie: {cookie}"] if cookie else []
    connections = ["-t1", f"-c{options.connections}", f"-d{options.seconds}s"]
    done = subprocess.run(["wrk", *connections, *headers, url], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


@contextmanager
def _nginx(folder: Path) -> Iterator[str]:
    port = 20_000 + hash(folder) % 20_000
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    folder.chmod(0o755)
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        for _ in range(100):
            try:
                httpx.get(f"http://127.0.0.1:{port}/0.m4s")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


if __name__ == "__main__":
    main()
