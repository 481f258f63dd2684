"""Runs `streamtime package`, as a person does at a shell."""

import os
import subprocess
from pathlib import Path

from tests import process

PACKAGED_WITHIN_S = 300.0
"""Clips of a few seconds are packaged in one or two; the machine may have much else to do."""


def environment(**settings: str) -> dict[str, str]:
    """The variables that a command begins with: none of a person's own settings, and no standing back."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMTIME_")}
    return {**inherited, "STREAMTIME_TRANSCODE__NICE": "0", **settings}


def run_package(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; the result is the caller's to judge."""
    return process.run(
        ["package", *map(str, arguments)],
        environ=environment(**settings),
        folder=Path.cwd(),
        within_s=PACKAGED_WITHIN_S,
    )


def packaged(source: Path, folder: Path, *options: str, **settings: str) -> Path:
    """Package a source that can be, and give the folder."""
    done = run_package(source, folder, *options, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
