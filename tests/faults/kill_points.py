"""Kills a server once at every kill point of an operation, and checks the restarted server.

An operation runs once to collect its kill points (points.py), then once for each of them, with a kill there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.operations import Operation, clear
from tests.faults.points import Point, points
from tests.faults.traced_server import TracedServer


@dataclass(frozen=True)
class KillResult:
    """The result of a kill. If not `met`, the operation ended before that point, and the server was killed then."""

    point: Point
    met: bool
    serving_after_s: float

    def __str__(self) -> str:
        return f"{self.point}: killed {'there' if self.met else 'after it'}, serving in {self.serving_after_s:.1f} s"


def find_points(server: TracedServer, operation: Operation, film: bytes) -> list[Point]:
    """The kill points of an operation, collected by running it."""
    operation.prepare(server, film)
    server.wait_idle_if_running()
    before = len(server.calls())
    operation.run(server, ())
    found = list(points(operation.name, server.calls()[before:]))
    if server.has_exited:
        assert server.wait_exit() == 0, "the command did what it was told"
        server.start()
    operation.check(server)
    _settled(server, operation)
    return found


def kill_at(server: TracedServer, operation: Operation, film: bytes, point: Point) -> KillResult:
    """Kill the server there, restart it, and check that nothing acknowledged is lost and nothing is left over.

    Raises:
        AssertionError: something is lost or left over.
    """
    operation.prepare(server, film)
    server.wait_idle_if_running()
    operation.run(server, [point.rule])
    met = False
    if server.is_running:
        server.kill()
    else:
        met = server.wait_exit() != 0  # a command also ends by itself
    began = time.monotonic()
    server.start()
    serving_after_s = time.monotonic() - began
    operation.check(server)
    _settled(server, operation)
    return KillResult(point, met, serving_after_s)


def spread(found: list[Point], count: int) -> Iterator[Point]:
    """A number of them, evenly spaced."""
    step = max(1.0, len(found) / count)
    yield from (found[int(number * step)] for number in range(min(count, len(found))))


def _settled(server: TracedServer, operation: Operation) -> None:
    """Rows and files are consistent, now and after everything is deleted."""
    server.wait_idle()
    server.consistency.assert_consistent()
    if not operation.keeps:
        clear(server)
        server.wait_idle()
        server.consistency.assert_consistent()
        assert server.consistency.count() == 0, "no row is left of what was deleted"
    assert not (unexpected := server.unexpected()), unexpected
