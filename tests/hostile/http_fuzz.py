"""`make fuzz-http`: random requests over raw sockets, in parallel, while a viewer watches.

The same `--seed` gives the same requests. `--case NUMBER` sends and prints a single one.
"""

import argparse
import random
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clips import make_clip
from tests.hostile.random_requests import RandomRequests
from tests.raw_http import RawConnection
from tests.server import Server, resident_bytes, running_server, wait_until
from tests.system.player import hashes

QUICK = {
    "STREAMTIME_SERVER__HEAD_TIMEOUT": "2s",
    "STREAMTIME_SERVER__BODY_TIMEOUT": "2s",
    "STREAMTIME_SERVER__KEEP_ALIVE_TIMEOUT": "2s",
}
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)
KNOWN = {501, 503, 505, 507}
"""5xx that are correct: not implemented, and overloaded."""

TOLD_EVERY = 100
MAX_GROWTH_BYTES = 96 << 20
NOW = struct.pack("ii", 1, 0)


@dataclass
class HttpFuzzResult:
    """The result of a run."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    watched: int = 0
    """How often the viewer has played the whole video."""
    grown_bytes: int = 0


@contextmanager
def open_server() -> Iterator[tuple[Server, str, bytes]]:
    """A server with a public video, its multivariant playlist, and a member's Authorization field."""
    with running_server(**QUICK) as server, TemporaryDirectory(prefix="streamtime-fuzz-http-") as folder:  # type: ignore[arg-type]  # all of them are settings
        clip = make_clip(Path(folder) / "film.mp4", duration_s=8, width=320, height=180)
        ann = server.person("ann")
        video = ann.send(clip.read_bytes(), filename="film.mp4", visibility="public")
        wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
        yield server, f"/media/{video}/master.m3u8", f"Authorization: Bearer {ann.token}".encode()


def drawn(seed: str, number: int, bearer: bytes) -> tuple[list[bytes], str]:
    """The attempt of that number: its chunks, and how the client ends."""
    dice = random.Random(f"{seed} {number}")  # noqa: S311  # it is to be repeatable
    ending = dice.choice(("closing request",) * 7 + ("half close", "half close", "reset", "silence"))
    return RandomRequests(dice, bearer).pieces(), ending


def attempt(server: Server, pieces: list[bytes], ending: str, source: str) -> list[int]:
    """Send it, and return the statuses of all responses."""
    with RawConnection(server, source=source) as raw:
        for piece in pieces:
            if not raw.send(piece):
                break
        if ending == "closing request":
            raw.send(LAST)
        elif ending == "half close":
            with suppress(OSError):
                raw.socket.shutdown(socket.SHUT_WR)
        elif ending == "reset":
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
            return []
        return [int(status) for status in STATUS.findall(raw.read_to_end())]


def run(numbers: range, seed: str, at_once: int) -> HttpFuzzResult:
    """Make all attempts, and check the results."""
    verdict, over = HttpFuzzResult(), threading.Event()
    with open_server() as (server, master, bearer):
        expected = hashes(server.visitor().api, master)
        _try(server, range(50), "warm", bearer, at_once, HttpFuzzResult())
        before = resident_bytes(server.pid)
        viewer = threading.Thread(target=_watch, args=(server, master, expected, over, verdict))
        viewer.start()
        _try(server, numbers, seed, bearer, at_once, verdict)
        over.set()
        viewer.join()
        verdict.grown_bytes = resident_bytes(server.pid) - before
        _judge(server, verdict)
    return verdict


def _try(server: Server, numbers: range, seed: str, bearer: bytes, at_once: int, verdict: HttpFuzzResult) -> None:
    def one(number: int) -> tuple[int, list[int], str]:
        pieces, ending = drawn(seed, number, bearer)
        try:
            return number, attempt(server, pieces, ending, f"127.0.0.{2 + number % 5}"), ""
        except (TimeoutError, AssertionError) as error:
            return number, [], repr(error)[:200]

    with ThreadPoolExecutor(at_once) as pool:
        for number, statuses, error in pool.map(one, numbers):
            verdict.statuses.update(statuses)
            wrong = [status for status in statuses if status >= 500 and status not in KNOWN]
            if wrong or error:
                verdict.faults.append(f"case {number}: {wrong or error}")
            if number % TOLD_EVERY == TOLD_EVERY - 1:
                print(f"{number + 1} so far, {len(verdict.faults)} faults; the viewer: {verdict.watched}", flush=True)


def _watch(
    server: Server, master: str, expected: dict[str, str], over: threading.Event, verdict: HttpFuzzResult
) -> None:
    # Clients must retry when an idle connection is closed just as it is used again.
    client = server.client(Connection="close")
    while not over.is_set():
        try:
            if hashes(client, master) != expected:
                verdict.faults.append("the viewer got other bytes")
        except Exception as error:  # noqa: BLE001  # whatever it is, the viewer was disturbed
            verdict.faults.append(f"the viewer: {error!r}")
        verdict.watched += 1


def _judge(server: Server, verdict: HttpFuzzResult) -> None:
    if server.visitor().api.get("/healthz").status_code != 200:
        verdict.faults.append("/healthz is not well afterwards")
    for sign in ("Traceback", '"level": "error"', '"level": "critical"', "exc_info"):
        if sign in server.log_output:
            at = server.log_output.index(sign)
            verdict.faults.append(f"the log: {server.log_output[max(0, at - 500) : at + 2000]}")
    if verdict.grown_bytes > MAX_GROWTH_BYTES:
        verdict.faults.append(f"memory grew by {verdict.grown_bytes >> 20} MiB")


def main() -> None:
    """Parse the options, run, and exit with 1 on a fault."""
    parser = argparse.ArgumentParser(prog="make fuzz-http", description=__doc__)
    parser.add_argument("--attempts", type=int, default=5000, help="how many (5,000)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed draws the same")
    parser.add_argument("--at-once", type=int, default=16, help="how many at the same time (16)")
    parser.add_argument("--case", type=int, help="this one alone")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    numbers = range(options.attempts)
    if options.case is not None:
        numbers = range(options.case, options.case + 1)
        pieces, ending = drawn(options.seed, options.case, b"Authorization: Bearer x")
        print(f"{len(pieces)} pieces, then {ending}:\n{b''.join(pieces)[:5000]!r}")
    began = time.monotonic()
    verdict = run(numbers, options.seed, options.at_once)
    took_s, answers = time.monotonic() - began, dict(sorted(verdict.statuses.items()))
    print(f"{len(numbers)} attempts in {took_s:.0f} s; answers: {answers}")
    print(f"the viewer saw the film {verdict.watched} times; memory grew by {verdict.grown_bytes / 2**20:.1f} MiB")
    sys.exit("\n".join(["to be put right:", *verdict.faults]) if verdict.faults else 0)


if __name__ == "__main__":
    main()
