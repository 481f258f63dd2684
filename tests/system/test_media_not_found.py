"""Why a media URL is 404: the log of a real server tells the reason, and the client learns none."""

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.people import Person
from tests.permissions.tickets import TicketFactory
from tests.server import Server, running_server, wait_until
from tests.system.player import fetch, video_playlists
from tests.system.remote import ready_video_in


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(STREAMTIME_STORAGE__MEMORY_CACHE="0") as server:
        yield server


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    return server.person("nora", admin=True)


@pytest.fixture(scope="module")
def visitor(server: Server) -> httpx.Client:
    return server.client()


@pytest.fixture
def video(server: Server, owner: Person, small_clip: Path) -> str:
    """A public video of its own."""
    video = ready_video_in(owner, small_clip.read_bytes(), server, "local")
    owner.change(video, visibility="public")
    return video


@pytest.fixture
def segment(visitor: httpx.Client, video: str) -> str:
    """The URL of its first segment, which nobody has fetched."""
    return fetch(visitor, video_playlists(visitor, f"/media/{video}/master.m3u8")[0]).segment_uris[1]


def reason(server: Server, client: httpx.Client, url: str) -> str:
    """Why this is not found, by the log. The client gets the answer that everything unknown gets."""
    before = len(server.log_output)
    answer, unknown = client.get(url), client.get("/media/nothing")
    assert (answer.status_code, answer.content) == (404, unknown.content)
    assert answer.headers.keys() | {"vary"} == unknown.headers.keys() | {"vary"}  # a ticket is checked first
    lines = [json.loads(line) for line in server.log_output[before:].splitlines() if "media_not_found" in line]
    first, last = lines
    assert last["reason"] == "no_such_url"
    assert (first["component"], first["level"]) == ("http", "info")
    assert first["path"].endswith(url.partition("/media/")[2])
    why: str = first["reason"]
    return why


def change_rows(server: Server, statement: str, *values: object) -> None:
    """Change rows behind the server's back, and have it read them again."""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database:
        database.execute(statement, values)
        database.execute("UPDATE epoch SET value = value + 1")
        database.commit()


def test_the_url_the_video_and_the_caller(server: Server, owner: Person, visitor: httpx.Client, segment: str) -> None:
    _, _, video, generation, rest = segment.split("/", 4)
    assert visitor.get(segment).status_code == 200
    assert reason(server, visitor, "/media/what/is/this") == "no_such_url"
    assert reason(server, visitor, f"/media/{'x' * 22}/{generation}/{rest}") == "no_such_video"
    assert reason(server, visitor, f"/media/{video}/{int(generation) + 1}/{rest}") == "outdated_url"
    assert reason(server, visitor, f"/media/{video}/{generation}/captions/en.vtt") == "no_such_file"
    owner.change(video, visibility="private")
    assert reason(server, visitor, segment) == "no_access"
    assert reason(server, owner.browser, segment) == "outdated_url"
    owner.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert reason(server, owner.browser, segment) == "no_such_video"


def test_the_rendition_the_segment_and_the_bytes(server: Server, visitor: httpx.Client, segment: str) -> None:
    folder, _, number = segment.rpartition("/")
    rendition = folder.rpartition("/")[2]
    assert number == "0.m4s"
    assert reason(server, visitor, f"{folder}/9999.m4s") == "no_such_segment"
    assert reason(server, visitor, segment.replace(rendition, "unknown")) == "no_such_rendition"
    server.stop()  # it keeps files open that it has read
    renditions = [*(server.data_dir / "objects").rglob("*.mp4")]
    assert renditions
    for file in renditions:
        file.unlink()
    server.start()
    assert reason(server, visitor, segment) == "bytes_missing"
    change_rows(server, "UPDATE renditions SET state = 'growing' WHERE attempt_id = ?", rendition)
    wait_until(lambda: visitor.get(f"{folder}/rendition.mp4").status_code == 404, "the row is read")
    assert reason(server, visitor, f"{folder}/rendition.mp4") == "rendition_incomplete"
    change_rows(server, "UPDATE renditions SET segment_index = NULL WHERE attempt_id = ?", rendition)
    wait_until(lambda: visitor.get(f"{folder}/playlist.m3u8").status_code == 404, "the row is read")
    assert reason(server, visitor, segment) == "nothing_encoded_yet"


def test_the_ticket(server: Server, owner: Person, visitor: httpx.Client, video: str) -> None:
    owner.change(video, visibility="private")
    guest = server.person("gus", admin=True).browser
    guest.get("/library")
    page = owner.browser.get(f"/watch/{video}/elsewhere").text
    found = re.search(r'id="elsewhere-address" type="text" value="([^"]+)"', page)
    assert found
    master = httpx.URL(html.unescape(found[1])).raw_path.decode()
    ticket = master.split("/")[2]
    assert visitor.get(master).status_code == 200
    assert reason(server, visitor, master.replace(ticket, ticket[:-1])) == "ticket_invalid"
    factory = TicketFactory(server.data_dir / "streamtime.db")
    expired = factory.ticket(factory.session("nora"), video, lasts_s=-60)
    assert reason(server, visitor, master.replace(ticket, expired)) == "ticket_expired"
    owner.browser.post("/logout", headers=owner.csrf())
    assert reason(server, visitor, master) == "ticket_revoked"
    assert ticket not in server.log_output
    assert expired not in server.log_output
