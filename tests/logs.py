"""What no log and no command may ever say, whatever happens: tracebacks, and what asyncio says of lost tasks.

Logs are watched from the start of a server to its end. What is found in them is handed to the test that has just ended
(`conftest.py`). A test that provokes such a line on purpose says so: `@pytest.mark.may_log(r"a pattern of the line")`.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FAULT = re.compile(
    r"Traceback \(most recent call last\)"
    r"|Task was destroyed"
    r"|exception was never retrieved"
    r"|Exception (?:in|ignored in|caught after|terminating)\b"
    r"|ASGI callable"
    r"|was never awaited"
    r"|Unclosed (?:\w+ )?(?:session|connect|transport|file|resource|event loop)"
    r"|unclosed (?:file|transport|event loop|<socket|database)"
    r"|(?:Runtime|Resource|Deprecation|Syntax)Warning:"
    r"|Event loop is closed"
    r"|[Uu]nhandled exception"
    r"|Fatal (?:error on|Python error)"
    r"|error occurred during closing of asynchronous generator"
    r"|was scheduled after loop\.shutdown_asyncgens"
)

REPORTED = ("stderr_tail",)
"""Fields of events that hold what a confined child said of a stranger's file: it ends by any error, as it may."""

SHOWN_LINES = 40
SHOWN_CHARACTERS = 4_000


@dataclass
class Log:
    """A file that a process writes, and how much of it has been judged."""

    path: Path
    checked_bytes: int = 0

    def check(self) -> None:
        """Judge whole lines that were added since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.checked_bytes)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self.checked_bytes += len(whole)
        check(self.path.name, whole.decode(errors="replace"))


_watched: list[Log] = []
_found: list[str] = []


def watch(path: Path) -> Log:
    """Judge a log from now on, until `unwatch`."""
    log = Log(path)
    _watched.append(log)
    return log


def unwatch(log: Log) -> None:
    """Judge what is left of a log that nobody writes any more."""
    if log in _watched:
        log.check()
        _watched.remove(log)


def check(what: str, text: str) -> None:
    """Note the faults in what a process has said."""
    _found.extend(f"{what}:\n{fault}" for fault in faults(text))


def collected() -> list[str]:
    """All that was found since the last call, in all logs."""
    for log in _watched:
        log.check()
    found = [*_found]
    _found.clear()
    return found


def faults(text: str) -> Iterator[str]:
    """Each fault with the lines that follow it."""
    lines = text.splitlines()
    skip_to = 0
    for number, line in enumerate(lines):
        if number >= skip_to and FAULT.search(_without_reported_text(line)):
            skip_to = number + SHOWN_LINES
            yield "\n".join(lines[number:skip_to])[:SHOWN_CHARACTERS]


def _without_reported_text(line: str) -> str:
    """A line without what it reports of somebody else."""
    if not line.startswith("{") or not any(f'"{field}"' in line for field in REPORTED):
        return line
    try:
        event = json.loads(line)
    except ValueError:
        return line
    return json.dumps({name: value for name, value in event.items() if name not in REPORTED})


class _AsyncioLogHandler(logging.Handler):
    """What asyncio says in the process of the tests itself."""

    def emit(self, record: logging.LogRecord) -> None:
        check("the process of the tests", self.format(record))


def watch_own_process() -> None:
    """Judge what asyncio logs in this process."""
    logging.getLogger("asyncio").addHandler(_AsyncioLogHandler(logging.ERROR))
