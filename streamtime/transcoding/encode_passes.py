"""What a ladder costs, and how it is made within a budget of memory: in one decode where it fits, else in several.

Pure: from facts and settings.
"""

from collections.abc import Sequence

from streamtime.hls.ladder import PlannedRung, SourceSize, encode_memory_bytes, planned_bps, track_bytes
from streamtime.videos.job_kinds import EncodeEstimate
from streamtime.workers.probe_result import ProbeResult


def source_of(facts: ProbeResult) -> SourceSize:
    """What of a source decides how much memory decoding it takes."""
    video = facts.video
    return SourceSize(video.stored_width, video.stored_height, video.bit_depth)


def estimate_encode(
    facts: ProbeResult, rungs: Sequence[PlannedRung], sounds: Sequence[str], budget_bytes: int
) -> EncodeEstimate:
    """What encoding these rungs, and other sound tracks of these names, will cost."""
    source = source_of(facts)
    return EncodeEstimate(
        names=[*(rung.name for rung in rungs), *sounds],
        disk_bytes=sum(rung_bytes(facts, rung) for rung in rungs),
        memory_bytes=peak_memory(source, rungs, budget_bytes),
        passes=len(split_passes(source, rungs, budget_bytes)),
    )


def rung_bytes(facts: ProbeResult, rung: PlannedRung) -> int:
    """What a rung of this source will take on disk; 0 where the file does not tell how long it is."""
    video = facts.video
    bps = planned_bps(rung, video.width, video.height, video.bitrate_bps or facts.bitrate_bps, video.codec)
    return track_bytes(bps, (facts.duration_ms or 0) / 1000)


def split_passes(source: SourceSize, rungs: Sequence[PlannedRung], budget_bytes: int) -> list[list[PlannedRung]]:
    """Share rungs, the largest first, out to as few encodes as keep within the budget.

    A rung that is over it by itself gets an encode of its own: it is made all the same, alone.
    """
    made: list[list[PlannedRung]] = []
    for rung in rungs:
        if made and encode_memory_bytes(source, [*made[-1], rung]) <= budget_bytes:
            made[-1].append(rung)
        else:
            made.append([rung])
    return made


def peak_memory(source: SourceSize, rungs: Sequence[PlannedRung], budget_bytes: int) -> int:
    """The most memory that any of the passes takes: what the job weighs in its lane."""
    return max((encode_memory_bytes(source, part) for part in split_passes(source, rungs, budget_bytes)), default=0)
