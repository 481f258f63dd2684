"""`streamtime verify`: whether a backup, or a copy of the database, would bring everything back."""

import sys
import tempfile
from pathlib import Path

import rich_click as click

from streamtime.backups.verify import VerifyReport, verify
from streamtime.cli.telling import counted
from streamtime.cli.work_report import StageReporter
from streamtime.clock import SystemClock
from streamtime.http.words import size_text


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with room for the database of FILE, instead of the system's own for temporary files.",
)
def verify_file(file: Path, scratch: Path | None) -> None:
    """Restore the database of FILE into a scratch folder, check it, and compare all objects in FILE with their hashes.

    It needs no configuration and no server, and changes nothing. Exit code 1 where something is wrong; each fault is
    a line on standard output.
    """
    with tempfile.TemporaryDirectory(prefix="streamtime-verify-", dir=scratch) as folder, StageReporter() as report:
        found = verify(file, Path(folder), report.step, now_ms=SystemClock().now_ms())
    for words in found.problems:
        click.echo(f"wrong: {words}")
    if found.problems:
        click.echo(f"{file}: {counted(len(found.problems), 'fault')}")
        sys.exit(1)
    click.echo(f"{file}: well, {_summary(found)}")


def _summary(found: VerifyReport) -> str:
    said = [f"schema {found.schema}"]
    for words, objects in (("holds", found.held), ("needs, and does not hold,", found.needed)):
        if objects:
            size = size_text(sum(one.bytes for one in objects))
            said.append(f"{words} {counted(len(objects), 'object')} ({size})")
    return ", ".join(said)
