"""Everything that is taken in is decoded, encoded and pictured by a confined worker."""

from pathlib import Path

import pytest

from tests.hostile.seeds import SEEDS, make_seed
from tests.hostile.worker_attempt import OK, assert_no_leaks, attempt


@pytest.mark.parametrize("name", SEEDS)
async def test_a_good_film_is_made_whole(name: str, tmp_path: Path) -> None:
    path = make_seed(name, tmp_path)
    with assert_no_leaks(tmp_path):
        outcome = await attempt(path, tmp_path)
    assert outcome.code == OK, outcome
    copied = name.startswith("h264")
    assert outcome.renditions == 2 + copied
