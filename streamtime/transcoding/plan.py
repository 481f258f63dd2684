"""Plan the renditions of a source: which are copied or encoded, by which job, in how many passes, and what they cost.

All functions are pure; they depend on the probe result, the settings and the existing renditions.
"""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from streamtime.hls.ladder import (
    PlannedRung,
    PrunedRung,
    ReferenceRendition,
    Rung,
    SourceSize,
    encode_memory_bytes,
    plan_ladder,
    planned_bps,
    prune_ladder,
    track_bytes,
)
from streamtime.hls.playlists import TARGET_DURATION_S
from streamtime.hls.segment_index import Grid, SegmentIndex
from streamtime.jobs.job import AttemptFailed
from streamtime.languages import bcp47
from streamtime.transcoding.subtitles import audio_label
from streamtime.videos.job_kinds import EncodeEstimate
from streamtime.videos.playability import UNPLAYABLE, UNPLAYABLE_MESSAGE
from streamtime.videos.renditions import AudioTrack, NewRendition, Rendition, RenditionKind, RenditionOrigin
from streamtime.videos.video import Video
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.probe_result import AudioInfo, ProbeResult
from streamtime.workers.protocol import CopyVideo, EncodeVideo, PackageAudio


def source_of(facts: ProbeResult) -> SourceSize:
    """What of a source decides how much memory decoding it takes."""
    video = facts.video
    return SourceSize(video.stored_width, video.stored_height, video.bit_depth)


def estimate_encode(
    facts: ProbeResult, rungs: Sequence[PlannedRung], audio_names: Sequence[str], budget_bytes: int
) -> EncodeEstimate:
    """Estimate the cost of encoding these rungs, beside audio tracks with these names."""
    source = source_of(facts)
    return EncodeEstimate(
        names=[*(rung.name for rung in rungs), *audio_names],
        disk_bytes=sum(rung_bytes(facts, rung) for rung in rungs),
        memory_bytes=peak_memory(source, rungs, budget_bytes),
        passes=len(split_passes(source, rungs, budget_bytes)),
    )


def rung_bytes(facts: ProbeResult, rung: PlannedRung) -> int:
    """Estimate the size of a rung on disk; 0 if the duration is unknown."""
    video = facts.video
    bps = planned_bps(rung, video.width, video.height, video.bitrate_bps or facts.bitrate_bps, video.codec)
    return track_bytes(bps, (facts.duration_ms or 0) / 1000)


def split_passes(source: SourceSize, rungs: Sequence[PlannedRung], budget_bytes: int) -> list[list[PlannedRung]]:
    """Distribute the rungs, largest first, over as few passes as fit the memory budget.

    A rung that exceeds the budget alone gets its own pass.
    """
    made: list[list[PlannedRung]] = []
    for rung in rungs:
        if made and encode_memory_bytes(source, [*made[-1], rung]) <= budget_bytes:
            made[-1].append(rung)
        else:
            made.append([rung])
    return made


def peak_memory(source: SourceSize, rungs: Sequence[PlannedRung], budget_bytes: int) -> int:
    """Return the peak memory of the largest pass, which is the job's weight in its queue."""
    return max((encode_memory_bytes(source, part) for part in split_passes(source, rungs, budget_bytes)), default=0)


ENCODE_TARGET_S = TARGET_DURATION_S + 1
"""Cuts are requested every four seconds and made at the next frame."""

AUDIO_CEILING_BPS = 192_000

MAX_EXTRA_AUDIOS = 31
"""Each needs an output, a thread and a few megabytes in the worker."""


@dataclass(frozen=True, slots=True)
class PlannedRendition:
    """A rendition to make: its future row, and the worker's order with its output number.

    `resumed` is the unfinished rendition of an earlier attempt to resume.
    """

    new: NewRendition
    order: CopyVideo | EncodeVideo | PackageAudio
    resumed: Rendition | None = None

    def with_output(self, output: int) -> "PlannedRendition":
        """Return a copy with another output number."""
        return replace(self, order=msgspec.structs.replace(self.order, output=output))


def facts_of(video: Video) -> ProbeResult:
    """Return the saved probe result.

    Raises:
        AttemptFailed: the video was not probed.
    """
    if video.source_facts is None:
        raise AttemptFailed("The file has not been examined yet.", code="not_probed", retryable=False)
    return msgspec.msgpack.decode(video.source_facts, type=ProbeResult)


