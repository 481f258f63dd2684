"""Ended in the middle of its work, by SIGKILL or in peace, a server goes on where it was and leaves nothing behind."""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamtime.transcoding.passes import CHECKPOINT_EVERY_S
from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, is_alive, wait_until
from tests.system.player import audio_playlists, decode, fetch, video_playlists

RUNGS = ["480p", "360p", "240p"]
FPS, FRAMES = 25, 200


@pytest.fixture(scope="session")
def film(clips: Path) -> Path:
    """Eight seconds that take some to encode."""
    return make_clip(clips / "film.mp4", duration_s=8, width=854, height=480)


@pytest.fixture
def person(server: Server) -> Person:
    return server.person("ann")


def looked_at(person: Person, video: str, *, state: str) -> dict[str, Any]:
    """The video in that state, waited for."""

    def look() -> dict[str, Any] | None:
        body = person.look(video)
        assert state == "failed" or body["state"] != "failed", body
        return body if body["state"] == state else None

    return wait_until(look, state)


def encoding(person: Person, video: str) -> None:
    """Wait until the ladder is under way and has come some of it."""
    wait_until(lambda: person.look(video)["progress"] > 0.15, "some of the ladder is encoded")


def stored(server: Server, query: str) -> list[str]:
    """The first column of what the database answers."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as database:
        return [row[0] for row in database.execute(query)]


def checkpoints(server: Server) -> list[str]:
    """Which encoded rungs are in the making and have something on disk that can be gone on with."""
    return stored(
        server,
        "SELECT name FROM renditions WHERE state = 'growing' AND origin = 'encode' AND segment_index IS NOT NULL",
    )


def finished(server: Server) -> list[str]:
    """Which renditions are whole."""
    return stored(server, "SELECT name FROM renditions WHERE state = 'whole'")


def resumed(server: Server) -> list[str]:
    """The rungs that were gone on with from where they were."""
    told = stored(server, "SELECT message FROM timeline WHERE event = 'resumed'")
    return sorted(words.split()[0] for words in told)


def check_whole(server: Server, person: Person, video: str, *, frames: int = FRAMES) -> None:
    """Every rendition is there once and decodes to its end; the spool is empty; no object lies about."""
    body = looked_at(person, video, state="ready")
    assert body["renditions"] == RUNGS
    master = body["urls"]["master"]
    for uri in video_playlists(person.api, master):
        assert decode(fetch(person.api, uri)).frames == frames
    assert len(audio_playlists(person.api, master)) == 1
    storyboard = wait_until(lambda: person.look(video)["urls"]["storyboard"], "its stills are made")
    sheets = set(re.findall(r"storyboard-\d+\.jpg", person.api.get(storyboard).raise_for_status().text))
    wait_until(lambda: not server.files("spool"), "the spool is empty")
    whole = len(RUNGS) + len(sheets) + len(["sound", "poster", "source", "preview"])
    wait_until(lambda: len(server.files("objects")) == whole, "each object is there once, and no other")


def kill_with_workers(server: Server) -> None:
    """Kill the server as soon as a worker is there, which has to end by itself."""
    workers = wait_until(server.workers, "a worker is under way")
    server.kill()
    wait_until(lambda: not any(is_alive(worker) for worker in workers), "its workers have ended too")


def test_kill_9_while_it_is_prepared(server: Server, person: Person, film: Path) -> None:
    video = person.send(film.read_bytes(), filename="film.mp4")
    kill_with_workers(server)
    server.start()
    check_whole(server, person, video)


def test_kill_9_in_the_ladder_keeps_what_was_whole(server: Server, person: Person, film: Path) -> None:
    video = person.upload(film)
    encoding(person, video)
    (copied,) = video_playlists(person.api, person.look(video)["urls"]["master"])
    kill_with_workers(server)
    server.start()
    body = person.look(video)
    assert body["playable"]
    assert fetch(person.api, copied).data, "it plays before anything more is made"
    check_whole(server, person, video)
    assert video_playlists(person.api, body["urls"]["master"])[0] == copied


def test_kill_9_three_times_in_the_ladder(server: Server, person: Person, film: Path) -> None:
    video = person.upload(film)
    for _ in range(3):
        encoding(person, video)
        kill_with_workers(server)
        server.start()
    check_whole(server, person, video)


def test_kill_9_with_several_rungs_begun_goes_on_with_each(server: Server, person: Person, clips: Path) -> None:
    film = make_clip(clips / "longer.mp4", duration_s=FRAMES * 2 / FPS, width=854, height=480, fps=FPS)
    video = person.upload(film)
    wait_until(lambda: checkpoints(server), "the first of them has a checkpoint")
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    time.sleep(CHECKPOINT_EVERY_S)  # so that the next checkpoint is due, while nothing more is made
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    begun = wait_until(lambda: checkpoints(server) if len(checkpoints(server)) > 1 else None, "others have one too")
    kill_with_workers(server)
    whole = [name for name in begun if name in finished(server)]
    server.start()
    check_whole(server, person, video, frames=FRAMES * 2)
    assert resumed(server) == sorted(set(begun) - set(whole)), "each from where it was, and once"


def test_a_worker_that_is_killed_harms_its_attempt_only(server: Server, person: Person, film: Path) -> None:
    video = person.upload(film)
    encoding(person, video)
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    assert person.look(video)["playable"]
    check_whole(server, person, video)


def test_sigterm_with_a_listener_and_an_encoder_at_work(server: Server, person: Person, film: Path) -> None:
    video = person.upload(film)
    encoding(person, video)
    with person.api.stream("GET", "/api/v1/events") as events, person.browser.stream("GET", "/library/events") as cards:
        heard = [stream.iter_lines() for stream in (events, cards)]
        assert [next(lines) for lines in heard] == [": hello", ": hello"]
        workers = server.workers()
        assert workers
        assert server.stop() == 0
        for lines in heard:
            list(lines)  # the streams end as they should: a connection that is cut would raise here
    assert not any(is_alive(worker) for worker in workers)
    server.start()
    check_whole(server, person, video)


def test_a_video_deleted_while_it_is_encoded_leaves_nothing(server: Server, person: Person, film: Path) -> None:
    video = person.upload(film)
    encoding(person, video)
    workers = server.workers()
    assert person.api.delete(f"/api/v1/videos/{video}?now=true").status_code == 204
    wait_until(lambda: not any(is_alive(worker) for worker in workers), "its worker is gone")
    wait_until(lambda: not server.files("spool") and not server.files("objects"), "no byte of it is left")
    assert person.api.get("/api/v1/videos").json()["items"] == []
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_kill_9_right_after_a_deletion_still_collects(server: Server, person: Person, small_clip: Path) -> None:
    video = person.upload(small_clip)
    looked_at(person, video, state="ready")
    assert person.api.delete(f"/api/v1/videos/{video}?now=true").status_code == 204
    server.kill()
    server.start()
    assert person.api.get(f"/api/v1/videos/{video}").status_code == 404
    wait_until(lambda: not server.files("spool") and not server.files("objects"), "no byte of it is left")
