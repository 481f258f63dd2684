"""A real server process to measure: started on an empty directory and a free port, stopped and removed afterwards."""

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tusclient.client import TusClient

STREAMTIME = Path(sys.executable).with_name("streamtime")
PASSWORD = "correct horse battery"  # noqa: S105  # of a server that lives for a minute


@dataclass(slots=True)
class Server:
    """A running server with one admin, and how to talk to it."""

    process: subprocess.Popen[str]
    address: str
    data_dir: Path
    token: str
    ready_after_s: float

    @property
    def api(self) -> httpx.Client:
        """A client that carries the admin's token."""
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)

    def resident_mb(self) -> float:
        """Resident memory of the server process, in megabytes of a million bytes."""
        return memory_mb(self.process.pid, "VmRSS")

    def upload(self, path: Path, *, chunk_bytes: int = 32 << 20) -> str:
        """Upload a file with tuspy; the video's id."""
        headers = {"Authorization": f"Bearer {self.token}"}
        client = TusClient(f"{self.address}/api/v1/uploads", headers=headers)
        uploader = client.uploader(str(path), chunk_size=chunk_bytes, metadata={"filename": path.name})
        uploader.upload()
        at = str(uploader.url).removeprefix(self.address)
        with self.api as api:
            return api.head(at, headers={"Tus-Resumable": "1.0.0"}).headers["streamtime-video"]

    def wait(self, video: str, *, until: str, timeout_s: float = 600) -> dict[str, Any]:
        """Poll until the video is `playable`, or in the state `until`."""
        deadline = time.monotonic() + timeout_s
        with self.api as api:
            while time.monotonic() < deadline:
                body: dict[str, Any] = api.get(f"/api/v1/videos/{video}").json()
                if body["state"] in {until, "failed"} or (until == "playable" and body["playable"]):
                    return body
                time.sleep(0.05)
        raise TimeoutError(f"{video} did not become {until}")

    def cookie(self) -> str:
        """A signed-in viewer's Cookie header."""
        with httpx.Client(base_url=self.address) as client:
            client.post("/login", data={"name": "bench", "password": PASSWORD}, headers={"Origin": self.address})
            return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@contextmanager
def server(**environment: str) -> Iterator[Server]:
    """A fresh server for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="streamtime-bench-") as folder:
        env = {**os.environ, "STREAMTIME_DATA_DIR": folder, "STREAMTIME_SERVER__LOG_LEVEL": "warning", **environment}
        command(env, "user", "create", "bench", "--admin", "--password-stdin", given=PASSWORD)
        token = command(env, "token", "create", "bench", "--label", "bench")
        started = time.monotonic()
        process = subprocess.Popen(
            [STREAMTIME, "serve", "--host", "127.0.0.1", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            address = _ready(process)
            yield Server(process, address, Path(folder), token, time.monotonic() - started)
        finally:
            process.terminate()
            process.wait(timeout=15)


def command(env: dict[str, str], *arguments: str, given: str = "") -> str:
    """Run a command of the command line and give what it prints."""
    done = subprocess.run([STREAMTIME, *arguments], env=env, input=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def memory_mb(pid: int, field: str) -> float:
    """A field of a process's status, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], 30)
    line = process.stdout.readline() if readable else ""
    if "ready: " not in line:
        raise RuntimeError(f"the server did not start: {line}")
    return line.split("ready: ")[1].strip()
