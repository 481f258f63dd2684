"""Which rungs of a ladder pay for a title, told from what one rendition of it is known to cost.

A rung is worth its room and its encoding where it saves a viewer at least a fifth of the bits of the next larger one,
the sound counted. What a rung will cost is guessed from the known one: bits grow with pictures' size, here to the power
of 3/4; where the known one stayed below a quarter of its ceiling (slides, a screen, drawings) most bits are edges,
which grow more slowly. These numbers are rules of thumb, not measurements. A ceiling is never exceeded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streamtime.hls.ladder import PlannedRung

MIN_SAVING = 0.8
"""A rung costs at most this share of the one above it."""

AUDIO_BPS = 128_000
_POWER, _POWER_OF_EASY = 0.75, 0.5
_EASY = 0.25


@dataclass(frozen=True)
class ReferenceRendition:
    """What one rendition really costs: its picture's pixels, bits a second on average, and the ceiling it had."""

    name: str
    pixels: int
    average_bps: int
    ceiling_bps: int | None


@dataclass(frozen=True)
class PrunedRung:
    """A rung that is not made, with its expected rate and that of the rung above that it would save too little of."""

    rung: PlannedRung
    expected_bps: int
    above: str
    above_bps: int


def prune_ladder(plan: Sequence[PlannedRung], known: ReferenceRendition) -> tuple[list[PlannedRung], list[PrunedRung]]:
    """Divide a plan, largest rung first, into what is made and what is not. The known rendition stands in its place.

    The largest rung is always made: it is there for its quality.
    """
    easy = known.ceiling_bps is not None and known.average_bps < known.ceiling_bps * _EASY
    power = _POWER_OF_EASY if easy else _POWER
    kept: list[PlannedRung] = []
    dropped: list[PrunedRung] = []
    above: tuple[str, int] | None = None
    for name, pixels, rung in _in_order(plan, known):
        bps = known.average_bps
        if rung is not None:
            bps = min(rung.maxrate_bps, round(known.average_bps * (pixels / known.pixels) ** power))
            if above is not None and bps + AUDIO_BPS > (above[1] + AUDIO_BPS) * MIN_SAVING:
                dropped.append(PrunedRung(rung, bps, *above))
                continue
            kept.append(rung)
        above = (name, bps)
    return kept, dropped


def _in_order(plan: Sequence[PlannedRung], known: ReferenceRendition) -> list[tuple[str, int, PlannedRung | None]]:
    rungs: list[tuple[str, int, PlannedRung | None]] = [
        (rung.name, rung.width * rung.height, rung) for rung in plan if rung.name != known.name
    ]
    return sorted([*rungs, (known.name, known.pixels, None)], key=lambda one: -one[1])
