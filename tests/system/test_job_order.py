"""What must be encoded: watched within seconds, gone on with after a kill, and made in the order that serves people."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import m3u8
import pytest

from tests.clips import make_clip
from tests.people import Person
from tests.server import Server, StartServer, is_alive, wait_until
from tests.system.player import audio_playlists, decode, fetch, video_playlists

SECONDS, FPS = 40, 10
PATIENCE_S = 150


@pytest.fixture(scope="session")
def long_clip(clips: Path) -> Path:
    """Something long whose picture and sound must both be encoded, at two rungs."""
    return make_clip(
        clips / "long.mkv",
        duration_s=SECONDS,
        width=480,
        height=360,
        fps=FPS,
        video="mpeg4",
        audio="mp3",
        gop_s=1.5,
    )


def told(server: Server, event: str) -> list[str]:
    """What the timeline says about an event, the oldest first."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as database:
        return [
            row[0] for row in database.execute("SELECT message FROM timeline WHERE event = ? ORDER BY id", (event,))
        ]


def shown(client: httpx.Client, uri: str) -> dict[str, bytes]:
    """The segments that a growing playlist lists now, with their bytes."""
    parsed = m3u8.loads(client.get(uri).raise_for_status().text)
    assert not parsed.is_endlist
    assert parsed.playlist_type == "event"
    assert parsed.start.time_offset == 0
    names = [segment.uri for segment in parsed.segments]
    base = uri.rpartition("/")[0]
    return {name: client.get(f"{base}/{name}").raise_for_status().content for name in names}


def reached(person: Person, video: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body = person.look(video)
        assert state == "failed" or body["state"] != "failed", body
        return body if body["state"] == state or (state == "playable" and body["playable"]) else None

    return wait_until(look, state, within_s=PATIENCE_S)


def stop_workers(server: Server) -> list[int]:
    """Have them stand still where they are."""
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    return workers


def test_killed_in_the_first_rung_it_goes_on_at_the_same_addresses(start_server: StartServer, long_clip: Path) -> None:
    server = start_server(STREAMTIME_TRANSCODE__NICE="0")
    ann = server.person("ann")
    video = ann.upload(long_clip)
    body = reached(ann, video, "playable")
    workers = stop_workers(server)
    assert (body["state"], body["renditions"]) == ("processing", [])
    master = body["urls"]["master"]
    (growing,), (sound,) = video_playlists(ann.api, master), audio_playlists(ann.api, master)
    before = {uri: shown(ann.api, uri) for uri in (growing, sound)}
    assert len(before[growing]) >= 2
    server.kill()
    wait_until(lambda: not any(is_alive(worker) for worker in workers), "its workers have ended too")
    server.start()
    assert ann.look(video)["playable"], "what was shown is there before anything more is made"
    body = reached(ann, video, "ready")
    assert body["renditions"] == ["360p", "240p"]
    assert abs(body["duration_ms"] - SECONDS * 1000) < 60
    assert video_playlists(ann.api, master)[0] == growing, "an address never changes its bytes, and lives on"
    assert audio_playlists(ann.api, master) == [sound]
    for uri in video_playlists(ann.api, master):
        decoded = decode(fetch(ann.api, uri))
        assert decoded.frames == SECONDS * FPS
        assert decoded.duration_s == pytest.approx(SECONDS - 1 / FPS, abs=0.002)
    for uri, segments in before.items():
        base = uri.rpartition("/")[0]
        assert {name: ann.api.get(f"{base}/{name}").content for name in segments} == segments
    resumed = told(server, "resumed")
    assert [words.split()[0] for words in resumed[:1]] == ["360p"]
    assert all(" resumed at 00:00:" in words and not words.endswith("00:00:00.") for words in resumed)
    assert not told(server, "begun_anew")
    wait_until(lambda: not server.files("spool"), "the spool is empty")


def keep_preparing(server: Server, video: str) -> None:
    """Leave a running `prepare` behind, as if it still made the poster of a video that is ready."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database, database:
        database.execute(
            "UPDATE jobs SET state = 'running', lease_owner = 'another', lease_until_ms = 9e15, finished_at_ms = NULL "
            "WHERE kind = 'prepare' AND subject = (SELECT 'video:' || id FROM videos WHERE public_id = ?)",
            (video,),
        )
        assert database.execute("SELECT changes()").fetchone() == (1,)


def test_prepared_again_it_plays_as_it_was_until_all_is_new(start_server: StartServer, clips: Path) -> None:
    server = start_server(STREAMTIME_TRANSCODE__NICE="0")
    ann = server.person("ann")
    clip = make_clip(clips / "again.mkv", duration_s=10, width=480, height=360, fps=FPS, video="mpeg4", audio="mp3")
    video = ann.upload(clip)
    body = reached(ann, video, "ready")
    master = body["urls"]["master"]
    old = [*video_playlists(ann.api, master), *audio_playlists(ann.api, master)]
    keep_preparing(server, video)
    assert ann.api.post(f"/api/v1/videos/{video}/retry", json={"rungs": ["240p"]}).status_code == 202
    assert video_playlists(ann.api, master) == old[:2]
    wait_until(server.workers, "it is being prepared", within_s=PATIENCE_S)
    assert video_playlists(ann.api, master) == old[:2]
    assert ann.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True}).status_code == 409
    body = reached(ann, video, "ready")
    assert body["renditions"] == ["360p", "240p"]
    (large, small), (sound,) = video_playlists(ann.api, master), audio_playlists(ann.api, master)
    assert [large, sound] == [old[0], old[2]], "what was not asked for stays"
    assert small != old[1]
    assert ann.api.get(old[1]).status_code == 404
    assert decode(fetch(ann.api, small)).frames == 10 * FPS

    page = ann.browser.get(f"/watch/{video}/edit").text
    assert "Prepare again" in page
    assert ann.browser.post(f"/watch/{video}/again", headers=ann.csrf()).status_code == 303
    assert video_playlists(ann.api, master) == [large, small]
    reached(ann, video, "ready")
    new = [*video_playlists(ann.api, master), *audio_playlists(ann.api, master)]
    assert len(new) == 3
    assert not {large, small, sound} & set(new)
    for uri in new:
        assert fetch(ann.api, uri).data
    wait_until(lambda: not server.files("spool"), "the spool is empty")
    others = ("poster", "source", "sheet", "preview")
    wait_until(lambda: len(server.files("objects")) == len([*new, *others]), "what was replaced is gone")


def test_what_cannot_be_wished_for_is_refused(shared_server: Server, small_clip: Path) -> None:
    ann = shared_server.person("ann")
    video = ann.upload(small_clip)
    reached(ann, video, "ready")
    for wish in ({"rungs": ["large"]}, {"rungs": "480p"}, {"wish": 1}):
        assert ann.api.post(f"/api/v1/videos/{video}/retry", json=wish).status_code == 400
    bob = shared_server.person("bob")
    assert bob.api.post(f"/api/v1/videos/{video}/retry", json={"everything": True}).status_code == 404
