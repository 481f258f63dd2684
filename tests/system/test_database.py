"""The one writer under stress: clients that leave in the middle, and a stranger that holds the lock."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.people import Person, sign_in
from tests.server import Server, wait_until
from tests.system.player import fetch, video_playlists

LEAVING = 200


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the write lock of the server's database, as a backup tool of somebody else might."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            stranger.execute("ROLLBACK")


async def ask_and_leave(person: Person, video: str, number: int, stays_s: float) -> None:
    """Send a change, every tenth one not to its end, and leave without waiting for what comes of it."""
    where = urlsplit(person.server.url)
    body = b'{"title": "Left %d", "tags": ["a", "b"]}' % number
    head = (
        f"PATCH /api/v1/videos/{video} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(head.encode() + (body if number % 10 else body[:20]))
    await writer.drain()
    await asyncio.sleep(stays_s)
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_clients_that_leave_in_the_middle_of_a_write_never_wedge_the_writer(server: Server) -> None:
    person = server.person("ann")
    video = person.send(b"no video", title="Before")
    chance = random.Random(20261123)  # noqa: S311  # the same leavings in every run
    bearer = {"Authorization": f"Bearer {person.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=bearer, timeout=90) as staying:
        for group in range(0, LEAVING, 20):
            leaving = [
                ask_and_leave(person, video, number, chance.uniform(0, 0.02)) for number in range(group, group + 20)
            ]
            changing = [staying.patch(f"/api/v1/videos/{video}", json={"title": f"Stays {n}"}) for n in range(4)]
            answers, _ = await asyncio.gather(asyncio.gather(*changing), asyncio.gather(*leaving))
            assert [answer.status_code for answer in answers] == [200] * 4
        for number in range(10):
            title = f"After {number}"
            changed = await staying.patch(f"/api/v1/videos/{video}", json={"title": title})
            assert changed.json()["title"] == title
    assert "locked" not in server.log_output
    assert "unexpected_error" not in server.log_output


def test_a_stranger_with_the_write_lock_stops_writing_and_never_reading(server: Server, small_clip: Path) -> None:
    person = server.person("ann")
    video = person.upload(small_clip)
    wait_until(lambda: person.look(video)["state"] == "ready", "ready")
    playlist = video_playlists(person.api, person.look(video)["urls"]["master"])[0]
    with locked(server):
        assert person.look(video)["state"] == "ready"
        assert fetch(person.api, playlist).data
        assert server.visitor().browser.get("/explore").status_code == 200
        assert server.visitor().browser.get("/readyz").status_code == 200
        change = person.api.patch(f"/api/v1/videos/{video}", json={"title": "Not now"})
        assert (change.status_code, change.json()["code"]) == (503, "database_busy")
        assert int(change.headers["Retry-After"]) > 0
        login = sign_in(server.client(), "ann", person.password)
        assert login.status_code == 503
        assert login.headers["Content-Type"].startswith("text/html")
        assert int(login.headers["Retry-After"]) > 0
    assert person.look(video)["title"] == "small"
    person.change(video, title="Now")
    assert person.look(video)["title"] == "Now"
    assert "unexpected_error" not in server.log_output


def test_work_that_met_a_stranger_with_the_lock_goes_on_afterwards(server: Server, ladder_clip: Path) -> None:
    person = server.person("ann")
    video = person.send(ladder_clip.read_bytes())
    wait_until(server.workers, "a worker is under way")
    with locked(server):
        wait_until(lambda: "busy" in server.log_output or "unavailable" in server.log_output, "it was felt")
    wait_until(lambda: person.look(video)["state"] == "ready", "ready")
    assert person.look(video)["failure"] is None


def test_rights_and_rows_are_as_they_were_after_kill_9(server: Server) -> None:
    person = server.person("ann")
    video = person.send(b"no video", title="Kept")
    for number in range(5):
        person.change(video, title=f"Kept {number}", visibility="public" if number % 2 else "private")
        server.kill()
        server.start()
        body = person.look(video)
        assert (body["title"], body["visibility"]) == (f"Kept {number}", "public" if number % 2 else "private")
