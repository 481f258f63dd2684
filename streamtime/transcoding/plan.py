"""Plan the renditions of a source: which are copied or encoded, by which job, in how many passes, and what they cost.

All functions are pure; they depend on the probe result, the settings and the existing renditions.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
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
from streamtime.workers.protocol import CopyVideo, EncodeVideo, Package, PackageAudio, Resume


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


ENCODE_TARGET_S = TARGET_DURATION_S + 1
"""Cuts are asked for every four seconds, and fall on the next picture."""

AUDIO_CEILING_BPS = 192_000

LEAD_IN_SEGMENTS = 2
"""Pictures before a joint that a worker is to see: a segment has one at least, and decode times run two ahead."""

MAX_EXTRA_AUDIOS = 31
"""Each takes an output, a thread and a few megabytes of the worker."""


@dataclass(frozen=True, slots=True)
class PlannedRendition:
    """One rendition to make: its row to be, and the worker's order with its output number.

    `kept` is what an earlier attempt left of it, to be gone on with.
    """

    new: NewRendition
    order: CopyVideo | EncodeVideo | PackageAudio
    resumed: Rendition | None = None

    def with_output(self, output: int) -> "PlannedRendition":
        """The same with another output number."""
        return replace(self, order=msgspec.structs.replace(self.order, output=output))


def facts_of(video: Video) -> ProbeResult:
    """What the probe found.

    Raises:
        AttemptFailed: it has not been probed.
    """
    if video.source_facts is None:
        raise AttemptFailed("The file has not been looked at yet.", code="not_probed", retryable=False)
    return msgspec.msgpack.decode(video.source_facts, type=ProbeResult)


def format_time(time_ms: int) -> str:
    """A time of a video as people write it: 00:03:12."""
    seconds = time_ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def validated_index(new: NewRendition, index: SegmentIndex | None, bytes_total: int) -> SegmentIndex:
    """Give the index of a rendition that a worker calls finished, if it plays and keeps to its target duration.

    Raises:
        WorkerFailed: it does not; with `copy_unfit` or `audio_copy_unfit` where it was copied, to be encoded instead.
    """
    if index is None or index.bytes_total != bytes_total:
        raise RuntimeError("A worker's segments do not add up to what it says it wrote.")
    if index.plays and (new.origin is not RenditionOrigin.COPY or int(index.longest_s + 0.5) <= new.target_duration_s):
        return index
    if new.origin is not RenditionOrigin.COPY:
        raise WorkerFailed(UNPLAYABLE, UNPLAYABLE_MESSAGE, retryable=False)
    code = "copy_unfit" if new.kind is RenditionKind.VIDEO else "audio_copy_unfit"
    raise WorkerFailed(code, "It cannot be used as it is: its parts do not play.", retryable=False)


def resume_planned(plan: PlannedRendition, left: Sequence[Rendition]) -> PlannedRendition:
    """The same plan, from the last checkpoint of what an earlier attempt left of that very rendition, if any did."""
    new, order = plan.new, plan.order
    for rendition in left:
        index = rendition.checkpoint
        if isinstance(order, CopyVideo) or index is None or not index.segments:
            continue
        same = (rendition.kind, rendition.origin, rendition.name) == (new.kind, new.origin, new.name)
        if same and rendition.target_duration_s == new.target_duration_s:
            resume = Resume(
                segments=len(index.segments),
                init_length=index.init_length,
                bytes_total=index.bytes_total,
                starts=sum(segment.duration for segment in index.segments),
                lead_in=sum(segment.duration for segment in index.segments[:-LEAD_IN_SEGMENTS]),
                timescale=index.timescale,
            )
            new = replace(new, spool_key=rendition.key)
            return PlannedRendition(new, msgspec.structs.replace(order, resume=resume), rendition)
    return plan


def copied_name(facts: ProbeResult) -> str:
    """What a copied picture is called: by its short side, like the others."""
    return f"{min(facts.video.width, facts.video.height)}p"


def longest_segment_s(facts: ProbeResult, *, copied: bool) -> int:
    """The EXT-X-TARGETDURATION of everything that is made of one source: RFC 8216 section 6.2.4 wants one for all.

    A rung is cut at the first picture at or after the copied one's cut: a segment is a picture longer at most.
    """
    return facts.video.copy_target_duration_s + 1 if copied else ENCODE_TARGET_S


def plan_copy(facts: ProbeResult, key: str, output: int) -> PlannedRendition:
    """Take the picture over as it is."""
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
    """One sound track, copied where that can be; its playlist allows segments of `longest_s`."""
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
    """What the rendition of a sound track is called in its row."""
    return f"audio-{track.stream}"


def plan_rung(rung: PlannedRung, key: str, output: int, *, longest_s: int) -> PlannedRendition:
    """One encoded picture, whose segments last at most about `longest_s`."""
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
    """Several encoded pictures, made in one decode."""
    return [plan_rung(rung, new_key(".mp4"), output, longest_s=longest_s) for output, rung in enumerate(rungs)]


def plan_first(
    facts: ProbeResult, first: PlannedRung, new_key: Callable[[str], str], *, may_copy: bool, longest_s: int
) -> list[PlannedRendition]:
    """The first rung where nothing can be copied, and the sound that is heard first, in the same reading."""
    planned = [plan_rung(first, new_key(".mp4"), 0, longest_s=longest_s)]
    track = default_audio(facts)
    if track is not None:
        planned.append(plan_audio(track, new_key(".mp4"), 1, may_copy=may_copy, longest_s=longest_s))
    return planned


def remaining_planned(
    planned: Sequence[PlannedRendition], whole: Collection[tuple[RenditionKind, str]]
) -> list[PlannedRendition]:
    """What of a plan is not whole yet, numbered anew."""
    missing = [one for one in planned if (one.new.kind, one.new.name) not in whole]
    return [one.with_output(output) for output, one in enumerate(missing)]


def grid_for(copied: SegmentIndex | None) -> Grid:
    """Where all encoded pictures are cut: as the copied one is, else every few seconds."""
    return Grid.of_copy(copied) if copied else Grid.regular()


def encode_order(
    facts: ProbeResult, planned: Sequence[PlannedRendition], grid: Grid, *, measured: bool = False
) -> Package:
    """What a worker is asked for when pictures are to be encoded, and sound beside them, all in one decode.

    With `measured` the duration in `facts` is no claim of the file, but what a reading to its end has told.
    """
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        encodes=tuple(plan.order for plan in planned if isinstance(plan.order, EncodeVideo)),
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        grid=grid,
        duration_ms=facts.duration_ms,
        measured=measured,
    )


def stage_label(names: Iterable[str]) -> str:
    """What people are told while renditions of these names are made."""
    return " ".join(["Preparing", ", ".join(names)]).rstrip()


def default_audio(facts: ProbeResult) -> AudioInfo | None:
    """The sound track that is made first, and heard first: the default one, or the first."""
    return next((track for track in facts.audios if track.default), facts.audios[0] if facts.audios else None)


def extra_audios(facts: ProbeResult) -> list[AudioInfo]:
    """The sound tracks that are made when the video can be watched already."""
    first = default_audio(facts)
    return [track for track in facts.audios if track is not first][:MAX_EXTRA_AUDIOS]


def plan_extra_audios(
    facts: ProbeResult, whole: Collection[str], new_key: Callable[[str], str], *, may_copy: bool, longest_s: int
) -> list[PlannedRendition]:
    """The further sound tracks, but those whose names are `whole` already, made in one reading."""
    missing = [track for track in extra_audios(facts) if audio_name(track) not in whole]
    return [
        plan_audio(track, new_key(".mp4"), output, may_copy=may_copy, longest_s=longest_s, default=False)
        for output, track in enumerate(missing)
    ]


def audio_order(facts: ProbeResult, planned: Sequence[PlannedRendition]) -> Package:
    """What a worker is asked for when sound alone is made."""
    return Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        audios=tuple(plan.order for plan in planned if isinstance(plan.order, PackageAudio)),
        duration_ms=facts.duration_ms,
    )


def rungs_for(facts: ProbeResult, rungs: tuple[Rung, ...], *, copied: bool) -> tuple[PlannedRung, ...]:
    """The ladder under a copied picture, or the whole one."""
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
