"""A confined worker decodes, encodes and makes stills of every accepted format."""

from pathlib import Path

import pytest

from tests.hostile.seeds import SEEDS, make_seed
from tests.hostile.worker_attempt import OK, assert_no_leaks, attempt


@pytest.mark.parametrize("name", SEEDS)
async def test_a_valid_file_is_processed_completely(name: str, tmp_path: Path) -> None:
    path = make_seed(name, tmp_path)
    with assert_no_leaks(tmp_path):
        outcome = await attempt(path, tmp_path)
    assert outcome.code == OK, outcome
    copied = name.startswith("h264")
    assert outcome.renditions == 2 + copied
