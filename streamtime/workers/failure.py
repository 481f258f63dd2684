"""How an attempt of a child can fail, in plain words. It knows exit statuses and messages, nothing of processes.

The end of what a child wrote, made safe to keep and to show to the owner of the file. Pure.

A child speaks in the name of a stranger's file: its words may hold control characters, and a traceback names where
the server is installed. What is kept is short, printable, and says nothing of directories.
"""

import re
import signal

from streamtime.errors import MediaError
from streamtime.workers.protocol import OrderFailed

MAX_CHARACTERS = 2_000
"""The end counts: that is where a traceback says what happened."""

_FOLDERS = re.compile(r"(?:/[^/\s\"':]+)+/(?=[^/\s\"':]+)")


def sanitize_stderr(raw: str) -> str:
    """Bounded and printable: other characters become what Python calls them, lines stay lines."""
    lines = _FOLDERS.sub("", raw[-MAX_CHARACTERS * 2 :]).splitlines()
    text = "\n".join("".join(map(_printable, line)) for line in lines).strip()
    return text if len(text) <= MAX_CHARACTERS else "..." + text[-MAX_CHARACTERS:]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class WorkerFailed(MediaError):
    """The attempt is over; the server and other attempts are untouched.

    `code` is the child's own (`no_video`, `damaged`, `copy_unfit`, `audio_copy_unfit` ...) or one of
    `worker_crashed`, `worker_killed`, `worker_memory`, `worker_stalled`, `worker_timeout`, `worker_unavailable`.
    `retryable` where another attempt may go better. `last_words` is what the child wrote to its standard error: for
    the log, never for a page.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, stderr_tail: str = "") -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.stderr_tail = stderr_tail


def from_message(failed: OrderFailed, stderr_tail: str) -> WorkerFailed:
    """The child said so itself."""
    return WorkerFailed(failed.code, failed.message, retryable=failed.retryable, stderr_tail=stderr_tail)


def crashed(status: int | None, stderr_tail: str) -> WorkerFailed:
    """The child ended in the middle of its work; `status` as `Popen.returncode` has it."""
    if status == -signal.SIGKILL:
        message = "The work on this video was ended from outside, perhaps because memory ran out."
        return WorkerFailed("worker_killed", message, retryable=True, stderr_tail=stderr_tail)
    message = "The program that works on this video crashed."
    return WorkerFailed("worker_crashed", message, retryable=True, stderr_tail=f"[exit {status}] {stderr_tail}")


def out_of_memory(limit_bytes: int, stderr_tail: str) -> WorkerFailed:
    """The server saw it take more memory than it may."""
    message = f"This video needs more memory to work on than the {limit_bytes >> 20} MiB that are allowed for it."
    return WorkerFailed("worker_memory", message, retryable=False, stderr_tail=stderr_tail)


def stalled(stderr_tail: str) -> WorkerFailed:
    """No sign of life for too long."""
    message = "The work on this video came to a standstill and was ended."
    return WorkerFailed("worker_stalled", message, retryable=True, stderr_tail=stderr_tail)


def timed_out(stderr_tail: str) -> WorkerFailed:
    """Alive, but over the last limit of all."""
    message = "The work on this video took too long and was ended."
    return WorkerFailed("worker_timeout", message, retryable=False, stderr_tail=stderr_tail)


def unavailable(reason: str) -> WorkerFailed:
    """No child could be started."""
    message = "The program that works on videos could not be started."
    return WorkerFailed("worker_unavailable", message, retryable=True, stderr_tail=reason)
