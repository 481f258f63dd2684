"""What kinds of work there are on videos, as the queue knows them: their names, how urgent they are, what they cost."""

from dataclasses import dataclass

PREPARE = "prepare"
FIRST = "first"
LADDER = "ladder"
STILLS = "stills"
SETTLE = "settle"
COLLECT = "collect"
COLLECT_SUBJECT = "objects"
RECONCILE = "reconcile"
SCRUB = "scrub"

PREPARE_PRIORITY = 10
FIRST_PRIORITY = 15
LADDER_PRIORITY = 20
STILLS_PRIORITY = 30
SETTLE_PRIORITY = 40
COLLECT_PRIORITY = 50
RECONCILE_PRIORITY = 60
SCRUB_PRIORITY = 70
"""Lower goes first: what makes a person wait before what only tidies up."""

MANY_ATTEMPTS = 1_000_000
"""For work that is never given up: bytes must settle, and doomed ones must go."""


def fair_key(owner_id: int) -> str:
    """What the queue tells people apart by when they take turns."""
    return f"user:{owner_id}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an encode will make, and what it is expected to cost on disk and in memory, in so many passes."""

    names: list[str]
    disk_bytes: int
    memory_bytes: int
    passes: int