def format_time(time_ms: int) -> str:
    """Format a time of a video as 00:03:12."""
    seconds = time_ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def validated_index(new: NewRendition, index: SegmentIndex | None, bytes_total: int) -> SegmentIndex:
    """Return the index of a finished rendition if it plays and its segments keep the target duration.

    Raises:
        WorkerFailed: it does not. The code is `copy_unfit` or `audio_copy_unfit` if it was copied: encode it instead.
    """
    if index is None or index.bytes_total != bytes_total:
        raise RuntimeError("A worker's segments do not add up to the bytes that it reported.")
    if index.plays and (new.origin is not RenditionOrigin.COPY or int(index.longest_s + 0.5) <= new.target_duration_s):
        return index
    if new.origin is not RenditionOrigin.COPY:
        raise WorkerFailed(UNPLAYABLE, UNPLAYABLE_MESSAGE, retryable=False)
    code = "copy_unfit" if new.kind is RenditionKind.VIDEO else "audio_copy_unfit"
    raise WorkerFailed(code, "It cannot be used as it is: its parts do not play.", retryable=False)


def copied_name(facts: ProbeResult) -> str:
    """Return the name of a copied video rendition, by its short side like the encoded ones."""
    return f"{min(facts.video.width, facts.video.height)}p"


def longest_segment_s(facts: ProbeResult, *, copied: bool) -> int:
    """Return the EXT-X-TARGETDURATION of all renditions of a source, which must be equal (RFC 8216 section 6.2.4).

    A rung is cut at the first frame at or after the cut of the copied rendition, so its segments are at most one frame
    longer.
    """
    return facts.video.copy_target_duration_s + 1 if copied else ENCODE_TARGET_S


def plan_copy(facts: ProbeResult, key: str, output: int) -> PlannedRendition:
    """Plan a copy of the video track."""
    new = NewRendition(
        kind=RenditionKind.VIDEO,
        origin=RenditionOrigin.COPY,
        name=copied_name(facts),
        target_duration_s=longest_segment_s(facts, copied=True),
        ceiling_bps=facts.video.bitrate_bps,
        spool_key=key,
    )
    return PlannedRendition(new, CopyVideo(output=output))


def plan_audio(
    track: AudioInfo, key: str, output: int, *, may_copy: bool, longest_s: int, default: bool = True
) -> PlannedRendition:
    """Plan an audio track, copied if possible. `longest_s` is its target duration."""
    copy = track.copyable and may_copy
    new = NewRendition(
        kind=RenditionKind.AUDIO,
        origin=RenditionOrigin.COPY if copy else RenditionOrigin.ENCODE,
        name=audio_name(track),
        target_duration_s=longest_s,
        ceiling_bps=AUDIO_CEILING_BPS,
        spool_key=key,
        audio=AudioTrack(bcp47(track.language), audio_label(track), default),
    )
    return PlannedRendition(new, PackageAudio(output=output, stream=track.stream, copy=copy))


def audio_name(track: AudioInfo) -> str:
    """Return the name of an audio rendition."""
    return f"audio-{track.stream}"


def copies_video(facts: ProbeResult, copies: Container[RenditionKind]) -> bool:
    """Return whether the video can be copied; `copies` are the kinds that may be."""
    return facts.video.copyable and RenditionKind.VIDEO in copies


def plan_missing(
    facts: ProbeResult,
    complete: Sequence["CompleteRendition"],
    copies: Container[RenditionKind],
    new_key: Callable[[str], str],
) -> list[PlannedRendition]:
    """Plan the copies that are missing in `complete`; none if the video must be encoded, which makes the audio too."""
    if not copies_video(facts, copies):
        return []
    planned: list[PlannedRendition] = []
    if not any(one.kind is RenditionKind.VIDEO for one in complete):
        planned.append(plan_copy(facts, new_key(".mp4"), 0))
    track = default_audio(facts)
    if track is not None and audio_name(track) not in {one.name for one in complete}:
        longest_s = longest_segment_s(facts, copied=True)
        may_copy = RenditionKind.AUDIO in copies
        planned.append(plan_audio(track, new_key(".mp4"), len(planned), may_copy=may_copy, longest_s=longest_s))
    return planned


def plan_rung(rung: PlannedRung, key: str, output: int, *, longest_s: int) -> PlannedRendition:
    """Plan an encoded rung. `longest_s` is its target duration."""
    new = NewRendition(
        kind=RenditionKind.VIDEO,
        origin=RenditionOrigin.ENCODE,
        name=rung.name,
        target_duration_s=longest_s,
        ceiling_bps=rung.maxrate_bps,
        spool_key=key,
    )
    return PlannedRendition(new, EncodeVideo(output=output, rung=rung))


def plan_rungs(
    rungs: Iterable[PlannedRung], new_key: Callable[[str], str], *, longest_s: int
) -> list[PlannedRendition]:
    """Plan several rungs, encoded in one pass."""
    return [plan_rung(rung, new_key(".mp4"), output, longest_s=longest_s) for output, rung in enumerate(rungs)]


def plan_first(
    facts: ProbeResult, first: PlannedRung, new_key: Callable[[str], str], *, may_copy: bool, longest_s: int
) -> list[PlannedRendition]:
    """Plan the first rung and the default audio track of a source that can't be copied."""
    planned = [plan_rung(first, new_key(".mp4"), 0, longest_s=longest_s)]
    track = default_audio(facts)
    if track is not None:
        planned.append(plan_audio(track, new_key(".mp4"), 1, may_copy=may_copy, longest_s=longest_s))
    return planned


