"""How `streamtime storage move` tells what it does: a bar on a terminal, plain lines in a pipe, JSON for programs.

Progress goes to standard error, the result to standard output; JSON is all on standard output. It knows words and
figures, nothing of the work.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamtime.errors import StreamtimeError
from streamtime.http.words import size_text
from streamtime.objects.ledger import SPOOL
from streamtime.objects.move import Moved
from streamtime.objects.move import Progress as Step
from streamtime.objects.whereabouts import Holding

LINE_EVERY_S = 2.0
"""A line in a pipe is at least so long after the one before."""

NAMES = {"local": "local disk", "s3": "S3", SPOOL: "spool"}


class Report:
    """Tells the end, and nothing on the way; each way of telling adds to it."""

    def __enter__(self) -> Self:
        """Begin to tell."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was on the screen for the time of the work."""

    def step(self, step: Step) -> None:
        """The work is that far."""

    def failed(self, error: StreamtimeError) -> None:
        """It broke off. People are told so by the command line itself."""

    def done(self, to: str, moved: Moved, holdings: Sequence[Holding], settles_in: str) -> None:
        """It is over: say what was done, what is where, and where new videos go."""
        click.echo(f"{_objects(moved.objects)} moved to {NAMES[to]}, {size_text(moved.length_bytes)}.")
        if moved.leftovers:
            click.echo(f"{_objects(moved.leftovers)} of an earlier move deleted in the old place.")
        for key in moved.lost:
            click.echo(f"streamtime: {key} is missing where it should be, and was left out.", err=True)
        for key in moved.damaged:
            click.echo(f"streamtime: {key} is not what was stored there, and stays where it is.", err=True)
        for line in where(holdings, settles_in):
            click.echo(line)


class Bar(Report):
    """A line on the terminal that fills up."""

    def __init__(self) -> None:
        columns = TextColumn("Moving"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None, figures="")

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def step(self, step: Step) -> None:
        """Fill it so far."""
        self._progress.update(
            self._task, completed=step.length_bytes, total=max(1, step.bytes_total), figures=figures(step)
        )


class Lines(Report):
    """A line now and then, for a file or a pipe."""

    def __init__(self) -> None:
        self._at: float | None = None

    def step(self, step: Step) -> None:
        """Say it if the last line is some time ago."""
        now = time.monotonic()
        if self._at is None or now - self._at >= LINE_EVERY_S:
            self._at = now
            click.echo(figures(step), err=True)


class JsonLines(Report):
    """One object a line, each with what it tells of as `event`."""

    def step(self, step: Step) -> None:
        """Tell every step."""
        _print(
            event="progress",
            objects=step.objects,
            objects_total=step.objects_total,
            bytes=step.length_bytes,
            bytes_total=step.bytes_total,
        )

    def failed(self, error: StreamtimeError) -> None:
        """Tell why it broke off."""
        _print(event="failed", code=error.code, message=error.message)

    def done(self, to: str, moved: Moved, holdings: Sequence[Holding], settles_in: str) -> None:
        """Tell what was done."""
        _print(
            event="done",
            to=to,
            objects=moved.objects,
            bytes=moved.length_bytes,
            leftovers=moved.leftovers,
            lost=moved.lost,
            damaged=moved.damaged,
            backend=settles_in,
            stores={each.store: {"objects": each.objects, "bytes": each.length_bytes} for each in holdings},
        )


def where(holdings: Sequence[Holding], settles_in: str) -> list[str]:
    """What is where, and where new videos go, a line each."""
    lines = []
    for each in holdings:
        note = f" on their way to {NAMES[settles_in]}" if each.store == SPOOL else ""
        name = NAMES.get(each.store, each.store)
        lines.append(f"{name}: {_objects(each.objects)}, {size_text(each.length_bytes)}{note}")
    lines.append(f"New videos go to {NAMES[settles_in]}: storage.backend decides.")
    return lines


def figures(step: Step) -> str:
    """How much is done: `12 of 340 objects, 1.2 GB of 40 GB`."""
    sizes = f"{size_text(step.length_bytes)} of {size_text(step.bytes_total)}"
    return f"{step.objects} of {_objects(step.objects_total)}, {sizes}"


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


def _print(**values: object) -> None:
    click.echo(msgspec.json.encode(values).decode())
