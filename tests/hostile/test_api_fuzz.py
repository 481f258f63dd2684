"""Our own OpenAPI document on a real server, tried by schemathesis: no fault of the server's, nothing undocumented.

It asks the same each time, and not much: `make fuzz-api` asks more.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.api_fuzz import CALLERS, FuzzSettings, open_server, tried
from tests.server import Server

EVERYTHING = FuzzSettings(examples=3, seed=1)
"""Every bound of every field, from both sides; then a few requests at random, and a few in a row."""

SOME = FuzzSettings(examples=1, seed=1, phases="fuzzing")


@pytest.fixture(scope="module")
def fuzz_server() -> Iterator[Server]:
    with open_server() as server:
        yield server


@pytest.mark.parametrize("who", CALLERS)
def test_every_answer_is_a_documented_one(fuzz_server: Server, who: str, tmp_path: Path) -> None:
    done = tried(fuzz_server, who, EVERYTHING if who == "admin" else SOME, tmp_path)
    assert done.returncode == 0, done.stdout
