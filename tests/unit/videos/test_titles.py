"""First titles: what a file says of itself, else its name, fit to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.videos.ingest import embedded_title, title_from

RELEASE = "The.Mountain.2024.1080p.WEB-DL.x264-GROUP"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("film.mp4", "film"),
        ("my_first_film.MOV", "my first film"),
        (".mp4", ".mp4"),
        (RELEASE + ".mkv", "The Mountain (2024)"),
        ("[Group] Some Show - 03 [720p].mkv", "Some Show - 03"),
        ("some.show.S01E02.the.end.720p.HDTV.x265.mkv", "some show S01E02 the end"),
        ("2001.1968.BluRay.mkv", "2001 (1968)"),
        ("Holiday.in.Rome.mov", "Holiday in Rome"),
        ("talk v1.2.3.mp4", "talk v1.2.3"),
        ("2024.05.03.mp4", "2024.05.03"),
        ("1080p.mp4", "1080p"),
        ("a title. with dots.mp4", "a title. with dots"),
    ],
)
def test_a_name_becomes_a_title(name: str, title: str) -> None:
    assert title_from(name) == title


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("The Mountain", "The Mountain"),
        ("  Two\n lines\x00\u202e ", "Two lines"),
        ("<b>bold</b> & more", "<b>bold</b> & more"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", "\u041c\u043e\u0441\u043a\u0432\u0430"),
        (RELEASE, "The Mountain (2024)"),
        ("x" * 900, "x" * 200),
        *((junk, None) for junk in (
            None, "", "  ", "-", "7", "Untitled", "untitled project 3", "Sequence 01", "Lavf60.3.100",
            "HandBrake 1.6.1", "www.example.com", "https://example.com/a", "clip one", "Clip.One.mp4", "holiday.mp4",
            "C:\\a b\\c.prproj",
            "0123456789abcdef0123", "VideoHandler", "DVD_VIDEO",
        )),
    ],
)  # fmt: skip
def test_a_title_that_somebody_wrote_is_taken(said: str | None, title: str | None) -> None:
    assert embedded_title(said, "Clip_One.mp4") == title


@given(st.text(max_size=400))
def test_any_text_gives_a_title_that_can_be_stored(text: str) -> None:
    assert 1 <= len(title_from(text or "video")) <= 200
    title = embedded_title(text, "x.mp4")
    assert title is None or (1 <= len(title) <= 200 and title == " ".join(title.split()))
