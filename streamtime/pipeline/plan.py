"""Decides what is made of a source, and in which job: pure, from facts and settings."""

from dataclasses import dataclass, replace

from streamtime.hls.disk_cost import planned_bps, track_bytes
from streamtime.hls.ladder import PlannedRung, Rung, plan_ladder
from streamtime.hls.playlists import TARGET_DURATION_S
from streamtime.library.renditions import Kind, NewRendition, Origin
from streamtime.worker_protocol import AudioFacts, CopyVideo, EncodeVideo, PackageAudio, SourceFacts

ENCODE_TARGET_S = TARGET_DURATION_S + 1
"""Cuts are asked for every four seconds, and fall on the next picture."""

AUDIO_CEILING_BPS = 192_000


@dataclass(frozen=True, slots=True)
class Planned:
    """One rendition to make: its row to be, and the worker's order with its output number."""

    new: NewRendition
    order: CopyVideo | EncodeVideo | PackageAudio
    expected_bytes: int = 0
    """What it will take on disk, as far as one can tell beforehand; 0 where nobody asks."""


def copied_name(facts: SourceFacts) -> str:
    """What a copied picture is called: by its short side, like the others."""
    return f"{min(facts.video.width, facts.video.height)}p"


def plan_copy(facts: SourceFacts, key: str, output: int) -> Planned:
    """Take the picture over as it is."""
    new = NewRendition(
        kind=Kind.VIDEO,
        origin=Origin.COPY,
        name=copied_name(facts),
        target_duration_s=facts.video.copy_target_duration_s,
        ceiling_bps=facts.video.bitrate_bps,
        spool_key=key,
    )
    return Planned(new, CopyVideo(output=output))


def plan_audio(track: AudioFacts, key: str, output: int, *, may_copy: bool) -> Planned:
    """One sound track, copied where that can be."""
    copy = track.copyable and may_copy
    new = NewRendition(
        kind=Kind.AUDIO,
        origin=Origin.COPY if copy else Origin.ENCODE,
        name=f"audio-{track.stream}",
        target_duration_s=ENCODE_TARGET_S,
        ceiling_bps=AUDIO_CEILING_BPS,
        spool_key=key,
    )
    return Planned(new, PackageAudio(output=output, stream=track.stream, copy=copy))


def plan_rung(facts: SourceFacts, rung: PlannedRung, key: str, output: int, *, longest_s: int) -> Planned:
    """One encoded picture, whose segments last at most about `longest_s`."""
    new = NewRendition(
        kind=Kind.VIDEO,
        origin=Origin.ENCODE,
        name=rung.name,
        target_duration_s=longest_s,
        ceiling_bps=rung.maxrate_bps,
        spool_key=key,
    )
    return Planned(new, EncodeVideo(output=output, rung=rung), expected_bytes(facts, rung))


def expected_bytes(facts: SourceFacts, rung: PlannedRung) -> int:
    """What a rung of this source will take on disk; 0 where the file does not tell how long it is."""
    video = facts.video
    bps = planned_bps(rung, video.width, video.height, video.bitrate_bps or facts.bitrate_bps, video.codec)
    return track_bytes(bps, (facts.duration_ms or 0) / 1000)


def renumbered(plan: Planned, output: int) -> Planned:
    """The same rung as another output of an order."""
    order = plan.order
    return replace(plan, order=EncodeVideo(output, order.rung)) if isinstance(order, EncodeVideo) else plan


def chosen_audio(facts: SourceFacts) -> AudioFacts | None:
    """The sound track that is made: the default one, or the first."""
    return next((track for track in facts.audios if track.default), facts.audios[0] if facts.audios else None)


def rungs_for(facts: SourceFacts, rungs: tuple[Rung, ...], *, copied: bool) -> tuple[PlannedRung, ...]:
    """The ladder under a copied picture, or the whole one."""
    short_side = min(facts.video.width, facts.video.height)
    return plan_ladder(
        facts.video.width,
        facts.video.height,
        facts.video.fps,
        copied_height=short_side if copied else None,
        rungs=rungs,
    )
