"""Caption files of every format and encoding become the same cues; what strangers write stays text, and in bounds."""

import codecs
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.captions.cue import MAX_CHARACTERS, MAX_CUES, Cue, Span, normalize_cues
from streamtime.captions.formats import MAX_BYTES, decode_text, read_captions, write_captions
from streamtime.errors import Invalid

SUBRIP = """1
00:00:01,000 --> 00:00:02,500
Plain, <i>leaning</i> and <b>heavy</b>
{\\an8}second line

2
00:01:00,000 --> 01:00:00,000
<u>Under</u> <font color="#fff">coloured</font> 3 < 4 & <nonsense>
"""
WEBVTT = """WEBVTT - a title

STYLE
::cue { color: red }

NOTE 00:00:05.000 --> never

first
00:01.000 --> 00:02.500 position:10% line:0
Plain, <i.loud>leaning</i> and <b>heavy</b>
<v Ada>second line

00:01:00.000 --> 01:00:00.000 align:start
<u>Under</u> <c.yellow>coloured</c> 3 &lt; 4 &amp; &lt;nonsense&gt;

gone after an empty line
"""
ASS = r"""[Script Info]
PlayResY: 100
[V4+ Styles]
Format: Name, Italic, Bold, Underline, Alignment
Style: Lean,-1,0,0,8
[Events]
Format: Layer, Start, End, Style, Text
Comment: 0,0:00:00.00,0:00:01.00,Lean,never
Dialogue: 0,0:00:01.00,0:00:02.50,,{\an8}Plain, {\i1}leaning{\i0} and {\b700\fs30}heavy{\r}\Nsecond line
Dialogue: 0,0:01:00.00,1:00:00.00,,{\pos(1,90)}{\p1}m 0 0 l 1 1{\p0}{\u1}Under{\u0} coloured 3 < 4 & <nonsense>
Dialogue: 1,0:01:00.00,1:00:00.00,,{\u1\bord3}Under{\u0} coloured 3 < 4 & <nonsense>
"""
CUES = [
    Cue(
        1000,
        2500,
        (Span("Plain, "), Span("leaning", italic=True), Span(" and "), Span("heavy", bold=True), Span("\nsecond line")),
        top=True,
    ),
    Cue(60_000, 3_600_000, (Span("Under", underline=True), Span(" coloured 3 < 4 & <nonsense>"))),
]


@pytest.mark.parametrize("text", [SUBRIP, WEBVTT, ASS], ids=["subrip", "webvtt", "ass"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_format_gives_the_same_cues(text: str, newline: str) -> None:
    assert read_captions(text.replace("\n", newline).encode()) == CUES


@pytest.mark.parametrize(
    "data",
    [
        SUBRIP.encode(),
        codecs.BOM_UTF8 + SUBRIP.encode(),
        SUBRIP.encode("utf-16"),
        codecs.BOM_UTF16_BE + SUBRIP.encode("utf-16-be"),
        SUBRIP.encode("utf-16-le"),
        SUBRIP.encode("utf-16-be"),
        SUBRIP.encode("utf-32"),
    ],
)
def test_every_unicode_encoding_is_read(data: bytes) -> None:
    assert read_captions(data) == CUES


@pytest.mark.parametrize(
    ("text", "encoding", "language"),
    [
        ("Über größere Höfe", "cp1252", "de"),
        ("Où est l'été ?", "cp1252", ""),
        ("Привет, мир", "cp1251", "ru"),
        ("Zażółć gęślą jaźń", "cp1250", "pl"),
        ("Καλημέρα", "cp1253", "el-GR"),
        ("שלום", "cp1255", "he"),
        ("こんにちは", "cp932", "ja"),
        ("你好", "gb18030", "zh-Hans"),
    ],
)
def test_old_encodings_are_those_of_the_language(text: str, encoding: str, language: str) -> None:
    assert decode_text(text.encode(encoding), language=language) == text


def test_subrip_keeps_empty_lines_numbers_and_what_has_no_number() -> None:
    text = (
        "00:00:01,000 --> 00:00:02,000\n42\n\n43\n00:00:02.000 -> 00:00:03.5\nA\n\nB\n00:00:04,000 --> 00:00:05,000\nC"
    )
    assert [(cue.end_ms, cue.text) for cue in read_captions(text.encode())] == [
        (2000, "42"),
        (3500, "A\nB"),
        (5000, "C"),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"WEBVTT\n\n", b"Dear Ada", b"\0" * 999, b"1\n00:00:02,000 --> 00:00:01,000\nx\n"]
)
def test_what_holds_no_captions_is_said(data: bytes) -> None:
    with pytest.raises(Invalid, match="no captions"):
        read_captions(data)


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 2 MB"):
        read_captions(b" " * (MAX_BYTES + 1))


def test_numbers_and_lengths_have_bounds() -> None:
    many = [Cue(at, at + 1, (Span("x" * 5000),)) for at in range(MAX_CUES + 10)]
    kept = normalize_cues(many)
    assert sum(len(cue.text) for cue in kept) <= MAX_CHARACTERS
    assert len(normalize_cues(Cue(at, at + 1, (Span("x"),)) for at in range(MAX_CUES + 10))) == MAX_CUES


TRAPS = st.sampled_from(
    ["-->", "<i>", "</i>", "<b", "{\\an8}", "{\\i1}", "\\N", "&amp;", "&", "<", ">", "\n", "\r", "\n\n", "WEBVTT",
     "[Events]", "Dialogue:", ",", "1", "00:00:01,000 --> 00:00:02,000\n", "0:00:01.00",
     "<script>", "\0", "\ufeff", "é"]
)  # fmt: skip


@given(st.lists(st.one_of(TRAPS, st.text(max_size=5)), max_size=40).map("".join))
def test_no_text_breaks_out_of_what_is_written(text: str) -> None:
    """Whatever a cue says: the file has the cues that were meant, and no tag but our three."""
    cues = normalize_cues([Cue(1000, 2000, (Span(text, italic=True), Span(text)))])
    written = write_captions(cues)
    assert set(re.findall(r"<[^>]*>", written)) <= {"<i>", "</i>"}
    assert written.count("-->") == len(cues)
    if cues and "{" not in text:  # braces are read as SubRip has them, also where WebVTT was made of it carelessly
        assert [cue.text for cue in read_captions(written.encode())] == [cue.text for cue in cues]


@given(st.lists(st.one_of(TRAPS, st.text(max_size=5)), max_size=60).map("".join))
def test_any_file_is_read_or_refused_and_reading_is_stable(text: str) -> None:
    for head in ("", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n", "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,,,,,,,"):
        try:
            cues = read_captions((head + text).encode("utf-8", "surrogatepass"))
        except Invalid:
            continue
        again = read_captions(write_captions(cues).encode())
        assert again == cues


@given(st.binary(max_size=300), st.sampled_from(["", "ru", "ja", "th"]))
def test_any_bytes_are_text(data: bytes, language: str) -> None:
    decode_text(data, language=language).encode("utf-8", "surrogatepass")