def remaining_planned(
    planned: Sequence[PlannedRendition], complete: Collection[tuple[RenditionKind, str]]
) -> list[PlannedRendition]:
    """Return the planned renditions that are not complete, with new output numbers."""
    missing = [one for one in planned if (one.new.kind, one.new.name) not in complete]
    return [one.with_output(output) for output, one in enumerate(missing)]


def grid_for(copied: SegmentIndex | None) -> Grid:
    """Return the cut points of all encoded renditions: those of the copied rendition, or regular ones."""
    return Grid.of_copy(copied) if copied else Grid.regular()


def stage_label(names: Iterable[str]) -> str:
    """Return the stage text shown while these renditions are made."""
    return " ".join(["Preparing", ", ".join(names)]).rstrip()


def default_audio(facts: ProbeResult) -> AudioInfo | None:
    """Return the default audio track, or the first one."""
    return next((track for track in facts.audios if track.default), facts.audios[0] if facts.audios else None)


def extra_audios(facts: ProbeResult) -> list[AudioInfo]:
    """Return the other audio tracks, which are made once the video is playable."""
    first = default_audio(facts)
    return [track for track in facts.audios if track is not first][:MAX_EXTRA_AUDIOS]


def plan_extra_audios(
    facts: ProbeResult, complete: Collection[str], new_key: Callable[[str], str], *, may_copy: bool, longest_s: int
) -> list[PlannedRendition]:
    """Plan the other audio tracks, without those whose names are in `complete`, in one pass."""
    missing = [track for track in extra_audios(facts) if audio_name(track) not in complete]
    return [
        plan_audio(track, new_key(".mp4"), output, may_copy=may_copy, longest_s=longest_s, default=False)
        for output, track in enumerate(missing)
    ]


def rungs_for(facts: ProbeResult, rungs: tuple[Rung, ...], *, copied: bool) -> tuple[PlannedRung, ...]:
    """Return the ladder of a source; only the rungs below the copy if the video is copied."""
    short_side = min(facts.video.width, facts.video.height)
    return plan_ladder(
        facts.video.width,
        facts.video.height,
        facts.video.fps,
        copied_height=short_side if copied else None,
        rungs=rungs,
    )


@dataclass(frozen=True, slots=True)
class CompleteRendition:
    """The properties of a complete rendition that decide about others. `pixels` is its frame size, 0 for audio."""

    kind: RenditionKind
    origin: RenditionOrigin
    name: str
    target_duration_s: int
    ceiling_bps: int | None
    index: SegmentIndex | None
    pixels: int


@dataclass(frozen=True, slots=True)
class RemainingRungs:
    """The rungs to make, the pruned ones, the target duration and the cut points."""

    rungs: list[PlannedRung]
    dropped: list[PrunedRung]
    target_duration_s: int
    grid: Grid


def plan_remaining(
    facts: ProbeResult, rungs: tuple[Rung, ...], complete: Sequence[CompleteRendition], wanted: Collection[str]
) -> RemainingRungs:
    """Plan the rungs to encode beside the complete renditions in `complete`, which are in the order they were made.

    The bit rate of the first video rendition predicts that of the others. A rung that saves too little is pruned,
    unless its name is in `wanted`.
    """
    videos = [one for one in complete if one.kind is RenditionKind.VIDEO]
    copy = next((video for video in videos if video.origin is RenditionOrigin.COPY), None)
    names = {video.name for video in videos}
    missing = [rung for rung in rungs_for(facts, rungs, copied=copy is not None) if rung.name not in names]
    dropped: list[PrunedRung] = []
    if videos:
        _kept, dropped = prune_ladder(
            [rung for rung in missing if rung.name not in wanted], _known_rendition(videos[0])
        )
    left_out = {one.rung.name for one in dropped}
    return RemainingRungs(
        rungs=[rung for rung in missing if rung.name not in left_out],
        dropped=dropped,
        target_duration_s=max((one.target_duration_s for one in complete), default=ENCODE_TARGET_S),
        grid=grid_for(copy.index if copy else None),
    )


def dropped_rung_message(one: PrunedRung) -> str:
    """Return the message about a pruned rung."""
    rate, above = one.expected_bps // 1000, one.above_bps // 1000
    return f"{one.rung.name} is left out: {rate} kb/s would save little beside {one.above} at {above}."


def _known_rendition(video: CompleteRendition) -> ReferenceRendition:
    # The ceiling of a copy is the bit rate in its metadata, so it says nothing about the complexity of the video.
    ceiling_bps = video.ceiling_bps if video.origin is RenditionOrigin.ENCODE else None
    return ReferenceRendition(
        video.name, max(1, video.pixels), video.index.average_bps if video.index else 0, ceiling_bps
    )
