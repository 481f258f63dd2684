"""A traced server with one person in it, shared by the tests of one process; a film of one second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.faults.house import House, traced


@pytest.fixture(scope="session")
def film(clips: Path) -> bytes:
    """One second that is copied, so small that it is ready in a moment."""
    return make_clip(clips / "tiny.mp4", duration_s=1, width=160, height=90).read_bytes()


@pytest.fixture
def house() -> Iterator[House]:
    """A server of the test's own, to be broken at will."""
    with traced() as own:
        yield own
