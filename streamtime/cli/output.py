"""Output of long commands: progress as a bar on a terminal, as lines, or as JSON Lines.

Progress goes to standard error and the result to standard output; JSON goes to standard output only. The commands
define the content.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, Self

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import Progress, ProgressColumn

from streamtime.errors import StreamtimeError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""Exit codes of a command that was stopped by a signal, as shells define them."""


class ProgressReporter:
    """Reports no progress; subclasses add a kind of output."""

    def __enter__(self) -> Self:
        """Start reporting."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reporting."""

    def failed(self, error: StreamtimeError) -> None:
        """Report an error. People see the message of the command line, so this does nothing."""


class TerminalReporter(ProgressReporter):
    """Shows a progress bar on the terminal."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        """Start reporting."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        self._progress.stop()


class JsonReporter(ProgressReporter):
    """Prints JSON Lines; each object has an `event`."""

    def failed(self, error: StreamtimeError) -> None:
        """Print the error."""
        print_json(event="failed", code=error.code, message=error.message)


def print_json(**values: object) -> None:
    """Print one JSON object on a line."""
    click.echo(msgspec.json.encode(values).decode())


@contextmanager
def reporting(report: ProgressReporter, stopped_message: str) -> Iterator[None]:
    """Report progress and errors for as long as the context lasts.

    Raises:
        SystemExit: the command was stopped by Ctrl-C or SIGTERM (see `cancel_on_sigterm`).
        StreamtimeError: as raised in the context, after it was reported.
    """
    with report:
        try:
            yield
        except StreamtimeError as error:
            report.failed(error)
            raise
        except KeyboardInterrupt:
            _stop(report, stopped_message, INTERRUPTED)
        except asyncio.CancelledError:
            _stop(report, stopped_message, TERMINATED)


def cancel_on_sigterm() -> None:
    """Cancel the current task on SIGTERM."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _stop(report: ProgressReporter, message: str, exit_code: int) -> NoReturn:
    report.failed(StreamtimeError(message, code="stopped"))
    click.echo(f"streamtime: {message}", err=True)
    sys.exit(exit_code)
