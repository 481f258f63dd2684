"""Season and episode numbers, as people and release groups write them."""

import pytest

from streamtime.videos.episodes import Episode, Series, find_episode, series_of


@pytest.mark.parametrize(
    ("name", "season", "number"),
    [
        ("Show S01E02", 1, 2),
        ("show.s2e11.1080p.x264", 2, 11),
        ("Show s03 e004", 3, 4),
        ("Show S01.E02", 1, 2),
        ("Show_S01E02_final", 1, 2),
        ("Show 1x02", 1, 2),
        ("Show 12x103 - The end", 12, 103),
        ("Season 2, Episode 5", 2, 5),
        ("Staffel 2 Folge 5", 2, 5),
        ("Episode 3", 1, 3),
        ("My holiday, part 2", 1, 2),
        ("Ep. 07 - Rain", 1, 7),
        ("Folge_12", 1, 12),
        ("S00E01 special", 0, 1),
    ],
)
def test_numbers_are_found(name: str, season: int, number: int) -> None:
    assert find_episode(name) == Episode(season, number)


@pytest.mark.parametrize(
    "name",
    ["", "Holiday 2024", "Clip 1920x1080", "film.x264", "320x240", "Steps 10", "Apartment 3", "Recipe 12", "bots1e2"],
)
def test_other_numbers_are_none(name: str) -> None:
    assert find_episode(name) is None


def test_the_first_name_with_a_number_counts() -> None:
    assert find_episode("The pilot", "show.s01e01.mkv") == Episode(1, 1)
    assert find_episode("Episode 4", "show.s01e01.mkv") == Episode(1, 4)


@pytest.mark.parametrize(
    ("title", "prefix", "following"),
    [
        ("Serial S01E02 The lake", "Serial ", "Serial S01E03"),
        ("Show.1x09.720p", "Show.", "Show.1x10"),
        ("Holiday, part 9", "Holiday, ", "Holiday, part 10"),
        ("S02E07", "S", "S02E08"),
        ("Episode 099", "Episode ", "Episode 100"),
        ("Season 2 Episode 3", "Season ", "Season 2 Episode 4"),
    ],
)
def test_a_series_is_what_is_before_the_numbers(title: str, prefix: str, following: str) -> None:
    assert series_of(title) == Series(prefix, following)


def test_a_title_without_a_number_is_of_no_series() -> None:
    assert series_of("The lake, 1920x1080") is None
