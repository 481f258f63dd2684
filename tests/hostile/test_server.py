"""The server and its workers: a file that crashes them is quarantined; without confinement no worker runs."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, StartServer, running_server, wait_until

OLD_KERNEL = (sys.executable, str(Path(__file__).with_name("old_kernel.py")))


@pytest.fixture(scope="session")
def long_clip(clips: Path) -> Path:
    """Small, and long enough to be caught while it is encoded."""
    return make_clip(clips / "long.mp4", duration_s=60, width=640, height=360, audio=None)


def in_state(person: Person, video: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body = person.look(video)
        return body if body["state"] == state else None

    return wait_until(look, state, within_s=120)


def reads_an_original(worker: int) -> bool:
    """Whether a worker has an uploaded file open; workers for stills read renditions."""
    with suppress(FileNotFoundError, PermissionError):
        return any(str(entry.readlink()).endswith("/source") for entry in Path(f"/proc/{worker}/fd").iterdir())
    return False


def crash(server: Server, person: Person, video: str) -> None:
    """Wait until a worker encodes the ladder, and crash it as by a corrupted file."""

    def caught() -> bool:
        body = person.look(video)
        assert body["state"] != "ready", "it was too quick"
        preparing = body["stage"].startswith("Preparing ")
        workers = [worker for worker in server.workers() if preparing and reads_an_original(worker)]
        for worker in workers:
            os.kill(worker, signal.SIGSEGV)
        return bool(workers)

    wait_until(caught, "a worker at the ladder", within_s=120)
    assert server.visitor().api.get("/healthz").status_code == 200


def failed(person: Person, video: str) -> dict[str, Any]:
    found: dict[str, Any] = in_state(person, video, "failed")["failure"]
    return found


def test_a_file_that_crashes_workers_twice_is_quarantined(server: Server, long_clip: Path) -> None:
    ann = server.person("ann")
    video = ann.upload(long_clip)
    crash(server, ann, video)
    wait_until(lambda: not any(map(reads_an_original, server.workers())), "the crashed worker is gone")
    crash(server, ann, video)
    failure = failed(ann, video)
    assert failure["code"] == "quarantined"
    assert "set aside" in failure["message"]
    assert ann.look(video)["playable"], "what was copied before plays on"
    assert not any(map(reads_an_original, server.workers()))

    # Each retry by the owner is one attempt: earlier crashes still count.
    assert ann.api.post(f"/api/v1/videos/{video}/retry").status_code == 202
    crash(server, ann, video)
    assert failed(ann, video)["code"] == "quarantined"


def test_a_video_that_needs_too_much_memory_fails_alone(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(STREAMTIME_TRANSCODE__WORKER_MEMORY="256MiB")
    ann = server.person("ann")
    large = make_clip(
        tmp_path / "large.mp4",
        duration_s=2,
        width=3840,
        height=2160,
        fps=10,
        audio=None,
        extra=("-preset", "ultrafast"),
    )
    video = ann.upload(large)
    failure = failed(ann, video)
    assert failure["code"] == "worker_memory"
    assert "256 MiB" in failure["message"]
    assert server.visitor().api.get("/readyz").status_code == 200


@pytest.fixture
def without_seccomp() -> Iterator[Server]:
    with running_server(started=False, before=(*OLD_KERNEL, "seccomp,landlock")) as server:
        yield server


def test_without_confinement_the_server_runs_but_no_worker(without_seccomp: Server, small_clip: Path) -> None:
    server = without_seccomp
    checked = server.command("check")
    assert checked.returncode == 1
    assert [line for line in checked.stdout.splitlines() if line.startswith("fault  worker: ") and "seccomp" in line]
    server.start()
    ready = server.visitor().api.get("/readyz")
    assert ready.status_code == 503
    assert "seccomp" in ready.json()["workers"]
    assert ready.json()["confinement"] == "none"
    wait_until(lambda: "workers_refuse" in server.log_output, "the log tells")

    ann = server.person("ann")
    video = ann.upload(small_clip)
    wait_until(lambda: ann.look(video)["state"] == "processing", "an attempt")
    in_state(ann, video, "processing")
    assert not ann.look(video)["playable"]

    allowed = server.command("check", STREAMTIME_TRANSCODE__ALLOW_UNCONFINED="true")
    assert allowed.returncode == 0, allowed.stdout
    assert "without seccomp" in allowed.stdout
    server.restart(STREAMTIME_TRANSCODE__ALLOW_UNCONFINED="true")
    assert in_state(ann, video, "ready")["playable"]
