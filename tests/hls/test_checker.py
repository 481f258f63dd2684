"""Tests of the checker: it accepts a valid folder, and reports the faults of a broken one."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hls.boxes import boxes, find, read_init, read_segment
from tests.hls.checker import check
from tests.hls.findings import Findings
from tests.hls.growth import Growth
from tests.hls.packaging import packaged

Break = Callable[[Path], None]


@pytest.fixture(scope="session")
def good(ladder_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copied video, one rung and audio, in two segments each."""
    return packaged(ladder_clip, tmp_path_factory.mktemp("good") / "film")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy of the valid folder, to be broken."""
    return shutil.copytree(good, tmp_path / "film")


def said(folder: Path) -> str:
    return "\n".join(map(str, check(folder)))


def test_a_valid_folder_has_no_faults(good: Path) -> None:
    assert check(good) == []


def edit(name: str, old: str, new: str) -> Break:
    def broken(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return broken


def patch(name: str, change: Callable[[bytearray, bytes], None]) -> Break:
    """Change the bytes of a segment, with its init segment."""

    def broken(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        change(data, (folder / name).with_name("init.mp4").read_bytes())
        (folder / name).write_bytes(data)

    return broken


def late(by_s: float) -> Callable[[bytearray, bytes], None]:
    def change(data: bytearray, init: bytes) -> None:
        for tfdt in find(bytes(data), "moof/traf/tfdt"):
            wide = ">Q" if data[tfdt.start] == 1 else ">I"
            (time,) = struct.unpack_from(wide, data, tfdt.start + 4)
            struct.pack_into(wide, data, tfdt.start + 4, time + round(by_s * read_init(init).timescale))

    return change


def turn_keyframe(data: bytearray, init: bytes) -> None:
    """Turn the IDR slices of the first frame into ordinary ones."""
    first = read_segment(bytes(data), read_init(init), "", Findings())[0]
    at = first.at
    while at < first.at + first.size:
        if data[at + 4] & 0x1F == 5:
            data[at + 4] -= 4
        at += 4 + int.from_bytes(data[at : at + 4])


def unmark_keyframe(data: bytearray, _init: bytes) -> None:
    """Mark the first sample as dependent on others."""
    (trun,) = find(bytes(data), "moof/traf/trun")
    assert data[trun.start + 3] & 0x4, "the first sample has flags of its own"
    struct.pack_into(">I", data, trun.start + 12, 0x01010000)


def spoil(data: bytearray, init: bytes) -> None:
    """Overwrite a frame in the middle with noise."""
    sample = read_segment(bytes(data), read_init(init), "", Findings())[10]
    for at in range(sample.at + 5, sample.at + sample.size):
        data[at] ^= 0x5A


def cut_off(data: bytearray, _init: bytes) -> None:
    del data[-100:]


def drop_fragment(data: bytearray, _init: bytes) -> None:
    (mdat,) = [box for box in boxes(bytes(data), 0, len(data)) if box.kind == b"mdat"]
    del data[mdat.at :]


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def swap(one: str, other: str) -> Break:
    def broken(folder: Path) -> None:
        (folder / one).rename(folder / "aside")
        (folder / other).rename(folder / one)
        (folder / "aside").rename(folder / other)

    return broken


SMALL = "240p/playlist.m3u8"
MASTER = "master.m3u8"


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param(edit(MASTER, 'CODECS="avc1.64', 'CODECS="avc1.42'), "CODECS says", id="codec-of-the-picture"),
        pytest.param(edit(MASTER, "mp4a.40.2", "mp4a.40.5"), "CODECS says", id="codec-of-the-sound"),
        pytest.param(edit(MASTER, "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=1"), "AVERAGE-BANDWIDTH", id="average"),
        pytest.param(edit(MASTER, "INF:BANDWIDTH=", "INF:BANDWIDTH=100,X="), "its peak is", id="bandwidth"),
        pytest.param(edit(MASTER, "640x360", "640x480"), "RESOLUTION says", id="resolution"),
        pytest.param(edit(MASTER, "25.000", "30.000"), "FRAME-RATE says", id="frame-rate"),
        pytest.param(edit(MASTER, "240p/", "241p/"), "cannot be had", id="variant-that-is-not-there"),
        pytest.param(edit(MASTER, "#EXT-X-INDEPENDENT-SEGMENTS\n", ""), "INDEPENDENT", id="independent-in-master"),
        pytest.param(edit(MASTER, 'AUDIO="audio"', 'AUDIO="sound"'), "which is empty", id="group"),
        pytest.param(edit(SMALL, "#EXT-X-ENDLIST\n", ""), "no EXT-X-ENDLIST", id="no-end"),
        pytest.param(edit(SMALL, "DURATION:5", "DURATION:3"), "over EXT-X-TARGET", id="target"),
        pytest.param(edit(SMALL, "DURATION:5", "DURATION:6"), "durations differ", id="targets"),
        pytest.param(edit(SMALL, "#EXTINF:4.000000", "#EXTINF:3.900000"), "EXTINF says 3.9", id="extinf"),
        pytest.param(edit(SMALL, "1.m4s", "0.m4s"), "the same URI", id="same-segment-twice"),
        pytest.param(edit(SMALL, "#EXT-X-VERSION:7", "#EXT-X-VERSION:3"), "VERSION 6", id="version"),
        pytest.param(edit(SMALL, "#EXTM3U", "#EXTM3U8"), "begin with #EXTM3U", id="first-line"),
        pytest.param(edit(SMALL, "#EXTINF:4.000000,", "#EXTINF:4.000000"), "not well formed", id="extinf-comma"),
        pytest.param(edit(SMALL, 'MAP:URI="init.mp4"', "MAP:URI=init.mp4"), "URI cannot be", id="unquoted"),
        pytest.param(edit(SMALL, "#EXT-X-MAP", "#EXT-X-MUP"), "does not belong", id="unknown-tag"),
        pytest.param(patch("240p/1.m4s", late(0.5)), "its tfdt is +0.5000 s off", id="tfdt"),
        pytest.param(patch("240p/1.m4s", late(-4)), "its tfdt is -4.0000 s off", id="tfdt-back"),
        pytest.param(patch("audio-1/1.m4s", late(0.1)), "its tfdt is +0.1000 s off", id="sound-with-a-hole"),
        pytest.param(patch("240p/1.m4s", turn_keyframe), "no IDR", id="no-keyframe"),
        pytest.param(patch("240p/1.m4s", unmark_keyframe), "does not begin with a keyframe", id="unmarked-keyframe"),
        pytest.param(patch("360p/0.m4s", spoil), "decoded", id="spoilt-picture"),
        pytest.param(patch("240p/0.m4s", cut_off), "cannot be used", id="cut-off"),
        pytest.param(patch("240p/0.m4s", drop_fragment), "cannot be used", id="no-mdat"),
        pytest.param(remove("240p/1.m4s"), "240p/1.m4s: the segment cannot be used", id="missing-segment"),
        pytest.param(remove("audio-1/init.mp4"), "the init segment cannot be used", id="missing-init"),
        pytest.param(remove(MASTER), "it cannot be had", id="missing-master"),
        pytest.param(swap("240p/0.m4s", "240p/1.m4s"), "its tfdt is", id="swapped-segments"),
        pytest.param(swap("240p/init.mp4", "360p/init.mp4"), "CODECS says", id="swapped-init"),
    ],
)
def test_each_fault_is_reported(folder: Path, broken: Break, words: str) -> None:
    broken(folder)
    assert words in said(folder)


def test_renditions_with_different_cuts_are_reported(folder: Path) -> None:
    for name in ("0.m4s", "1.m4s"):
        patch(f"240p/{name}", late(0.2))(folder)
    assert "it begins +0.200 s beside 360p/0.m4s" in said(folder)


def test_a_repeated_name_is_reported(folder: Path) -> None:
    master = folder / MASTER
    (line,) = [line for line in master.read_text().splitlines() if line.startswith("#EXT-X-MEDIA")]
    master.write_text(master.read_text().replace(line, f"{line}\n{line}", 1))
    assert "stands 2 times" in said(folder)
    assert "has 2 defaults" in said(folder)


def test_a_growing_playlist_may_only_become_longer() -> None:
    head = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXT-X-MAP:URI="init.mp4"\n'
    kind = "#EXT-X-PLAYLIST-TYPE:EVENT\n"
    one, two = "#EXTINF:4.0,\n0.m4s\n", "#EXTINF:4.0,\n1.m4s\n"

    def looks(*texts: str) -> str:
        growth = Growth()
        return "\n".join(str(finding) for text in texts for finding in growth.look("p.m3u8", text.encode()))

    assert looks(head + kind + one, head + kind + one + two, head + one + two + "#EXT-X-ENDLIST\n") == ""
    assert "changed or went" in looks(head + kind + one, head + kind + two)
    assert "changed or went" in looks(head + kind + one + two, head + kind + one)
    assert "TARGETDURATION changed" in looks(head + one, head.replace(":5", ":6") + one)
    assert "after its end" in looks(head + one + "#EXT-X-ENDLIST\n", head + one + two + "#EXT-X-ENDLIST\n")
