"""How many source files one request or job runs through: what a developer reads to follow it.

The server runs in this process under a profiler that notes the file of every function called. Work in the background
that falls into the same moments is counted too. Modules of the confined child process are counted apart: it is another
process, and all that it imports counts.
"""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import httpx

from streamtime.cli.main import run
from tests.clips import make_clip
from tests.people import BYTES, PASSWORD, TUS, UPLOADS, upload_headers

PACKAGE = f"{Path(__file__).parents[1] / 'streamtime'}/"
CHUNK_BYTES = 100_000
ROUNDS = 3
READY_WITHIN_S = 600


class Recorder:
    """Notes the files whose functions are called while it is on."""

    def __init__(self) -> None:
        self._files: set[str] | None = None

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """As `sys.setprofile` wants it."""
        del argument
        if event == "call" and self._files is not None:
            self._files.add(frame.f_code.co_filename)

    def during(self, action: Callable[[], object]) -> set[str]:
        """The files of ours that were called during `action`, relative to the package."""
        files: set[str] = set()
        self._files = files
        action()
        self._files = None
        return {name.removeprefix(PACKAGE) for name in files.copy() if name.startswith(PACKAGE)}


def main() -> None:
    """Print one line for each route: how many files, and which."""
    with (
        tempfile.TemporaryDirectory(prefix="streamtime-files-") as folder,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        port = free.getsockname()[1]
        free.close()
        os.environ |= {
            "STREAMTIME_DATA_DIR": f"{folder}/data", "STREAMTIME_SERVER__PORT": str(port),
            "STREAMTIME_SERVER__LOG_LEVEL": "error", "STREAMTIME_BACKUP__EVERY": "0",
        }  # fmt: skip
        command = [str(Path(sys.executable).with_name("streamtime"))]
        subprocess.run(
            [*command, "user", "create", "ann", "--admin", "--password-stdin"], input=PASSWORD, text=True, check=True
        )
        made = subprocess.run(
            [*command, "token", "create", "ann", "--label", "x"], capture_output=True, text=True, check=True
        )
        api = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {made.stdout.split()[-1]}"},
            timeout=60,
        )
        recorder = Recorder()
        threading.setprofile(recorder)
        sys.setprofile(recorder)
        clip = make_clip(Path(folder) / "clip.mp4", duration_s=10, width=640, height=360)
        failures: list[BaseException] = []

        def drive() -> None:
            try:
                sys.setprofile(None)
                _drive(api, recorder, clip.read_bytes(), Path(folder) / "data" / "streamtime.db")
            except BaseException as error:  # noqa: BLE001  # told once the server has stopped
                failures.append(error)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=drive).start()
        sys.argv = ["streamtime", "serve"]
        with suppress(SystemExit):
            run()
        for failure in failures:
            raise failure


def _drive(api: httpx.Client, recorder: Recorder, clip: bytes, database: Path) -> None:
    while True:
        try:
            api.get("/readyz").raise_for_status()
            break
        except httpx.HTTPError:
            time.sleep(0.2)
    at = api.post(UPLOADS, headers={**TUS, **upload_headers(len(clip), filename="clip.mp4")}).headers["Location"]

    def send(offset: int, end: int) -> httpx.Response:
        headers = {**TUS, **BYTES, "Upload-Offset": str(offset)}
        return api.patch(at, headers=headers, content=clip[offset:end]).raise_for_status()

    send(0, 1000)
    chunks = [recorder.during(partial(send, 1000 * round_, 1000 * round_ + 1000)) for round_ in range(1, ROUNDS + 1)]
    _print("an uploaded chunk", set.intersection(*chunks))
    video = ""

    def last_chunk_and_jobs() -> None:
        nonlocal video
        video = send(1000 * (ROUNDS + 1), len(clip)).headers["Streamtime-Video"]
        _wait_until_done(database)

    _print("the last chunk and all its jobs", recorder.during(last_chunk_and_jobs))
    body = api.get(f"/api/v1/videos/{video}").raise_for_status().json()
    assert body["state"] == "ready", body
    master = body["urls"]["master"]
    playlist = re.findall(r"^[^#].*m3u8.*$", api.get(master).text, re.MULTILINE)[0]
    playlist = str(httpx.URL(master).join(playlist))
    segments = [
        str(httpx.URL(playlist).join(uri)) for uri in re.findall(r"^[^#].+$", api.get(playlist).text, re.MULTILINE)
    ]
    cold = []
    for number in range(ROUNDS):
        api.patch(f"/api/v1/videos/{video}", json={"visibility": ("members", "private")[number % 2]}).raise_for_status()
        time.sleep(1)  # what follows the change in the background is not part of the request
        cold.append(recorder.during(partial(api.get, segments[number])))
    _print("a cold segment", set.intersection(*cold))
    imports = "import sys, streamtime.media.worker; print(*(m for m in sys.modules if m.startswith('streamtime.')))"
    child = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True).stdout.split()
    print(f"{len(child):4} modules imported by the child process")


def _wait_until_done(database: Path) -> None:
    """Wait until the video is ready and no job is left: from its rows, since a request would run through files too."""
    unfinished = (
        "SELECT count(*) + (SELECT count(*) FROM videos WHERE state <> 'ready') "
        "FROM jobs WHERE state IN ('queued', 'running')"
    )
    ends = time.monotonic() + READY_WITHIN_S
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        while connection.execute(unfinished).fetchone()[0]:
            assert time.monotonic() < ends, "the video is not ready"
            time.sleep(0.5)


def _print(what: str, files: set[str]) -> None:
    print(f"{len(files):4} files: {what}: {' '.join(sorted(files))}", flush=True)


if __name__ == "__main__":
    main()
