"""Clips that several files of tests take."""

from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.unit.media.worker_harness import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def flashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of H.264 and AAC with a flash and a beep at every second."""
    return make_clip(
        tmp_path_factory.mktemp("flashes") / "flashes.mp4", pattern="flash", gop_s=1, width=WIDTH, height=HEIGHT
    )
