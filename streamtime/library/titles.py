"""A first title for a video: what the file says of itself, else its name without what release groups add.

Titles that nobody wrote are left out: names of programs, of sites, of the file itself.
"""

import re
from pathlib import PurePosixPath

from streamtime.library.editing import MAX_TITLE, clean_line

_SPACES = re.compile(r"[\s._]+")
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W\d])\.(?=[^\W\d])")
_RELEASE = re.compile(
    r"\d{3,4}[pi]|4k|uhd|[xh]\W?26[456]|hevc|xvid|divx|web-?(dl|rip)|blu-?ray|b[dr]rip|dvd-?rip|hdtv|hd-?rip|remux|"
    r"(8|10|12)bit|hdr(10\+?)?",
    re.IGNORECASE,
)
"""Words of releases that stand in no title: sizes, codecs and where it was taken from."""

_YEAR = re.compile(r"[(\[]?((?:19|20)\d\d)[)\]]?")
_GROUP = re.compile(r"^\[[^\]]*\]\s*")
_JUNK = re.compile(
    r"""untitled.*|no\ title|unknown|title|video|movie|film|clip|default|test|
        (sequence|comp|timeline|track|chapter|project|scene)\W*\d*|
        (lav[fc]|ffmpeg|handbrake|mkvmerge|gpac|isomedia|x26[45]|obs|vlc|nero|camtasia|imovie|final\ cut|core\ media|
        mainconcept|adobe|premiere|davinci|windows\ movie|microsoft|(video|sound)handler|apple\ video)([\W\d].*)?|
        dvd_?video|dcim|rarbg\b.*|downloaded\ from\b.*|encoded\ by\b.*|ripped\ by\b.*|
        [\da-f]{16,}|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"(https?:|www\.)\S+|\S+\.(com|net|org|to|tv|io)", re.IGNORECASE)
_FILE = re.compile(
    r".*[\\/].*\.\w{2,6}|\S+\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m2?ts|flv|wmv|prproj|mp3|m4a|wav|flac)", re.IGNORECASE
)
_LEAST_LETTERS = 2


def embedded_title(title_tag: str | None, file_name: str) -> str | None:
    """The title that a file carries, fit to store; None where it carries none that a person wrote."""
    title = clean_line(title_tag or "")[: 4 * MAX_TITLE]
    if _is_junk(title) or _bare(title) in {_bare(file_name), _bare(PurePosixPath(file_name).stem)}:
        return None
    return (_released(title) or title)[:MAX_TITLE].rstrip() or None


def title_from(name: str) -> str:
    """A title from a file's name: without its ending, dots and underscores as spaces, a release's words left out."""
    stem = PurePosixPath(name).stem
    released = _released(stem)
    if released is None and not any(letter.isspace() for letter in stem):
        stem = _BETWEEN_LETTERS.sub(" ", stem)
    return clean_line((released or stem).replace("_", " "))[:MAX_TITLE].rstrip() or "Untitled"


def _is_junk(title: str) -> bool:
    letters = sum(letter.isalpha() for letter in title)
    return letters < _LEAST_LETTERS or any(kind.fullmatch(title) for kind in (_JUNK, _ADDRESS, _FILE))


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _released(name: str) -> str | None:
    """What stands before the words of a release, its year in brackets; None where this is no release's name."""
    words = [word for word in _SPACES.split(_GROUP.sub("", name)) if word]
    end = next((place for place, word in enumerate(words) if place and _is_release(word)), None)
    if end is None:
        return None
    kept = words[:end]
    if len(kept) > 1 and (year := _YEAR.fullmatch(kept[-1])):
        kept[-1] = f"({year[1]})"
    while len(kept) > 1 and not any(letter.isalnum() for letter in kept[-1]):
        kept.pop()
    return " ".join(kept)


def _is_release(word: str) -> bool:
    whole, first = word.strip("[](){}-"), word.split("-", maxsplit=1)[0].strip("[](){}")
    return any(_RELEASE.fullmatch(one) for one in (whole, first))
