"""Defines kill points: a kind of system call on a kind of file, between two syncs.

A disk that keeps only synced data does not distinguish calls between two syncs, so the first call of each kind after
each sync represents the following ones.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.faults.traced_server import TracedCall
from tests.faults.tracer import Rule

ROLES = {
    "the log of the database": r"/streamtime\.db-wal$",
    "the database": r"/streamtime\.db$",
    "the journal of the database": r"/streamtime\.db-journal$",
    "the index of the log": r"/streamtime\.db-shm$",
    "a copy of the database": r"/backups(?:/|$)",
    "an uploaded file": r"/spool/.*/source$",
    "a file in the making": r"/spool/.*\.\w+$",
    "a folder of the spool": r"/spool(?:/|$)",
    "bytes on their way": r"/objects/\.",
    "an object": r"/objects/.*(?:\.\w+|/source|/marker)$",
    "a folder of objects": r"/objects(?:/|$)",
    "the data directory": r"/data$",
    "an answer": r"^socket:\[\d+\] HTTP/1\.1 ",
    **{
        f"a {method} to the bucket": rf"^socket:\[\d+\] {method} /"
        for method in ("PUT", "POST", "DELETE", "HEAD", "GET")
    },
    "a backup": r"/backup\.streamtime",
}
"""The first match counts."""


@dataclass(frozen=True)
class Point:
    """The `nth` call of that kind on files of that role, counted from the start of the operation."""

    operation: str
    call: str
    role: str
    nth: int

    def __str__(self) -> str:
        return f"{self.operation}: {self.call} of {self.role}, number {self.nth}"

    @property
    def rule(self) -> Rule:
        """The tracer's rule for a kill there."""
        return Rule(self.call, only(self.role), "kill", first=self.nth, last=self.nth)


def role_of(path: str) -> str | None:
    """The role of a file, or None if it does not matter."""
    return next((role for role, shape in ROLES.items() if re.search(shape, path)), None)


def only(role: str) -> str:
    """A regular expression that matches the paths of that role only."""
    earlier = [shape for name, shape in ROLES.items() if list(ROLES).index(name) < list(ROLES).index(role)]
    return "".join(f"^(?!.*?(?:{shape.replace('^', '')}))" for shape in earlier) + f"(?:.*?)(?:{ROLES[role]})"


def points(operation: str, calls: Iterable[TracedCall]) -> Iterator[Point]:
    """The kill points of an operation with these calls."""
    made: Counter[tuple[str, str]] = Counter()
    known: set[tuple[str, str]] = set()
    for call in calls:
        role = role_of(call.path)
        if role is None:
            continue
        if call.done:
            known.clear()
            continue
        kind = (call.call, role)
        made[kind] += 1
        if kind not in known:
            known.add(kind)
            yield Point(operation, *kind, nth=made[kind])
