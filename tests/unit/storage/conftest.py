"""A view on this process's open files."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest


@pytest.fixture
def open_files(tmp_path: Path) -> Callable[[], list[str]]:
    """The files under the test's directory that this process has open."""

    def found() -> list[str]:
        targets = []
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                targets.append(str(descriptor.readlink()))
            except FileNotFoundError:
                continue  # the one that listed them
        return [target for target in targets if target.startswith(f"{tmp_path}{os.sep}")]

    return found


@pytest.fixture
def all_closed(open_files: Callable[[], list[str]]) -> Callable[[], Awaitable[bool]]:
    """Whether they all get closed: a thread may hold its last one for an instant after it has answered."""

    async def waited() -> bool:
        async with asyncio.timeout(60):
            while open_files():  # one that closes tells nobody
                await asyncio.sleep(0.001)
        return True

    return waited
