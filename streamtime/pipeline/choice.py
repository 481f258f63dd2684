"""Which rungs are made beside what is whole already: pure, from facts, settings and what is there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from streamtime.hls.grid import Grid
from streamtime.hls.ladder import PlannedRung, Rung
from streamtime.hls.segment_index import SegmentIndex
from streamtime.hls.worth import PrunedRung, ReferenceRendition, prune_ladder
from streamtime.library.renditions import RenditionKind, RenditionOrigin
from streamtime.pipeline.plan import ENCODE_TARGET_S, grid_for, rungs_for
from streamtime.source_facts import ProbeResult


@dataclass(frozen=True, slots=True)
class CompleteRendition:
    """What of a whole rendition decides about others. `pixels` is the size of a picture, 0 for sound."""

    kind: RenditionKind
    origin: RenditionOrigin
    name: str
    target_duration_s: int
    ceiling_bps: int | None
    index: SegmentIndex | None
    pixels: int


@dataclass(frozen=True, slots=True)
class RemainingRungs:
    """The rungs that are still to be made, those that do not pay, how long segments may be, and where they are cut."""

    rungs: list[PlannedRung]
    dropped: list[PrunedRung]
    target_duration_s: int
    grid: Grid


def plan_remaining(
    facts: ProbeResult, rungs: tuple[Rung, ...], whole: Sequence[CompleteRendition], wanted: Collection[str]
) -> RemainingRungs:
    """What is to be encoded beside renditions that are `whole`, which come in the order they were made.

    The first picture tells what the others would cost. A rung that saves too little is dropped, unless somebody asked
    for it by name (`wanted`).
    """
    pictures = [one for one in whole if one.kind is RenditionKind.VIDEO]
    copy = next((picture for picture in pictures if picture.origin is RenditionOrigin.COPY), None)
    names = {picture.name for picture in pictures}
    missing = [rung for rung in rungs_for(facts, rungs, copied=copy is not None) if rung.name not in names]
    dropped: list[PrunedRung] = []
    if pictures:
        _kept, dropped = prune_ladder(
            [rung for rung in missing if rung.name not in wanted], _known_rendition(pictures[0])
        )
    left_out = {one.rung.name for one in dropped}
    return RemainingRungs(
        rungs=[rung for rung in missing if rung.name not in left_out],
        dropped=dropped,
        target_duration_s=max((one.target_duration_s for one in whole), default=ENCODE_TARGET_S),
        grid=grid_for(copy.index if copy else None),
    )


def dropped_rung_message(one: PrunedRung) -> str:
    """What people are told of a rung that is not made."""
    rate, above = one.expected_bps // 1000, one.above_bps // 1000
    return f"{one.rung.name} is left out: {rate} kb/s would save little beside {one.above} at {above}."


def _known_rendition(picture: CompleteRendition) -> ReferenceRendition:
    # The ceiling of a copy is what its file says of itself, so it tells nothing about how easy the picture is.
    ceiling_bps = picture.ceiling_bps if picture.origin is RenditionOrigin.ENCODE else None
    return ReferenceRendition(
        picture.name, max(1, picture.pixels), picture.index.average_bps if picture.index else 0, ceiling_bps
    )
