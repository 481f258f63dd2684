"""What broke off is gone on with so that nobody can tell: same times, no picture missing or doubled, same sound."""

import io
import os
import struct
from array import array
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import pytest

from streamtime.hls.ladder import PlannedRung, plan_ladder
from streamtime.hls.segment_index import SegmentIndex
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.protocol import (
    EncodeVideo,
    OrderDone,
    Package,
    PackageAudio,
    RenditionFinished,
    Resume,
    SegmentWritten,
)
from tests.clips import make_clip
from tests.unit.media.worker_harness import LAUNCHER, Rendition, facts_of, make, picture_times_s, whole_ladder


async def whole(
    source: Path, folder: Path, *, copy_audio: bool | None = None
) -> tuple[list[PlannedRung], list[Rendition]]:
    """All rungs and the sound, made without a break."""
    made = await make(source, folder, rungs=whole_ladder, copy_audio=copy_audio)
    return list(whole_ladder(made.facts)), [made.renditions[number] for number in sorted(made.renditions)]


def cut_back(rendition: Rendition, segments: int) -> Resume:
    """Leave only some segments in its file: that is what a checkpoint keeps."""
    index = rendition.index
    kept = SegmentIndex(index.timescale, index.init_length, index.segments[:segments])
    os.truncate(rendition.path, kept.bytes_total)
    starts = sum(segment.duration for segment in kept.segments)
    lead_in = sum(segment.duration for segment in kept.segments[:-2])
    return Resume(segments, index.init_length, kept.bytes_total, starts, lead_in, index.timescale)


async def go_on(
    source: Path, rungs: list[PlannedRung], renditions: list[Rendition], kept: list[Resume], *, copy_audio: bool = False
) -> list[list[int]]:
    """Have a worker finish the files; the durations of the segments it added, for each."""
    facts = await facts_of(source)
    encodes = [EncodeVideo(number, rung, kept[number]) for number, rung in enumerate(rungs)]
    sounds = [
        PackageAudio(number, facts.audios[0].stream, copy_audio, kept[number])
        for number in range(len(rungs), len(renditions))
    ]
    order = Package(
        origin_us=facts.origin_us,
        video_stream=facts.video.stream,
        duration_ms=facts.duration_ms,
        encodes=tuple(encodes),
        audios=tuple(sounds),
    )
    descriptor = os.open(source, os.O_RDONLY)
    outputs = [os.open(rendition.path, os.O_RDWR) for rendition in renditions]
    added: list[list[int]] = [[] for _ in renditions]
    finished = []
    try:
        async with LAUNCHER.launch(descriptor) as worker:
            async for message in worker.package(order, outputs):
                match message:
                    case SegmentWritten():
                        added[message.output].append(message.duration)
                    case RenditionFinished():
                        finished.append(message.output)
                        assert message.bytes_total == renditions[message.output].path.stat().st_size
                    case OrderDone():
                        assert message.damaged_after_ms is None
    finally:
        for number in [descriptor, *outputs]:
            os.close(number)
    assert sorted(finished) == list(range(len(renditions)))
    return added


def decode_times(data: bytes) -> list[int]:
    """The first decode time of every fragment, in the order of the file."""
    times, at = [], 0
    while (at := data.find(b"tfdt", at)) >= 0:
        times.append(struct.unpack_from(">Q", data, at + 8)[0])
        at += 4
    return times


def sound(data: bytes) -> list[float]:
    """All samples of the left channel."""
    with av.open(io.BytesIO(data), "r") as container:
        found = array("f")
        for frame in container.decode(audio=0):
            found.frombytes(bytes(frame.planes[0])[: frame.samples * 4])
        return list(found)


def loudest_difference(one: bytes, other: bytes, around: int) -> float:
    """How far two sounds are apart in the second before and after a sample: a shift of one sample is heard at once."""
    window = slice(around - 48_000, around + 48_000)
    return max(abs(a - b) for a, b in zip(sound(one)[window], sound(other)[window], strict=True))


