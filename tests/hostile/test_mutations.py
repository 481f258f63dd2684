"""Some hundreds of broken films, each by a worker of its own: every attempt ends in its own words, nothing is left.

`make fuzz` tries thousands, of other seeds.
"""

from pathlib import Path

import pytest

from tests.hostile.fuzz import broken, good_films
from tests.hostile.worker_attempt import OK, UNEXPLAINED_CODES, assert_no_leaks, attempts

GROUPS = 11
FILMS_A_GROUP = 19
"""One for each seed."""

SEED = "in every run of the tests"
HARMED = {"worker_crashed", "worker_killed", "worker_memory", "worker_stalled", "worker_timeout"}


@pytest.fixture(scope="session")
def films() -> dict[str, bytes]:
    found = good_films()
    assert len(found) == FILMS_A_GROUP
    return found


@pytest.mark.parametrize("group", range(GROUPS))
async def test_a_broken_film_harms_nobody(films: dict[str, bytes], group: int, tmp_path: Path) -> None:
    paths = []
    for number in range(group * FILMS_A_GROUP, (group + 1) * FILMS_A_GROUP):
        name, data = broken(SEED, number, films)
        paths.append(tmp_path / f"{number}-{name}")
        paths[-1].write_bytes(data)
    with assert_no_leaks(tmp_path):
        outcomes = await attempts(paths, tmp_path, at_once=2)
    codes = {path.name: outcome.code for path, outcome in zip(paths, outcomes, strict=True)}
    assert {name: code for name, code in codes.items() if code in HARMED | UNEXPLAINED_CODES} == {}
    assert OK in codes.values(), "not all are broken so far that nothing of them is decoded"


async def test_the_same_seed_breaks_the_same_films(films: dict[str, bytes]) -> None:
    once = [broken(SEED, number, films) for number in range(FILMS_A_GROUP)]
    assert once == [broken(SEED, number, films) for number in range(FILMS_A_GROUP)]
    assert sum(data != films[name] for name, data in once) > FILMS_A_GROUP * 0.8
    assert once != [broken("another", number, films) for number in range(FILMS_A_GROUP)]
