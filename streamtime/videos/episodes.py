"""Season and episode numbers in titles and file names: `S01E02`, `1x02`, `Season 1 Episode 2`, `Episode 3`."""

import re
from dataclasses import dataclass

_SEPARATOR = r"[\s._-]*"
_PATTERNS = (
    re.compile(rf"(?<![^\W_])s(?P<season>\d{{1,2}}){_SEPARATOR}e(?P<episode>\d{{1,4}})(?!\d)", re.IGNORECASE),
    re.compile(r"(?<![^\W_])(?P<season>\d{1,2})x(?P<episode>\d{2,3})(?![^\W_])", re.IGNORECASE),
    re.compile(
        rf"\b(?:season|staffel){_SEPARATOR}(?P<season>\d{{1,2}})\b.{{0,20}}?"
        rf"\b(?:episode|folge|part|teil){_SEPARATOR}(?P<episode>\d{{1,4}})(?!\d)",
        re.IGNORECASE,
    ),
    re.compile(rf"(?<![^\W_])(?:episode|folge|part|teil|ep){_SEPARATOR}(?P<episode>\d{{1,4}})(?!\d)", re.IGNORECASE),
)
"""Tried in this order. Release names write `Show.S01E02.1080p`; `1920x1080` and `x264` are no episodes."""


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """The place of a video in a series. Without a season in its name it is of season 1."""

    season: int
    number: int


@dataclass(frozen=True, slots=True)
class Series:
    """How the titles of a series begin: before its numbers, and up to the number of the next episode."""

    prefix: str
    following: str


def series_of(title: str) -> Series | None:
    """Return the series that a title with an episode number belongs to; None if it has no number.

    The prefix of "Part 9" is "Part ", and its next episode begins with "Part 10". The prefix of "Show S01E02" is
    "Show "; of "S01E02", where nothing is before the numbers, "S".
    """
    for pattern in _PATTERNS:
        if (found := pattern.search(title)) is None:
            continue
        number, groups = found["episode"], found.groupdict()
        prefix = title[: found.start()] or title[: found.start("season" if groups.get("season") else "episode")]
        after = str(int(number) + 1).zfill(len(number))
        return Series(prefix, title[: found.start("episode")] + after)
    return None


def find_episode(*names: str) -> Episode | None:
    """Return the episode number in the first of these names that has one."""
    for name in names:
        for pattern in _PATTERNS:
            if (found := pattern.search(name)) is not None:
                season = found.groupdict().get("season")
                return Episode(int(season) if season is not None else 1, int(found["episode"]))
    return None
