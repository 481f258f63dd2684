"""Slow and idle connections: they end in time, give way to others, and keep nobody from watching or sending."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from tests.people import BYTES, TUS, Person
from tests.raw_http import RawConnection
from tests.server import Server, StartServer, running_server, wait_until
from tests.system.player import hashes

MIB = 1 << 20
ELSEWHERE = "127.0.0.2"
QUICK = {
    "STREAMTIME_SERVER__HEAD_TIMEOUT": "2s",
    "STREAMTIME_SERVER__BODY_TIMEOUT": "4s",
    "STREAMTIME_SERVER__KEEP_ALIVE_TIMEOUT": "3s",
    "STREAMTIME_SERVER__SEND_TIMEOUT": "4s",
}
DESCRIPTORS = 400
"""Room for 136 connections."""


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    """A server that may open few files."""
    with running_server(started=True, before=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"), **QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def film(narrow: Server, small_clip: Path) -> str:
    """A public video whose original is larger than what lies between server and client."""
    ann = narrow.person("ann")
    video = ann.send(small_clip.read_bytes() + (12 * MIB).to_bytes(4) + b"free" + bytes(12 * MIB), visibility="public")
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    return video


def ended(server: Server, reason: str) -> float:
    """How many connections the server has ended for that reason."""
    text = httpx.get(f"{server.url}/metrics").text
    found = re.search(rf'^streamtime_connections_ended_total{{reason="{reason}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def kept(server: Server, source: str = "127.0.0.1") -> RawConnection:
    """A connection that has had an answer and waits."""
    raw = RawConnection(server, source=source)
    raw.send(raw.head(b"GET /healthz HTTP/1.1"))
    assert raw.response().status == 200
    return raw


def listening(server: Server, *fields: bytes, source: str = "127.0.0.1") -> tuple[RawConnection, int]:
    """A connection with an event stream open, and the status that it began with."""
    bearer = f"Authorization: Bearer {server.person('ann').token}".encode()
    raw = RawConnection(server, source=source)
    raw.send(raw.head(b"GET /api/v1/events HTTP/1.1", bearer, *fields))
    return raw, raw.response(without_body=True).status


def unread(server: Server, path: str, source: str) -> socket.socket:
    """A download that nobody reads."""
    host, port = server.url.removeprefix("http://").split(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.bind((source, 0))
    made.connect((host, int(port)))
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return made


def test_the_limit_on_open_files_is_raised() -> None:
    with running_server(before=("prlimit", "--nofile=256:3000")) as server:
        limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert re.search(r"^Max open files +3000 +3000 ", limits, re.MULTILINE)


@pytest.mark.parametrize("source", ["127.0.0.1", ELSEWHERE])
def test_a_viewer_and_an_upload_among_slow_connections(
    narrow: Server, film: str, small_clip: Path, source: str
) -> None:
    # Kept connections are closed after three seconds here, perhaps just when they are used: clients try that again.
    viewer, ann = narrow.client(Connection="close"), narrow.person("ann")
    master = f"/media/{film}/master.m3u8"
    expected = hashes(viewer, master)
    heads = (b"GET /login HTTP/1.1\r\nHost: localhost\r\nX: ", b"G", b"", b"POST /login HTTP/1.1\r\n")
    form = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    bodies = (form + b"Content-Length: 99\r\n\r\nname=", form + b"Transfer-Encoding: chunked\r\n\r\n5\r\nna")
    with ExitStack() as stack:
        slow: list[RawConnection] = []

        def attack(count: int) -> None:
            for number in range(count):
                raw = stack.enter_context(RawConnection(narrow, source=source))
                raw.send((*heads, *bodies)[number % 6])
                slow.append(raw)

        attack(150)
        for _ in range(40):
            stack.enter_context(closing(unread(narrow, f"/media/{film}/original", source)))
        attack(150)
        assert hashes(viewer, master) == expected
        for raw in slow:  # a byte now and then keeps none of them alive
            raw.send(b"a")
        attack(100)
        assert hashes(viewer, master) == expected
        assert ann.upload(small_clip, title=source)
        assert hashes(viewer, master) == expected

        def gone() -> bool:
            for raw in slow:
                raw.send(b"a")
            return not any(raw.is_open() for raw in slow)

        wait_until(gone, "all slow connections have ended")
    assert hashes(viewer, master) == expected
    assert ended(narrow, "evicted")


def test_each_kind_ends_by_itself(narrow: Server, film: str) -> None:
    with (
        RawConnection(narrow) as head,
        RawConnection(narrow) as body,
        RawConnection(narrow) as silent,
        kept(narrow) as idle,
    ):
        head.send(b"GET /healthz HTTP/1.1\r\nHost: loc")
        form = (b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: 99")
        body.send(body.head(b"POST /login HTTP/1.1", *form) + b"name=")
        assert (head.response().status, head.wait_closed()) == (408, True)
        assert (body.response().status, body.wait_closed()) == (408, True)
        assert silent.read_to_end() == b""
        assert idle.read_to_end() == b""
    before = ended(narrow, "slow_reader")
    with closing(unread(narrow, f"/media/{film}/original", "127.0.0.1")):
        wait_until(lambda: ended(narrow, "slow_reader") > before, "the unread download has ended")


def test_what_arrived_of_an_upload_is_kept(narrow: Server, small_clip: Path) -> None:
    ann, data = narrow.person("ann"), small_clip.read_bytes()
    at, half = ann.begin(len(data), filename="slow.mp4"), len(data) // 2
    fields = [f"{name}: {value}".encode() for name, value in {**TUS, **BYTES, "Upload-Offset": "0"}.items()]
    with RawConnection(narrow) as raw:
        line = f"PATCH {at} HTTP/1.1".encode()
        length = b"Content-Length: %d" % len(data)
        raw.send(raw.head(line, f"Authorization: Bearer {ann.token}".encode(), length, *fields) + data[:half])
        assert raw.response().status == 408
    assert ann.offset(at) == half
    assert ann.append(at, half, data[half:]).status_code == 204


def test_an_upload_that_keeps_coming_is_not_ended(narrow: Server) -> None:
    ann = narrow.person("ann")
    at, before = ann.begin(MIB * 1024, filename="steady.mp4"), ended(narrow, "idle")

    def pieces() -> Iterator[bytes]:
        """Small ones, until others have been idle for too long."""
        with kept(narrow), kept(narrow):
            while ended(narrow, "idle") < before + 2:
                yield bytes(1000)

    answer = ann.api.patch(at, headers={**TUS, **BYTES, "Upload-Offset": "0"}, content=pieces())
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, f"{ann.offset(at)}")


@pytest.fixture
def few(start_server: StartServer) -> Server:
    return start_server(STREAMTIME_SERVER__MAX_CONNECTIONS="12", STREAMTIME_SERVER__MAX_CONNECTIONS_PER_ADDRESS="4")


def test_the_oldest_idle_one_of_the_address_gives_way(few: Server) -> None:
    with ExitStack() as stack:
        mine = [stack.enter_context(kept(few, ELSEWHERE)) for _ in range(4)]
        others = [stack.enter_context(kept(few)) for _ in range(3)]
        stack.enter_context(kept(few, ELSEWHERE))
        assert mine[0].wait_closed()
        assert all(raw.is_open() for raw in (*mine[1:], *others))
        stack.enter_context(kept(few, "127.0.0.3"))
        others += [stack.enter_context(kept(few)) for _ in range(5)]  # one more than there may be
        assert others[0].wait_closed()
        assert all(raw.is_open() for raw in (*mine[1:], *others[1:]))


def test_those_in_use_do_not_give_way(few: Server) -> None:
    with ExitStack() as stack:
        streams = []
        for _ in range(4):
            raw, status = listening(few, source=ELSEWHERE)
            streams.append(stack.enter_context(raw))
            assert status == 200
        with RawConnection(few, source=ELSEWHERE) as refused:
            answer = refused.response()
            assert (answer.status, answer.header("retry-after")) == (429, "2")
            assert b"connections_of_address" in answer.body
            assert refused.wait_closed()
        assert all(raw.is_open() for raw in streams)
        for _ in range(8):
            raw, status = listening(few)
            stack.enter_context(raw)
            assert status == 200
        with RawConnection(few, source="127.0.0.3") as refused:
            assert refused.response().status == 503
        streams.pop().close()
        wait_until(lambda: _answers(few, ELSEWHERE), "there is room again")


def test_clients_behind_a_proxy_are_told_apart(start_server: StartServer) -> None:
    server = start_server(
        STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.0/8", STREAMTIME_SERVER__MAX_CONNECTIONS_PER_ADDRESS="3"
    )

    def of(address: bytes) -> bytes:
        return b"X-Forwarded-For: 198.51.100.99, " + address

    with ExitStack() as stack:
        streams = []
        for address in (b"203.0.113.7", b"203.0.113.7", b"203.0.113.7", b"203.0.113.8"):
            raw, status = listening(server, of(address), source=ELSEWHERE)
            streams.append(stack.enter_context(raw))
            assert status == 200
        raw, status = listening(server, of(b"203.0.113.7"), source=ELSEWHERE)
        stack.enter_context(raw)
        assert status == 429
        headers = {"X-Forwarded-For": "203.0.113.7"}
        asked = server.client()
        assert asked.get("/healthz", headers=headers).status_code == 429
        assert asked.get("/healthz", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200
        assert asked.get("/healthz").status_code == 200
        streams.pop(0).close()
        wait_until(lambda: asked.get("/healthz", headers=headers).status_code == 200, "there is room again")


def test_many_from_one_address_pass(shared_server: Server) -> None:
    with ExitStack() as stack:
        household = [stack.enter_context(kept(shared_server, ELSEWHERE)) for _ in range(550)]
        for raw in household:
            raw.send(raw.head(b"GET /healthz HTTP/1.1"))
        assert {raw.response().status for raw in household} == {200}


def _answers(server: Server, source: str) -> bool:
    with RawConnection(server, source=source) as raw:
        raw.send(raw.head(b"GET /healthz HTTP/1.1"))
        return raw.response().status == 200


def test_numbers_of_connections(narrow: Server) -> None:
    text = Person(narrow, "").api.get("/metrics").text
    assert 'streamtime_connections{phase="idle"}' in text
