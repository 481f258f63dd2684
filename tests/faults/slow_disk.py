"""Read latency while a client writes to a disk with slow syncs, such as a hard disk."""

import statistics
import time
from dataclasses import dataclass
from threading import Event, Thread

import httpx

from tests.faults.operations import bytes_of, some_video
from tests.faults.traced_server import TracedServer
from tests.faults.tracer import Rule

LONGER_MS = 15
ROUNDS = 60


@dataclass(frozen=True)
class ReadLatency:
    """Median and 95th percentile in milliseconds, for one kind of URL."""

    what: str
    middle_ms: float
    late_ms: float

    def __str__(self) -> str:
        return f"{self.what}: {self.middle_ms:.1f} ms in the middle, 95 of 100 within {self.late_ms:.1f} ms"


def read_latencies(server: TracedServer, film: bytes, *, slow: bool) -> list[ReadLatency]:
    """The latency of a page and a segment while another client edits and uploads continuously."""
    video = some_video(server, film)
    segment = list(bytes_of(server, video))[-1]
    page, api = server.ann.browser, server.ann.api
    writer = server.client(Authorization=f"Bearer {server.ann.token}")
    server.set_rules(*[Rule("fsync|fdatasync", "/data", "wait", LONGER_MS)] * slow)
    stop = Event()

    def write() -> None:
        while not stop.is_set():
            writer.patch(f"/api/v1/videos/{video}", json={"title": "Another"}).raise_for_status()

    writing = Thread(target=write, daemon=True)
    writing.start()
    try:
        return [_timed("page", page, "/library"), _timed("segment", api, segment)]
    finally:
        stop.set()
        writing.join()
        server.set_rules()


def _timed(what: str, client: httpx.Client, address: str) -> ReadLatency:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        client.get(address).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    return ReadLatency(what, statistics.median(times), sorted(times)[int(len(times) * 0.95)])
