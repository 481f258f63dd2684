"""Some corrupted files, each in its own worker: every attempt has a known result, nothing is left over.

Most are the same in every run; one group depends on the seed that the run prints at its start. `make fuzz` tests
thousands.
"""

import os
from pathlib import Path

import pytest

from tests.hostile.fuzz import broken, good_films
from tests.hostile.worker_attempt import OK, UNEXPLAINED_CODES, assert_no_leaks, attempts

GROUPS = 2
FILMS_A_GROUP = 19
"""One for each seed."""

SEED = "in every run of the tests"
HARMED = {"worker_crashed", "worker_killed", "worker_memory", "worker_stalled", "worker_timeout"}


@pytest.fixture(scope="session")
def films() -> dict[str, bytes]:
    found = good_films()
    assert len(found) == FILMS_A_GROUP
    return found


async def codes(seed: str, group: int, films: dict[str, bytes], folder: Path) -> dict[str, str]:
    """The results of a group of attempts, by file name."""
    paths = []
    for number in range(group * FILMS_A_GROUP, (group + 1) * FILMS_A_GROUP):
        name, data = broken(seed, number, films)
        paths.append(folder / f"{number}-{name}")
        paths[-1].write_bytes(data)
    with assert_no_leaks(folder):
        outcomes = await attempts(paths, folder, at_once=2)
    return {path.name: outcome.code for path, outcome in zip(paths, outcomes, strict=True)}


@pytest.mark.parametrize("group", range(GROUPS))
async def test_a_corrupted_file_has_a_known_failure(films: dict[str, bytes], group: int, tmp_path: Path) -> None:
    ends = await codes(SEED, group, films, tmp_path)
    assert {name: code for name, code in ends.items() if code in HARMED | UNEXPLAINED_CODES} == {}
    assert OK in ends.values(), "not all are broken so far that nothing of them is decoded"


async def test_newly_corrupted_files_have_known_failures(films: dict[str, bytes], tmp_path: Path) -> None:
    ends = await codes(os.environ["FUZZ_SEED"], 0, films, tmp_path)
    assert {name: code for name, code in ends.items() if code in UNEXPLAINED_CODES} == {}


async def test_the_same_seed_corrupts_the_same_files(films: dict[str, bytes]) -> None:
    once = [broken(SEED, number, films) for number in range(FILMS_A_GROUP)]
    assert once == [broken(SEED, number, films) for number in range(FILMS_A_GROUP)]
    assert sum(data != films[name] for name, data in once) > FILMS_A_GROUP * 0.8
    assert once != [broken("another", number, films) for number in range(FILMS_A_GROUP)]
