"""Kills a server once at every point of an operation, and sees what the next server makes of it.

An operation is carried out once to learn its points (points.py), and then once for each of them, with a kill there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.house import House
from tests.faults.operations import Operation, clear
from tests.faults.points import Point, points


@dataclass(frozen=True)
class Tried:
    """What came of a kill. Where not `met` the operation ended before it came to that point, and was killed then."""

    point: Point
    met: bool
    serving_after_s: float

    def __str__(self) -> str:
        return f"{self.point}: killed {'there' if self.met else 'after it'}, serving in {self.serving_after_s:.1f} s"


def learn(house: House, operation: Operation, film: bytes) -> list[Point]:
    """The points of an operation, learnt by carrying it out."""
    operation.prepare(house, film)
    house.rest_if_running()
    before = len(house.calls())
    operation.run(house, ())
    found = list(points(operation.name, house.calls()[before:]))
    if house.died:
        assert house.ended() == 0, "the command did what it was told"
        house.start()
    operation.check(house)
    _settled(house, operation)
    return found


def attempt(house: House, operation: Operation, film: bytes, point: Point) -> Tried:
    """Kill it there, start it again, and check that nothing acknowledged is lost and nothing lies about.

    Raises:
        AssertionError: something is lost, or lies about.
    """
    operation.prepare(house, film)
    house.rest_if_running()
    operation.run(house, [point.rule])
    met = False
    if house.lives:
        house.kill()
    else:
        met = house.ended() != 0  # a command ends by itself, too
    began = time.monotonic()
    house.start()
    serving_after_s = time.monotonic() - began
    operation.check(house)
    _settled(house, operation)
    return Tried(point, met, serving_after_s)


def spread(found: list[Point], count: int) -> Iterator[Point]:
    """So many of them, evenly."""
    step = max(1.0, len(found) / count)
    yield from (found[int(number * step)] for number in range(min(count, len(found))))


def _settled(house: House, operation: Operation) -> None:
    """Rows are files, as it is and when everything is deleted."""
    house.rest()
    house.books.agree()
    if not operation.keeps:
        clear(house)
        house.rest()
        house.books.agree()
        assert house.books.count() == 0, "no row is left of what was deleted"
    assert not (unexpected := house.unexpected()), unexpected
