"""A real server against its OpenAPI document with schemathesis: no server error, nothing undocumented.

A small run with a fixed seed; `make fuzz-api` sends more requests.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.api_fuzz import CALLERS, FuzzSettings, open_server, tried
from tests.server import Server

EVERYTHING = FuzzSettings(examples=3, seed=1)
"""Every limit of every field, from both sides; then a few random requests and sequences."""

SOME = FuzzSettings(examples=1, seed=1, phases="fuzzing")


@pytest.fixture(scope="module")
def fuzz_server() -> Iterator[Server]:
    with open_server() as server:
        yield server


@pytest.mark.parametrize("who", CALLERS)
def test_every_answer_is_a_documented_one(fuzz_server: Server, who: str, tmp_path: Path) -> None:
    done = tried(fuzz_server, who, EVERYTHING if who == "admin" else SOME, tmp_path)
    assert done.returncode == 0, done.stdout
