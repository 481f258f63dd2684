"""Event streams: how many may be open, whom they are counted for, and that all who listen hear the same at once."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.people import Person
from tests.server import Server, StartServer, wait_until

EVENTS = "/api/v1/events"
LOCAL = "127.0.0.1"


@contextmanager
def listening(client: httpx.Client, **asked: str) -> Iterator[tuple[httpx.Response, Iterator[str]]]:
    """An open stream, and its lines."""
    with client.stream("GET", EVENTS, params=asked) as answer:
        yield answer, answer.iter_lines()


def heard(lines: Iterator[str], event: str) -> dict[str, object]:
    """What the next event of that name tells."""
    named = False
    for line in lines:
        if line.startswith("data: ") and named:
            told: dict[str, object] = json.loads(line.removeprefix("data: "))
            return told
        named = line == f"event: {event}"
    raise AssertionError(f"the stream ended before {event}")


def assert_refused(answer: httpx.Response) -> None:
    answer.read()
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def open_streams(server: Server) -> float:
    told = server.visitor().api.get("/metrics").text
    (line,) = [line for line in told.splitlines() if line.startswith("streamtime_event_listeners ")]
    return float(line.split()[1])


@pytest.fixture
def few(start_server: StartServer) -> Server:
    return start_server(
        STREAMTIME_EVENTS__STREAMS="4",
        STREAMTIME_EVENTS__STREAMS_PER_ADDRESS="3",
        STREAMTIME_EVENTS__STREAMS_PER_SESSION="2",
        STREAMTIME_SERVER__TRUSTED_PROXIES=LOCAL,
    )


def from_address(server: Server, person: Person, address: str) -> httpx.Client:
    bearer = {"Authorization": f"Bearer {person.token}"} if person.name else {}
    return server.client(**bearer, **{"X-Forwarded-For": address})


def test_a_session_an_address_and_all_have_a_limit(few: Server) -> None:
    ann, ben = few.person("ann"), few.person("ben")
    with ExitStack() as stack:
        for _ in range(2):
            answer, _ = stack.enter_context(listening(from_address(few, ann, "192.0.2.1")))
            assert answer.status_code == 200
        with listening(from_address(few, ann, "192.0.2.2")) as (answer, _):
            assert_refused(answer)  # the session's third
        answer, _ = stack.enter_context(listening(from_address(few, ben, "192.0.2.1")))
        assert answer.status_code == 200
        with listening(from_address(few, ben, "192.0.2.1")) as (answer, _):
            assert_refused(answer)  # the address's fourth
        answer, _ = stack.enter_context(listening(from_address(few, ben, "2001:db8::1")))
        assert answer.status_code == 200
        carl = few.person("carl")
        with listening(from_address(few, carl, "198.51.100.9")) as (answer, _):
            assert_refused(answer)  # the fifth of all
        assert open_streams(few) == 4
    wait_until(lambda: open_streams(few) == 0, "all places are free again")
    with listening(from_address(few, ann, "192.0.2.1")) as (answer, _):
        assert answer.status_code == 200


def test_requests_that_are_no_streams_hold_no_place(few: Server) -> None:
    ann = few.person("ann")
    client = from_address(few, ann, "192.0.2.1")
    for _ in range(6):
        assert client.head(EVENTS).status_code == 200
        assert client.get(EVENTS, params={"video": "nosuch"}).status_code == 404
        assert few.client(**{"X-Forwarded-For": "192.0.2.1"}).get(EVENTS).status_code == 401
    where = urlsplit(few.url)
    lines = [f"GET {EVENTS} HTTP/1.1", f"Host: {where.netloc}", f"Authorization: Bearer {ann.token}"]
    for _ in range(6):
        with socket.create_connection((LOCAL, where.port or 0)) as connection:
            connection.sendall("\r\n".join([*lines, "X-Forwarded-For: 192.0.2.7", "", ""]).encode())
    wait_until(lambda: open_streams(few) == 0, "who left at once holds no place")
    with listening(from_address(few, ann, "192.0.2.7")) as (answer, _):
        assert answer.status_code == 200


def test_all_who_listen_hear_the_same(server: Server, small_clip: Path) -> None:
    ann, visitor = server.person("ann"), server.visitor()
    video = ann.upload(small_clip, visibility="public", title="Before")
    wait_until(lambda: ann.look(video)["state"] == "ready" and ann.look(video)["urls"]["storyboard"], "ready")
    with ExitStack() as stack:
        crowd = []
        for _ in range(30):
            answer, lines = stack.enter_context(listening(server.client(), video=video))
            assert answer.status_code == 200
            crowd.append(lines)
        _, owners = stack.enter_context(listening(ann.api, video=video))
        assert heard(owners, "video")["title"] == "Before"
        assert {str(heard(lines, "video")["title"]) for lines in crowd} == {"Before"}
        ann.change(video, title="After")
        for lines in [owners, *crowd]:
            wait_until(lambda lines=lines: heard(lines, "video")["title"] == "After", "it is told")  # type: ignore[misc]
        ann.change(video, visibility="private")
        for lines in crowd:
            assert heard(lines, "gone") == {"id": video}
        wait_until(lambda: heard(owners, "video")["visibility"] == "private", "its owner is told on")
    assert visitor.api.get(EVENTS, params={"video": video}).status_code == 404
    assert "Exception" not in server.log_output
    assert "Traceback" not in server.log_output


def test_what_only_its_owner_is_told_is_told_to_nobody_else(server: Server) -> None:
    ann = server.person("ann")
    video = ann.send(b"no film at all", filename="x.mp4", visibility="public")
    wait_until(lambda: ann.look(video)["state"] == "failed", "failed")
    for _ in range(2):  # whoever asks first
        with listening(ann.api, video=video) as (_, owners), listening(server.client(), video=video) as (answer, lines):
            assert heard(owners, "video")["failure"]
            assert answer.status_code == 404 or heard(lines, "video")["failure"] is None
