"""One video in a bucket: object reads a segment for 200 viewers, and a warm segment beside nginx proxying the bucket.

The bucket is a SeaweedFS of its own. nginx hands through a signed address of the very same bytes, with its connections
kept. It has to be installed by hand, as `wrk` has: without them only the reads are counted.
"""

import argparse
import asyncio
import os
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import m3u8

from benchmarks.rig import Server, server
from streamtime.storage.s3.store import S3Store
from tests.clips import make_clip
from tests.s3 import Bucket, s3_server

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream bucket {{ server {host}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location = /0.m4s {{
      proxy_pass "http://bucket{target}"; proxy_http_version 1.1;
      proxy_set_header Host {host}; proxy_set_header Connection "";
    }}
  }}
}}
"""


def main() -> None:
    """Print the load, reads a segment, and requests and megabytes a second of both with their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--clip", type=int, default=60, help="seconds of video")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with s3_server() as endpoint, tempfile.TemporaryDirectory(prefix="streamtime-remote-") as folder:
        bucket = Bucket(endpoint, f"bench/{secrets.token_hex(4)}")
        try:
            with server(**bucket.environ) as ours:
                segments = _segments(ours, Path(folder), options.clip)
                _count_reads(ours, segments, options.viewers)
                if shutil.which("nginx") and shutil.which("wrk"):
                    _compare(ours, segments[1], bucket, Path(folder), options)
                else:
                    print("nginx or wrk is missing: nothing to compare with")
        finally:
            bucket.clear()


def _segments(ours: Server, folder: Path, clip_s: int) -> list[str]:
    """A public video that has settled in the bucket: its largest picture's init segment and segments."""
    video = ours.upload(make_clip(folder / "clip.mp4", duration_s=clip_s, width=1280, height=720, fps=30))
    ours.wait(video, until="ready")
    with ours.api as api:
        api.patch(f"/api/v1/videos/{video}", json={"visibility": "public"}).raise_for_status()
        while not api.get(f"/api/v1/videos/{video}").json()["urls"]["storyboard"]:
            time.sleep(0.1)  # stills are made of what is in the bucket: those reads are no viewer's
        while any(path.is_file() for path in (ours.data_dir / "spool").rglob("*")):
            time.sleep(0.1)
        master = m3u8.loads(api.get(f"/media/{video}/master.m3u8").text)
        best = max(master.playlists, key=lambda playlist: playlist.stream_info.bandwidth)
        playlist = m3u8.loads(api.get(f"/media/{video}/{best.uri}").text)
    base = f"{ours.address}/media/{video}/{best.uri.rsplit('/', 1)[0]}"
    return [f"{base}/init.mp4", *(f"{base}/{segment.uri}" for segment in playlist.segments)]


def _count_reads(ours: Server, segments: list[str], viewers: int) -> None:
    before = _reads(ours)
    started = time.monotonic()
    received = asyncio.run(_watch(segments, viewers))
    seconds = time.monotonic() - started
    reads = _reads(ours) - before
    print(f"{viewers} viewers of {len(segments)} segments: {reads} reads, {reads / len(segments):.2f} a segment")
    print(f"they received {received / 1e6:.0f} MB in {seconds:.1f} s, {received / 1e6 / seconds:.0f} MB/s")


async def _watch(segments: list[str], viewers: int) -> int:
    limits = httpx.Limits(max_connections=viewers)
    async with httpx.AsyncClient(timeout=300, limits=limits) as client:

        async def viewer() -> int:
            return sum([len((await client.get(segment)).raise_for_status().content) for segment in segments])

        return sum(await asyncio.gather(*[viewer() for _ in range(viewers)]))


def _reads(ours: Server) -> int:
    text = httpx.get(f"{ours.address}/metrics").raise_for_status().text
    found = re.findall(r'streamtime_store_seconds_count{operation="(?:get_range|stream)",store="s3"} ([\d.]+)', text)
    return int(sum(map(float, found)))


def _compare(ours: Server, segment: str, bucket: Bucket, folder: Path, options: argparse.Namespace) -> None:
    content = httpx.get(segment).raise_for_status().content
    address = asyncio.run(_signed_copy(bucket, content))
    with _nginx(folder, address) as proxied:
        assert httpx.get(proxied).raise_for_status().content == content
        pairs = [(_wrk(segment, options), _wrk(proxied, options)) for _ in range(options.rounds)]
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{'segment':>12} {'ours/s':>9} {'nginx/s':>9} {'ours MB/s':>10} {'nginx MB/s':>10} {'ratio':>6}")
    megabytes = [rate * len(content) / 1e6 for rate in (mine, theirs)]
    print(f"{len(content):>12,} {mine:>9.0f} {theirs:>9.0f} {megabytes[0]:>10.0f} {megabytes[1]:>10.0f} {ratio:>6.2f}")
    print(f"load {os.getloadavg()[0]:.1f} at the end; server {ours.resident_mb():.0f} MB resident")


async def _signed_copy(bucket: Bucket, content: bytes) -> str:
    store = S3Store(replace(bucket.address, public_endpoint=bucket.endpoint))
    await store.put("0.m4s", content)
    address = store.signed_url("0.m4s", 3600)
    await store.close()
    assert address is not None
    return address


def _wrk(url: str, options: argparse.Namespace) -> float:
    connections = ["-t1", f"-c{options.connections}", f"-d{options.seconds}s"]
    done = subprocess.run(["wrk", *connections, url], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


@contextmanager
def _nginx(folder: Path, address: str) -> Iterator[str]:
    host, _, target = address.removeprefix("http://").partition("/")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, host=host, target=f"/{target}"))
    folder.chmod(0o777)  # its worker is another user where it is started by root
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    proxied = f"http://127.0.0.1:{port}/0.m4s"
    try:
        for _ in range(100):
            try:
                httpx.get(proxied)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield proxied
    finally:
        process.terminate()
        process.wait(timeout=10)


if __name__ == "__main__":
    main()
