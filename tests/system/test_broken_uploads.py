"""Uploads whose connection breaks off, falls silent, or whose server is killed: all go on at what was kept."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.people import TUS, Person
from tests.server import Server, wait_until

LENGTH = 3_000_000


@pytest.fixture
def data() -> bytes:
    return os.urandom(LENGTH)


@contextmanager
def half_a_request(person: Person, at: str, offset: int, data: bytes, *, announced: int) -> Iterator[socket.socket]:
    """A PATCH that announces more bytes than it sends; the connection stays open until the block is left."""
    where = urlsplit(person.server.url)
    lines = [
        f"PATCH {at} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Authorization: Bearer {person.token}",
        "Tus-Resumable: 1.0.0",
        "Content-Type: application/offset+octet-stream",
        f"Upload-Offset: {offset}",
        f"Content-Length: {announced}",
    ]
    with socket.create_connection((str(where.hostname), where.port or 0), timeout=90) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        yield connection


def spooled(server: Server) -> int:
    """How many bytes lie in the spool."""
    return sum(path.stat().st_size for path in server.files("spool"))


def finish(person: Person, at: str, data: bytes) -> None:
    """Go on where the server says, to the end, and check that what it has is what was sent."""
    offset = person.offset(at)
    assert person.append(at, offset, data[offset:]).status_code == 204
    video = person.api.head(at, headers=TUS).headers["Streamtime-Video"]
    original = person.api.get(f"/media/{video}/original").content
    assert hashlib.sha256(original).hexdigest() == hashlib.sha256(data).hexdigest()


def test_a_dropped_connection_keeps_what_arrived(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    with half_a_request(person, at, 0, data[:2_500_000], announced=LENGTH):
        wait_until(lambda: spooled(server) >= 2_000_000, "most of it is in the spool")
    wait_until(lambda: person.offset(at) == 2_500_000, "all that was sent is kept")
    finish(person, at, data)


def test_a_connection_that_fell_silent_lets_go(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    with half_a_request(person, at, 0, data[:2_500_000], announced=LENGTH) as stale:
        wait_until(lambda: spooled(server) >= 2_000_000, "most of it is in the spool")
        asked = person.api.head(at, headers=TUS)
        assert (asked.status_code, asked.headers["Upload-Offset"]) == (200, "2500000")
        assert stale.recv(100).startswith(b"HTTP/1.1 423")
        finish(person, at, data)


def test_a_newer_request_takes_over_from_a_silent_one(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    with half_a_request(person, at, 0, data[:2_500_000], announced=LENGTH) as stale:
        wait_until(lambda: spooled(server) >= 2_000_000, "most of it is in the spool")
        assert person.append(at, 2_500_000, data[2_500_000:2_600_000]).status_code == 204
        assert stale.recv(100).startswith(b"HTTP/1.1 423")
    finish(person, at, data)


def test_giving_up_does_not_wait_for_a_silent_request(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    with half_a_request(person, at, 0, data[:2_500_000], announced=LENGTH):
        wait_until(lambda: spooled(server) >= 2_000_000, "most of it is in the spool")
        assert person.api.delete(at, headers=TUS).status_code == 204
    wait_until(lambda: not server.files("spool"), "its bytes are gone")


def test_a_deleted_video_ends_its_upload(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    video = person.api.head(at, headers=TUS).headers["Streamtime-Video"]
    with half_a_request(person, at, 0, data[:1_500_000], announced=LENGTH) as sending:
        wait_until(lambda: spooled(server) >= 1_000_000, "some of it is in the spool")
        assert person.api.delete(f"/api/v1/videos/{video}").status_code == 204
        sending.sendall(data[1_500_000:])
        assert sending.recv(100).startswith(b"HTTP/1.1 404")
    assert person.api.head(at, headers=TUS).status_code == 404
    wait_until(lambda: not server.files("spool"), "its bytes are gone")


def test_after_kill_9_it_goes_on_at_what_was_acknowledged(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    assert person.append(at, 0, data[:1_200_000]).status_code == 204
    with half_a_request(person, at, 1_200_000, data[1_200_000:2_900_000], announced=LENGTH - 1_200_000):
        wait_until(lambda: spooled(server) >= 2_200_000, "more is in the spool than was acknowledged")
        server.kill()
    server.start()
    assert 1_200_000 <= person.offset(at) <= 2_900_000
    finish(person, at, data)


def test_kill_9_again_and_again_loses_no_acknowledged_byte(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    acknowledged = 0
    for piece in range(1, 5):
        assert person.append(at, acknowledged, data[acknowledged : piece * 600_000]).status_code == 204
        acknowledged = piece * 600_000
        server.kill()
        server.start()
        assert person.offset(at) == acknowledged
    finish(person, at, data)


def test_sigterm_in_the_middle_of_an_upload_keeps_what_arrived(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    with half_a_request(person, at, 0, data[:2_500_000], announced=LENGTH):
        wait_until(lambda: spooled(server) >= 2_000_000, "most of it is in the spool")
        assert server.stop() == 0
    server.start()
    assert person.offset(at) == 2_500_000
    finish(person, at, data)


def test_two_that_send_at_once_make_one_whole_file(server: Server, data: bytes) -> None:
    person = server.person("ann")
    at = person.begin(LENGTH, filename="x.bin")
    bearer = {"Authorization": f"Bearer {person.token}"}
    clients = [server.client(**bearer) for _ in range(2)]
    statuses: list[int] = []

    def send(number: int) -> None:
        headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        statuses.append(clients[number].patch(at, headers=headers, content=data).status_code)

    threads = [Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(statuses) < 500
    finish(person, at, data)
