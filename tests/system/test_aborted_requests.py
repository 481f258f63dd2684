"""The log stays free of tracebacks and lost tasks, however requests end: by the client, by SIGTERM, by Ctrl-C.

Servers run in Python's development mode, in which asyncio tells more. What they say is judged by `tests/logs.py`.
"""

import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clips import make_clip
from tests.people import BYTES, TUS, Person
from tests.s3 import own_bucket
from tests.server import STOPS_WITHIN_S, Server, is_alive, resident_bytes, running_server, wait_until
from tests.system.player import video_playlists
from tests.system.remote import ready_video_in

DEVELOPMENT = (sys.executable, "-X", "dev")
HEAVY_BYTES = 40 << 20
"""More than the buffers between a server and a client that does not read hold."""


@dataclass
class Clients:
    """Connections in the middle of something."""

    server: Server
    person: Person
    open: list[socket.socket] = field(default_factory=list)

    def begin(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> socket.socket:
        """Send a request, whole or not, on a connection of its own."""
        address = urlsplit(self.server.url)
        made = socket.create_connection((address.hostname, address.port), timeout=60)
        self.open.append(made)
        given = {"Host": address.netloc, "Authorization": f"Bearer {self.person.token}", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        made.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return made

    def reads(self, path: str, **headers: str) -> None:
        """Begin to read an answer, and stop in its middle."""
        assert b" 20" in self.begin("GET", path, headers).recv(20)

    def sends(self, method: str, path: str, half: bytes, **headers: str) -> None:
        """Send a half of a body."""
        self.begin(method, path, {"Content-Length": str(len(half) * 2), **headers}, half)

    def reset(self) -> None:
        """Close all so that the server gets a reset."""
        for each in self.open:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self.open.clear()


@pytest.fixture(scope="module")
def heavy(small_clip: Path) -> bytes:
    """A film that plays, and is too long to be sent in one piece."""
    return small_clip.read_bytes() + struct.pack(">I4s", HEAVY_BYTES + 8, b"free") + bytes(HEAVY_BYTES)


@pytest.fixture(scope="module")
def slow(clips: Path) -> bytes:
    """A film that is encoded for a while."""
    return make_clip(clips / "slow.avi", duration_s=30, width=1280, height=720, video="mpeg4", audio="mp3").read_bytes()


@pytest.fixture
def idle() -> Iterator[Server]:
    """A data directory and the command line."""
    with running_server(started=False) as made:
        yield made


@pytest.fixture(scope="module", params=["local", "s3"])
def heavy_video(request: pytest.FixtureRequest, heavy: bytes) -> Iterator[tuple[Server, str]]:
    """A server with a video that is ready. Tests that end the server start it again."""
    backend: str = request.param
    with ExitStack() as stack:
        environ: dict[str, str] = {}
        if backend == "s3":
            environ = stack.enter_context(own_bucket(request.getfixturevalue("s3_endpoint"))).environ
        server = stack.enter_context(running_server(started=True, before=DEVELOPMENT, **environ))
        yield server, ready_video_in(server.person("ann", admin=True), heavy, server, backend)


@pytest.fixture
def clients(heavy_video: tuple[Server, str], slow: bytes) -> Iterator[Clients]:
    """All that may go on at once, under way."""
    server, video = heavy_video
    ann = server.person("ann", admin=True)
    made = Clients(server, ann)
    begin_all(made, video)
    encoded = ann.send(slow, filename="slow.avi")
    wait_until(server.workers, "a worker is under way")
    made.reads(f"/api/v1/events?video={encoded}")
    yield made
    made.reset()
    ann.api.delete(f"/api/v1/videos/{encoded}?now=true").raise_for_status()


def begin_all(clients: Clients, video: str) -> None:
    ann = clients.person
    cookie = "; ".join(f"{name}={value}" for name, value in ann.browser.cookies.items())
    playlist = video_playlists(ann.api, ann.look(video)["urls"]["master"])[0]
    for _ in range(3):
        clients.reads(f"/media/{video}/original")
        clients.reads(f"/media/{video}/original", Range="bytes=1000-")
        clients.reads(playlist.replace("playlist.m3u8", "rendition.mp4"))
        clients.reads(playlist.replace("playlist.m3u8", "0.m4s"))
        clients.reads("/api/v1/events")
        clients.reads("/library/events", Cookie=cookie)
        clients.reads("/admin/jobs/events", Cookie=cookie)
        at = ann.begin(2_000_000)
        clients.sends("PATCH", at, bytes(1_000_000), **TUS, **BYTES, **{"Upload-Offset": "0"})
        clients.sends("POST", "/login", b"name=ann&password=", **{"Content-Type": "application/x-www-form-urlencoded"})
        clients.sends("POST", "/api/v1/auth/token", b'{"name": "', **{"Content-Type": "application/json"})
        clients.begin("GET", "/library", {"Cookie": cookie})


def stopped(server: Server, number: int) -> int:
    """End a server by a signal; its exit code."""
    os.kill(server.pid, number)
    return server.wait(STOPS_WITHIN_S)


def reset_all(clients: Clients) -> None:
    """All clients go at once."""
    clients.reset()
    assert clients.person.api.get("/healthz").status_code == 200


def terminated(clients: Clients) -> None:
    """`docker stop`."""
    assert stopped(clients.server, signal.SIGTERM) == 0


def interrupted(clients: Clients) -> None:
    """Ctrl-C."""
    assert stopped(clients.server, signal.SIGINT) == 0


def interrupted_while_clients_go(clients: Clients) -> None:
    """Both at once."""
    os.kill(clients.server.pid, signal.SIGTERM)
    clients.reset()
    assert clients.server.wait(STOPS_WITHIN_S) == 0


@pytest.mark.parametrize("end", [reset_all, terminated, interrupted, interrupted_while_clients_go])
def test_nothing_is_lost_in_the_log(clients: Clients, end: Callable[[Clients], None]) -> None:
    server = clients.server
    workers, before = server.workers(), len(server.log_output)
    end(clients)
    if end is not reset_all:
        wait_until(lambda: not any(is_alive(worker) for worker in workers), "its workers have ended")
        assert '"event": "stopped"' in server.log_output[before:]
        server.start()


@pytest.mark.parametrize("loaded_mib", [20, 30, 40, 50, 60])
def test_ctrl_c_while_a_command_is_loaded_says_nothing(idle: Server, loaded_mib: int) -> None:
    """At several moments of the second or so that imports take, told by the memory that they have used so far."""
    begun = idle.begin("check")
    wait_until(lambda: begun.poll() is not None or resident_bytes(begun.pid) > loaded_mib << 20, "so much is loaded")
    begun.send_signal(signal.SIGINT)
    said, complained = begun.communicate(timeout=STOPS_WITHIN_S)
    assert "Traceback" not in said + complained
    assert begun.returncode in {-signal.SIGINT, 1}
