"""Subtitles and chapters as a worker tells them: text is read, pictures are named, damage passed over."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from streamtime.captions.cue import Cue, Span
from streamtime.transcoding.subtitles import unsupported_subtitles
from streamtime.videos.chapters import chapters_of_file
from streamtime.workers.probe_result import ChapterInfo, ProbeResult, SubtitleInfo
from streamtime.workers.protocol import CuesRead, Package, ReadCaptions
from tests.clips import run_ffmpeg, truncate_clip
from tests.multitrack_clip import make_multitrack_clip
from tests.unit.media.worker_harness import LAUNCHER, facts_of

GREETING = Span("Good "), Span("morning", italic=True), Span(" & welcome")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_multitrack_clip(tmp_path_factory.mktemp("film") / "film.mkv")


async def cues_of(path: Path) -> tuple[ProbeResult, dict[int, list[Cue]]]:
    descriptor = os.open(path, os.O_RDONLY)
    cues: dict[int, list[Cue]] = {}
    last: list[int] = []
    try:
        async with LAUNCHER.launch(descriptor) as worker:
            facts = await worker.probe()
            wanted = tuple(ReadCaptions(track.stream) for track in facts.subtitles if track.is_text)
            async for message in worker.package(Package(origin_us=facts.origin_us, captions=wanted), []):
                if isinstance(message, CuesRead):
                    assert message.stream not in last
                    cues.setdefault(message.stream, []).extend(message.cues)
                    last += [message.stream] if message.last else []
    finally:
        os.close(descriptor)
    assert sorted(last) == sorted(track.stream for track in wanted)
    return facts, cues


@pytest.mark.parametrize(("name", "codec"), [("film.mp4", "mov_text"), ("film.webm.mkv", "webvtt")])
async def test_text_of_every_container_is_read(film: Path, tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    run_ffmpeg("-i", str(film), "-map", "0:v", "-map", "0:s:0", "-map", "0:a", "-c", "copy", "-c:s", codec, str(path))
    facts, cues = await cues_of(path)
    ((stream, found),) = cues.items()
    assert [(track.stream, track.codec, track.language) for track in facts.subtitles] == [(stream, codec, "eng")]
    assert found[0] == Cue(500, 2500, GREETING)
    assert [(chapter.start_ms, chapter.title) for chapter in facts.chapters] == [
        (0, "Opening"),
        (2000, "<b>Middle</b> & more"),
        (4000, "End"),
    ]


async def test_times_begin_with_the_first_picture(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    run_ffmpeg("-itsoffset", "3", "-i", str(film), "-map", "0", "-c", "copy", "-copyts", str(path))
    facts, cues = await cues_of(path)
    assert facts.origin_us == pytest.approx(3_000_000, abs=1000)
    assert [found[0].start_ms for found in cues.values()] == pytest.approx([500, 500], abs=1)


async def test_what_a_broken_off_file_has_is_read(film: Path, tmp_path: Path) -> None:
    path = truncate_clip(film, 0.6, tmp_path / "short.mkv")
    _, cues = await cues_of(path)
    assert [found[0].text for found in cues.values()] == ["Good morning & welcome", "Guten Morgen\nund willkommen"]


async def test_pictures_are_named_and_not_read(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "pictures.mkv"
    with av.open(film) as source, av.open(path, "w") as made:
        picture = made.add_stream_from_template(source.streams.video[0])
        subtitles = made.add_stream("dvdsub")
        subtitles.metadata["language"] = "ger"
        shown = av.Packet(b"\0\x10" + bytes(14))
        shown.pts = shown.dts = 0
        shown.duration, shown.time_base, shown.stream = 1000, Fraction(1, 1000), subtitles
        made.mux(shown)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture
                made.mux(packet)
    facts = await facts_of(path)
    assert [(track.codec, track.is_text) for track in facts.subtitles] == [("dvd_subtitle", False)]
    assert (
        unsupported_subtitles(facts) == "One subtitle track is made of pictures, not text, and cannot be shown: German."
    )


async def test_chapters_without_a_title_have_a_number(film: Path) -> None:
    facts = await facts_of(film)
    assert unsupported_subtitles(facts) is None
    two = (ChapterInfo(0, 10, "  \n"), ChapterInfo(10, 20, "A\tB"))
    bare = ProbeResult(facts.container, None, 0, None, facts.video, (), (), chapters=two)
    assert [chapter.title for chapter in chapters_of_file(bare)] == ["Chapter 1", "A B"]
    pictures = (SubtitleInfo(2, "dvd_subtitle", False, None, None, False),) * 2
    many = ProbeResult(facts.container, None, 0, None, facts.video, (), (), subtitles=pictures)
    assert (
        unsupported_subtitles(many)
        == "2 subtitle tracks are made of pictures, not text, and cannot be shown: unknown, unknown."
    )
