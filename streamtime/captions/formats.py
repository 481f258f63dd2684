"""Reads SubRip, WebVTT and ASS files from untrusted bytes, and writes WebVTT.

The readers are lenient and run in linear time. Written text is escaped; the only tags written are italic, bold and
underline.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence

from streamtime.captions.ass import read_ass
from streamtime.captions.cue import MAX_CUES, Cue, Span, at_top, normalize_cues, parse_markup
from streamtime.errors import Invalid
from streamtime.translation import gettext

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,:](\d{1,3})"
_TIMES = re.compile(rf"^[ \t]*{_TIME}[ \t]*-{{1,2}}>[ \t]*{_TIME}([^\n]*)\n", re.MULTILINE)
_LINE = re.compile(r"(?:^|[ \t])line:(-?\d{1,4})(%?)")
_UPPER_HALF = 40
"""Percent of the height: a cue above this is shown at the top."""


def read_subrip(text: str) -> Iterator[Cue]:
    """Read the cues of a SubRip file; a text ends where the next number and times begin."""
    for start_ms, end_ms, _settings, body, last in _blocks(text):
        lines = body.split("\n")
        # The number of the next cue precedes its times, on a line of its own after an empty line.
        if not last and len(lines) > 1 and lines[-2].strip().isdigit() and not "".join(lines[-3:-2]).strip():
            del lines[-2:]
        content = "\n".join(lines).strip()
        yield Cue(start_ms, end_ms, parse_markup(content), at_top(content))


def read_webvtt(text: str) -> Iterator[Cue]:
    """Read the cues of a WebVTT file; a text ends with an empty line; notes, styles and regions are skipped."""
    for start_ms, end_ms, settings, body, _last in _blocks(text):
        content, _, _rest = body.partition("\n\n")
        yield Cue(start_ms, end_ms, parse_markup(content.strip("\n")), _is_at_top(settings))


def _blocks(text: str) -> Iterator[tuple[int, int, str, str, bool]]:
    previous: re.Match[str] | None = None
    count = 0
    for times in _TIMES.finditer(text):
        if previous is not None:
            yield (*_parse_times(previous), text[previous.end() : times.start()], False)
            count += 1
            if count >= MAX_CUES:
                return
        previous = times
    if previous is not None:
        yield (*_parse_times(previous), text[previous.end() :], True)


def _parse_times(times: re.Match[str]) -> tuple[int, int, str]:
    parts = times.groups()
    return _ms(*parts[:4]), _ms(*parts[4:8]), parts[8]


def _ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _is_at_top(settings: str) -> bool:
    found = _LINE.search(settings) if "line:" in settings else None
    if found is None:
        return False
    number = int(found[1])
    return 0 <= number < _UPPER_HALF if found[2] else 0 <= number < 5  # noqa: PLR2004  (lines, counted from the top)


MAX_BYTES = 2 << 20
"""Captions of a three-hour film have about 200 KB; typeset ones may have a megabyte."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES = {
    "ar": "cp1256", "fa": "cp1256", "ur": "cp1256",
    "be": "cp1251", "bg": "cp1251", "mk": "cp1251", "ru": "cp1251", "sr": "cp1251", "uk": "cp1251",
    "bs": "cp1250", "cs": "cp1250", "hr": "cp1250", "hu": "cp1250", "pl": "cp1250", "ro": "cp1250", "sk": "cp1250",
    "sl": "cp1250", "sq": "cp1250",
    "el": "cp1253", "et": "cp1257", "he": "cp1255", "lt": "cp1257", "lv": "cp1257", "th": "cp874", "tr": "cp1254",
    "vi": "cp1258", "ja": "cp932", "ko": "cp949", "zh": "gb18030",
}  # fmt: skip
"""Legacy Windows code pages by language, for files that are not UTF-8 and have no byte order mark."""

_DEFAULT_CODE_PAGE = "cp1252"
_ASS_SECTION = re.compile(r"^\s{0,20}\[(?:script info|v4\+? styles|events)\]", re.IGNORECASE)
_DETECTION_BYTES = 1_000


def read_captions(data: bytes, *, language: str = "") -> list[Cue]:
    """Read a SubRip, WebVTT or ASS file; `language` (BCP 47) selects the code page of a legacy encoding.

    Raises:
        Invalid: it is too large, or contains no captions.
    """
    if len(data) > MAX_BYTES:
        raise Invalid(
            gettext("A caption file has at most %(most)s MB.", most=MAX_BYTES >> 20),
            field="file",
            code="captions_too_large",
        )
    text = decode_text(data, language=language).replace("\r\n", "\n").replace("\r", "\n") + "\n"
    head = text[:_DETECTION_BYTES].lstrip("\ufeff \n\t")
    if head.startswith("WEBVTT"):
        cues = read_webvtt(text)
    elif _ASS_SECTION.match(head) or "\n[Events]" in text:
        cues = read_ass(text)
    else:
        cues = read_subrip(text)
    found = normalize_cues(cues)
    if not found:
        raise Invalid("There are no captions in this file. SubRip, WebVTT and ASS are taken.", field="file")
    return found


def decode_text(data: bytes, *, language: str = "") -> str:
    """Decode text by its byte order mark, as UTF-8, as UTF-16 without a mark, or by the code page of its language."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if utf16 := _decode_utf16_without_bom(data):
        return data.decode(utf16, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_CODE_PAGES.get(language.lower().partition("-")[0], _DEFAULT_CODE_PAGE), "replace")


def _decode_utf16_without_bom(data: bytes) -> str | None:
    """Detect UTF-16 without a mark: times and arrows are ASCII, so much of it has a zero in every other byte."""
    head = data[:_DETECTION_BYTES]
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if max(zeros) * 5 < len(head):
        return None
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


WEBVTT_HEADER = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
"""Renditions start at 0, which RFC 8216 section 3.5 requires here; other readers ignore the second line."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def write_captions(cues: Iterable[Cue]) -> str:
    """Write normalized cues as a WebVTT file."""
    return WEBVTT_HEADER + "".join(_cue(cue) for cue in cues)


def write_chapters(chapters: Sequence[tuple[int, int, str]]) -> str:
    """Write chapters (start and end in milliseconds, title) as a WebVTT file."""
    blocks = (f"\n{_times(start_ms, end_ms)}\n{_escaped(title)}\n" for start_ms, end_ms, title in chapters)
    return "WEBVTT\n" + "".join(blocks)


def _cue(cue: Cue) -> str:
    place = " line:0" if cue.top else ""
    return f"\n{_times(cue.start_ms, cue.end_ms)}{place}\n{''.join(map(_span, cue.spans))}\n"


def _span(span: Span) -> str:
    text = _escaped(span.text)
    for tag, wanted in (("u", span.underline), ("b", span.bold), ("i", span.italic)):
        if wanted:
            text = f"<{tag}>{text}</{tag}>"
    return text


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _times(start_ms: int, end_ms: int) -> str:
    return f"{_clock(start_ms)} --> {_clock(end_ms)}"


def _clock(at_ms: int) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
