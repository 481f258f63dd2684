"""Chapters as lines of text, and the checks of chapters that owners write."""

import pytest

from streamtime.errors import Invalid
from streamtime.videos.chapters import (
    Chapter,
    ChapterStart,
    checked_chapters,
    described_chapters,
    format_chapters,
    parse_chapters,
)


def test_lines_are_read_and_written() -> None:
    text = "0:00 Intro\r\n\n  1:05.5  The\tmorning \n1:02:03 - The end\n"
    starts = parse_chapters(text)
    assert starts == [
        ChapterStart(0, "Intro"),
        ChapterStart(65_500, "The morning"),
        ChapterStart(3_723_000, "The end"),
    ]
    chapters = checked_chapters(starts, 4_000_000)
    assert [chapter.end_ms for chapter in chapters] == [65_500, 3_723_000, 4_000_000]
    written = format_chapters(chapters)
    assert written == "0:00 Intro\n1:05.5 The morning\n1:02:03 The end"
    assert parse_chapters(written) == starts


def test_they_are_put_in_order() -> None:
    found = checked_chapters([ChapterStart(5000, "b"), ChapterStart(1000, "a")], 9000)
    assert found == [Chapter(1000, 5000, "a"), Chapter(5000, 9000, "b")]
    assert checked_chapters([], 0) == []


@pytest.mark.parametrize("line", ["Intro", "0:00", "12 Intro", "0:0 Intro", "1:2:3:4 x", "a:bc Intro"])
def test_a_line_without_time_or_title_is_refused(line: str) -> None:
    with pytest.raises(Invalid, match="This line does not"):
        parse_chapters(f"0:00 Fine\n{line}")


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ([ChapterStart(9000, "late")], "0:09 begins after the end"),
        ([ChapterStart(-1, "early")], "after the end"),
        ([ChapterStart(1000, "a"), ChapterStart(1000, "b")], "Two chapters begin at 0:01"),
        ([ChapterStart(1000, " \u202e\n")], "0:01 a title"),
        ([ChapterStart(1000, "x" * 201)], "0:01 a title"),
        ([ChapterStart(each, "x") for each in range(501)], "at most 500"),
    ],
)
def test_chapters_that_cannot_be_are_refused(starts: list[ChapterStart], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        checked_chapters(starts, 9000)


def test_a_list_of_times_in_a_description_is_chapters() -> None:
    text = "A day out.\n\n0:00 Arriving\n- (1:05) The quay\n• 01:02:03 \u2013 Leaving\nThanks!"
    assert described_chapters(text, 4_000_000) == [
        Chapter(0, 65_000, "Arriving"),
        Chapter(65_000, 3_723_000, "The quay"),
        Chapter(3_723_000, 4_000_000, "Leaving"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0:00 Start\n0:10 The rest",
        "0:05 Later\n0:10 On\n0:20 Off",
        "0:00 Start\n0:20 On\n0:10 Off",
        "0:00 Start\n0:10 On\n9:00 After the end",
        "It begins at 0:00, goes on at 0:10 and ends at 0:20.",
        "0:00\n0:10\n0:20",
    ],
)
def test_other_times_in_a_description_are_none(text: str) -> None:
    assert described_chapters(text, 60_000) == []
