"""Kills a server once at every point of an operation, and sees what the next server makes of it.

An operation is carried out once to learn its points (points.py), and then once for each of them, with a kill there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.operations import Operation, clear
from tests.faults.points import Point, points
from tests.faults.traced_server import TracedServer


@dataclass(frozen=True)
class KillResult:
    """What came of a kill. Where not `met` the operation ended before it came to that point, and was killed then."""

    point: Point
    met: bool
    serving_after_s: float

    def __str__(self) -> str:
        return f"{self.point}: killed {'there' if self.met else 'after it'}, serving in {self.serving_after_s:.1f} s"


def find_points(server: TracedServer, operation: Operation, film: bytes) -> list[Point]:
    """The points of an operation, learnt by carrying it out."""
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
    """Kill it there, start it again, and check that nothing acknowledged is lost and nothing lies about.

    Raises:
        AssertionError: something is lost, or lies about.
    """
    operation.prepare(server, film)
    server.wait_idle_if_running()
    operation.run(server, [point.rule])
    met = False
    if server.is_running:
        server.kill()
    else:
        met = server.wait_exit() != 0  # a command ends by itself, too
    began = time.monotonic()
    server.start()
    serving_after_s = time.monotonic() - began
    operation.check(server)
    _settled(server, operation)
    return KillResult(point, met, serving_after_s)


def spread(found: list[Point], count: int) -> Iterator[Point]:
    """So many of them, evenly."""
    step = max(1.0, len(found) / count)
    yield from (found[int(number * step)] for number in range(min(count, len(found))))


def _settled(server: TracedServer, operation: Operation) -> None:
    """Rows are files, as it is and when everything is deleted."""
    server.wait_idle()
    server.consistency.assert_consistent()
    if not operation.keeps:
        clear(server)
        server.wait_idle()
        server.consistency.assert_consistent()
        assert server.consistency.count() == 0, "no row is left of what was deleted"
    assert not (unexpected := server.unexpected()), unexpected
