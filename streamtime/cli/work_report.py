"""How long commands tell what they do: a bar on a terminal, a line now and then in a pipe, both on standard error.

It knows words and figures, nothing of the work.
"""

import sys
import time
from types import TracebackType
from typing import Self

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from streamtime.http.words import size_text

LINE_INTERVAL_S = 2.0


class StageReporter:
    """Tells stages, and how much of one is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._stage = ""
        self._at = 0.0

    def __enter__(self) -> Self:
        """Begin to tell."""
        if sys.stderr.isatty():
            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=None, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was on the screen for the time of the work."""
        if self._bar is not None:
            self._bar.stop()

    def stage(self, words: str) -> None:
        """Something else is being done now."""
        self.step(words, 0, 0)

    def step(self, words: str, done_bytes: int, total_bytes: int) -> None:
        """So much of it is done; 0 of 0 where that cannot be told."""
        figures = f"{size_text(done_bytes)} of {size_text(total_bytes)}" if total_bytes else ""
        if self._bar is not None:
            task = self._bar.task_ids[0]
            total = total_bytes or None
            self._bar.update(task, description=words, completed=done_bytes, total=total, figures=figures)
            return
        now = time.monotonic()
        if words != self._stage or (now - self._at >= LINE_INTERVAL_S and total_bytes):
            click.echo(f"{words}: {figures}" if figures else words, err=True)
            self._stage, self._at = words, now
