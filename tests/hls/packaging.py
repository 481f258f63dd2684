"""Runs `streamtime package` as from a shell."""

import os
import subprocess
from pathlib import Path

from tests import process

PACKAGED_WITHIN_S = 300.0
"""Clips of a few seconds are packaged in one or two seconds; the machine may be busy."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command: without the developer's settings, and without admission control."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMTIME_")}
    return {**inherited, "STREAMTIME_TRANSCODE__NICE": "0", **settings}


def run_package(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; the caller checks the result."""
    return process.run(
        ["package", *map(str, arguments)],
        environ=environment(**settings),
        folder=Path.cwd(),
        within_s=PACKAGED_WITHIN_S,
    )


def packaged(source: Path, folder: Path, *options: str, **settings: str) -> Path:
    """Package a valid source, and return the folder."""
    done = run_package(source, folder, *options, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
