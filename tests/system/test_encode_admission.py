"""Encodes stand back: for quiet hours, for room on the disk, for people who watch. What can be watched, can be."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip, run_ffmpeg
from tests.people import Person, csrf_of
from tests.server import Server, StartServer, wait_until
from tests.system.player import fetch, video_playlists

QUIET = "STREAMTIME_TRANSCODE__QUIET_HOURS"
LEAST_FREE = "STREAMTIME_TRANSCODE__MINIMUM_FREE_SPACE"
YIELDS = "STREAMTIME_TRANSCODE__YIELD_TO_VIEWERS"
WATCHED = "Paused while somebody watches"


def hours_from_now(hours: int) -> str:
    return f"{(datetime.now(UTC) + timedelta(hours=hours)).astimezone():%H:%M}"


def waits(person: Person, video: str, why: str) -> dict[str, Any]:
    """The video, once it says that it waits for that."""

    def look() -> dict[str, Any] | None:
        body = person.look(video)
        assert body["state"] != "failed", body["failure"]
        return body if str(body["waiting"]).startswith(why) else None

    return wait_until(look, why, within_s=90)


def ready(person: Person, video: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body = person.look(video)
        return body if body["state"] == "ready" else None

    return wait_until(look, "ready", within_s=90)


def press(admin: Person, video: str, button: str) -> int:
    """Press a button of the jobs page."""
    form = {"csrf_token": csrf_of(admin.browser.get("/admin/jobs").text)}
    return admin.browser.post(f"/admin/jobs/{video}/{button}", data=form).status_code


def test_encodes_wait_for_their_hours_and_for_room_and_go_on_by_themselves(
    start_server: StartServer, ladder_clip: Path
) -> None:
    begin = hours_from_now(2)
    server = start_server(**{QUIET: f"{begin}-{hours_from_now(3)}"})
    ann, admin = server.person("ann"), server.person("admin", admin=True)
    video = ann.upload(ladder_clip)
    why = f"Waits for quiet hours ({begin})"
    body = waits(ann, video, why)
    assert (body["state"], body["playable"], body["renditions"]) == ("processing", True, ["360p"])
    assert why in ann.browser.get("/library").text
    jobs = admin.browser.get("/admin/jobs").text
    assert why in jobs
    assert f'action="/admin/jobs/{video}/cancel"' in jobs

    assert press(admin, video, "cancel") == 303
    stopped = ann.look(video)
    assert (stopped["state"], stopped["playable"], stopped["failure"]["code"]) == ("failed", True, "stopped")
    assert press(admin, video, "cancel") == 409
    assert press(admin, video, "retry") == 303
    waits(ann, video, why)

    server.restart(**{QUIET: "", LEAST_FREE: "900TiB"})
    body = waits(ann, video, "Waits for room on the disk")
    assert fetch(ann.api, video_playlists(ann.api, body["urls"]["master"])[0]).data, (
        "a full disk keeps nobody from watching"
    )
    server.restart(**{LEAST_FREE: "64MiB"})
    assert ready(ann, video)["renditions"] == ["360p", "240p"]


@pytest.fixture
def long_clip(clips: Path) -> Path:
    """Ten minutes that are copied and get one more rung, which takes a while."""
    short = make_clip(clips / "piece.mp4", duration_s=20, width=640, height=360, audio=None)
    looped = clips / "ten-minutes.mp4"
    run_ffmpeg("-stream_loop", "29", "-i", str(short), "-c", "copy", str(looped))
    return looped


def states(server: Server) -> set[str]:
    """What the kernel says of the server's children: T is stopped."""
    found: set[str] = set()
    for pid in server.workers():
        stat = Path(f"/proc/{pid}/stat")
        found |= {stat.read_text().rpartition(")")[2].split()[0]} if stat.exists() else set()
    return found


def test_an_encode_stands_still_while_somebody_watches_and_goes_on_after(
    start_server: StartServer, small_clip: Path, long_clip: Path
) -> None:
    server = start_server(**{YIELDS: "true", "STREAMTIME_TRANSCODE__STALL_TIMEOUT": "8s"})
    ann = server.person("ann")
    watched = ann.upload(small_clip)
    master = ready(ann, watched)["urls"]["master"]
    video = ann.upload(long_clip)
    wait_until(lambda: ann.look(video)["stage"] == "Preparing 240p" and ann.look(video)["progress"] > 0.1, "encoding")

    def watch() -> bool:
        fetch(ann.api, video_playlists(ann.api, master)[0])
        return states(server) == {"T"}

    wait_until(watch, "the encode stands still", within_s=60)
    stands = waits(ann, video, WATCHED)
    assert stands["playable"]
    began = time.monotonic()
    # Longer than the patience for a worker that stands still by itself.
    wait_until(lambda: watch() and time.monotonic() - began > 10, "it is watched for ten seconds", within_s=60)
    assert ann.look(video)["progress"] == stands["progress"]
    wait_until(lambda: states(server) - {"T"}, "it goes on when nobody watches any more", within_s=60)
    wait_until(lambda: ann.look(video)["progress"] > stands["progress"], "it comes further", within_s=60)
    assert ann.look(video)["waiting"] is None
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
