"""`streamtime storage`: shows where objects are stored, and moves them between stores with progress reports."""

import asyncio
import sys
import time
from collections.abc import Sequence

import rich_click as click
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from streamtime.app.core import open_object_storage, store_names
from streamtime.cli.context import Context, move_lock, stores_of_running_server
from streamtime.cli.output import (
    JsonReporter,
    ProgressReporter,
    TerminalReporter,
    cancel_on_sigterm,
    print_json,
    reporting,
)
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.formatting import counted, size_text
from streamtime.maintenance.move import MoveProgress as Step
from streamtime.maintenance.move import Mover, MoveReport
from streamtime.storage.objects.ledger import SPOOL, ObjectLocations, StoreTotals

LINE_INTERVAL_S = 2.0
"""The least time between two lines in a pipe."""

NAMES = {"local": "local disk", "s3": "S3", SPOOL: "spool"}


class MoveReporter(ProgressReporter):
    """Reports the result but no progress; subclasses add a kind of output."""

    def step(self, step: Step) -> None:
        """Report progress."""

    def done(self, to: str, moved: MoveReport, totals: Sequence[StoreTotals], backend: str) -> None:
        """Report the result, the totals by store, and where new videos are stored."""
        click.echo(f"{counted(moved.objects, 'object')} moved to {NAMES[to]}, {size_text(moved.length_bytes)}.")
        if moved.leftovers:
            click.echo(f"{counted(moved.leftovers, 'object')} of an earlier move deleted in the old place.")
        for key in moved.missing:
            click.echo(f"streamtime: {key} is missing where it should be, and was left out.", err=True)
        for key in moved.damaged:
            click.echo(f"streamtime: {key} is not what was stored there, and stays where it is.", err=True)
        for line in location_lines(totals, backend):
            click.echo(line)


class MoveProgressBar(TerminalReporter, MoveReporter):
    """Shows a progress bar."""

    def __init__(self) -> None:
        columns = TextColumn("Moving"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeRemainingColumn()
        super().__init__(*columns)
        self._task = self._progress.add_task("", total=None, figures="")

    def step(self, step: Step) -> None:
        """Update the bar."""
        self._progress.update(
            self._task, completed=step.length_bytes, total=max(1, step.bytes_total), figures=progress_text(step)
        )


class MoveLines(MoveReporter):
    """Prints a line now and then, for a file or a pipe."""

    def __init__(self) -> None:
        self._at: float | None = None

    def step(self, step: Step) -> None:
        """Print a line if enough time has passed."""
        now = time.monotonic()
        if self._at is None or now - self._at >= LINE_INTERVAL_S:
            self._at = now
            click.echo(progress_text(step), err=True)


class MoveJsonLines(JsonReporter, MoveReporter):
    """Prints progress and result as JSON Lines."""

    def step(self, step: Step) -> None:
        """Print a progress event."""
        print_json(
            event="progress",
            objects=step.objects,
            objects_total=step.objects_total,
            bytes=step.length_bytes,
            bytes_total=step.bytes_total,
        )

    def done(self, to: str, moved: MoveReport, totals: Sequence[StoreTotals], backend: str) -> None:
        """Print the result."""
        print_json(
            event="done",
            to=to,
            objects=moved.objects,
            bytes=moved.length_bytes,
            leftovers=moved.leftovers,
            lost=moved.missing,
            damaged=moved.damaged,
            backend=backend,
            stores={each.store: {"objects": each.objects, "bytes": each.length_bytes} for each in totals},
        )


def location_lines(totals: Sequence[StoreTotals], backend: str) -> list[str]:
    """Return lines with the totals by store, and where new videos are stored."""
    lines = []
    for each in totals:
        note = f" on their way to {NAMES[backend]}" if each.store == SPOOL else ""
        name = NAMES.get(each.store, each.store)
        lines.append(f"{name}: {counted(each.objects, 'object')}, {size_text(each.length_bytes)}{note}")
    lines.append(f"New videos go to {NAMES[backend]}: storage.backend decides.")
    return lines


def progress_text(step: Step) -> str:
    """Return the progress: `12 of 340 objects, 1.2 GB of 40 GB`."""
    sizes = f"{size_text(step.length_bytes)} of {size_text(step.bytes_total)}"
    return f"{step.objects} of {counted(step.objects_total, 'object')}, {sizes}"


_STOPPED = "Stopped. What was moved stays moved; the same command continues with the rest."


@click.group()
def storage() -> None:
    """Show where videos are stored, and move them."""


@storage.command()
@click.pass_obj
def show(context: Context) -> None:
    """Show the totals by store, and where new videos are stored."""
    config = context.prepared_config()
    for line in location_lines(asyncio.run(_totals(config)), config.storage.backend):
        click.echo(line)


@storage.command()
@click.option("--to", required=True, type=click.Choice(["local", "s3"]), help="The store to move all videos to.")
@click.option("--json", "as_json", is_flag=True, help="Print progress and result as JSON, one object per line.")
@click.pass_obj
def move(context: Context, to: str, as_json: bool) -> None:
    """Move all videos to the data directory or to the bucket, with or without a running server.

    Videos keep playing. Each object is copied, read back and compared before the old copy is deleted. The command can
    be stopped at any time and continues with the rest when it is run again. Exit code 1 if something could not be
    moved, 130 after Ctrl-C.
    """
    config = context.prepared_config()
    _require_known(config, to)
    report = MoveJsonLines() if as_json else MoveProgressBar() if sys.stderr.isatty() else MoveLines()
    with move_lock(config.data_dir), reporting(report, _STOPPED):
        moved, totals = asyncio.run(_move(config, to, report))
    report.done(to, moved, totals, config.storage.backend)
    if not moved.complete:
        sys.exit(1)


def _require_known(config: Config, to: str) -> None:
    if to not in store_names(config):
        raise ConfigError("There is no bucket: storage.s3 needs endpoint and bucket.")
    running = stores_of_running_server(config.data_dir)
    if running is not None and to not in running:
        raise ConfigError(
            f"The running server was started without {NAMES[to]} and could not play videos moved there. Restart it "
            "with this configuration first."
        )


async def _totals(config: Config) -> list[StoreTotals]:
    async with open_object_storage(config) as opened:
        return await ObjectLocations(opened.database).totals_by_store()


async def _move(config: Config, to: str, report: MoveReporter) -> tuple[MoveReport, list[StoreTotals]]:
    cancel_on_sigterm()
    async with open_object_storage(config) as opened:
        locations = ObjectLocations(opened.database)
        minimum_free_bytes = int(config.uploads.minimum_free_space)
        mover = Mover(opened.ledger, locations, opened.stores, opened.copier, minimum_free_bytes=minimum_free_bytes)
        return await mover.move(to, report.step), await locations.totals_by_store()