def samples(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r") as container:
        return sum(frame.samples for frame in container.decode(audio=0))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("long.mkv", {"video": "hevc", "audio": "ac3", "gop_s": 3}),
        ("uneven.webm", {"video": "vp9", "audio": "opus", "fps": "30000/1001", "gop_s": 5}),
        ("open.mp4", {"open_gop": True, "b_frames": 3, "gop_s": 5}),
        ("fields.ts", {"gop_s": 2, "interlaced": True, "audio": "mp3"}),
    ],
)
async def test_a_ladder_goes_on_from_each_rungs_last_segment(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    source = make_clip(tmp_path / name, **{"duration_s": 13, "width": 480, "height": 360, **options})  # type: ignore[arg-type]  # a table
    rungs, renditions = await whole(source, tmp_path, copy_audio=False)
    before = [(rendition.data, rendition.index) for rendition in renditions]
    kept = [cut_back(rendition, segments) for rendition, segments in zip(renditions, (3, 2, 2), strict=True)]
    added = await go_on(source, rungs, renditions, kept)
    for rendition, (data, index), resume, durations in zip(renditions, before, kept, added, strict=True):
        assert rendition.data[: resume.bytes_total] == data[: resume.bytes_total], "what was published stays"
        assert durations == [segment.duration for segment in index.segments[resume.segments :]]
        assert decode_times(rendition.data) == decode_times(data)
    for rendition, (data, _) in zip(renditions[:-1], before, strict=False):
        assert picture_times_s(rendition.data) == picture_times_s(data)
    assert samples(renditions[-1].data) == samples(before[-1][0])
    if source.suffix in {".mp4", ".ts"}:  # the others round times to milliseconds: a jump may be off by as much
        joint = int(kept[-1].starts_s * 48_000)
        assert loudest_difference(renditions[-1].data, before[-1][0], joint) < 0.03


async def test_a_copied_sound_goes_on_packet_by_packet(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=13, width=320, height=240, video="vp9", audio="aac")
    rungs, renditions = await whole(source, tmp_path, copy_audio=True)
    before = [rendition.data for rendition in renditions]
    kept = [cut_back(rendition, 3) for rendition in renditions]
    await go_on(source, rungs, renditions, kept, copy_audio=True)
    assert renditions[-1].data == before[-1]
    assert picture_times_s(renditions[0].data) == picture_times_s(before[0])


async def test_a_long_still_goes_on_with_the_picture_before(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=60, fps="1/10", width=320, height=240, gop_s=60, audio=None)
    rungs, renditions = await whole(source, tmp_path)
    before, starts_s = renditions[0].data, renditions[0].starts_s
    kept = [cut_back(rendition, 9) for rendition in renditions]
    assert kept[0].starts_s == starts_s[9]
    assert starts_s[9] % 10 > Fraction(1), "it broke off in the middle of a still"
    await go_on(source, rungs, renditions, kept)
    assert picture_times_s(renditions[0].data) == picture_times_s(before)


async def test_what_was_whole_but_for_its_end_is_ended(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=9, width=320, height=240, video="vp9", audio="ac3")
    rungs, renditions = await whole(source, tmp_path)
    before = [rendition.data for rendition in renditions]
    kept = [cut_back(rendition, len(rendition.index.segments)) for rendition in renditions]
    assert await go_on(source, rungs, renditions, kept) == [[], []]
    assert [rendition.data for rendition in renditions] == before


async def test_other_settings_are_noticed_and_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=9, width=320, height=240, video="vp9", audio=None)
    _, renditions = await whole(source, tmp_path)
    other = plan_ladder(300, 240, Fraction(25))
    with pytest.raises(WorkerFailed) as caught:
        await go_on(source, list(other), renditions, [cut_back(renditions[0], 1)])
    assert caught.value.code == "resume_unfit"


async def test_a_joint_where_no_picture_is_is_noticed(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", duration_s=13, width=320, height=240, video="vp9", audio=None)
    rungs, renditions = await whole(source, tmp_path)
    kept = cut_back(renditions[0], 3)
    beyond = msgspec.structs.replace(kept, starts=kept.starts + 16)
    with pytest.raises(WorkerFailed) as caught:
        await go_on(source, rungs, renditions, [beyond])
    assert caught.value.code == "resume_unfit"
