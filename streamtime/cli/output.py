"""How every long command tells what it does: a bar that fills up on a terminal, or JSON, one object a line.

Progress goes to standard error, the result to standard output; JSON is all on standard output. What is told, and the
words for it, are the commands' own.
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
"""Exit codes of a command that was stopped, as shells count them."""


class ProgressReporter:
    """Tells nothing on the way; each way of telling adds to it."""

    def __enter__(self) -> Self:
        """Begin to tell."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was on the screen for the time of the work."""

    def failed(self, error: StreamtimeError) -> None:
        """Nothing comes of it. People are told so by the command line itself."""


class TerminalReporter(ProgressReporter):
    """Draws a line on the terminal for the time of the work."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()


class JsonReporter(ProgressReporter):
    """One object a line, each with what it tells of as `event`."""

    def failed(self, error: StreamtimeError) -> None:
        """Tell why nothing comes of it."""
        print_json(event="failed", code=error.code, message=error.message)


def print_json(**values: object) -> None:
    """One object, on a line of its own."""
    click.echo(msgspec.json.encode(values).decode())


def counted(number: int, noun: str) -> str:
    """A number of things: `1 object`, `3 objects`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def reporting(report: ProgressReporter, stopped: str) -> Iterator[None]:
    """Tell for as long as the context lasts, also of what ends it early; `stopped` is said where somebody ends it.

    Raises:
        SystemExit: it was ended by Ctrl-C, or by SIGTERM (see `cancel_on_sigterm`).
        StreamtimeError: as it was raised, once it is told.
    """
    with report:
        try:
            yield
        except StreamtimeError as error:
            report.failed(error)
            raise
        except KeyboardInterrupt:
            _stop(report, stopped, INTERRUPTED)
        except asyncio.CancelledError:
            _stop(report, stopped, TERMINATED)


def cancel_on_sigterm() -> None:
    """Have SIGTERM cancel the task that calls this."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _stop(report: ProgressReporter, words: str, code: int) -> NoReturn:
    report.failed(StreamtimeError(words, code="stopped"))
    click.echo(f"streamtime: {words}", err=True)
    sys.exit(code)
