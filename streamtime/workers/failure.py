"""Errors of a worker attempt, each with a code and a message for the user.

A worker processes untrusted files, so its standard error is untrusted too: `sanitize_stderr` removes control characters
and directory names and limits the length before the text is stored or logged.
"""

import re
import signal

from streamtime.errors import MediaError
from streamtime.workers.protocol import OrderFailed

MAX_CHARACTERS = 2_000
"""The end of the text is kept, because a traceback ends with the error."""

_DIRECTORIES = re.compile(r"(?:/[^/\s\"':]+)+/(?=[^/\s\"':]+)")


def sanitize_stderr(raw: str) -> str:
    """Return the end of the text with unprintable characters escaped and directories removed; line breaks stay."""
    lines = _DIRECTORIES.sub("", raw[-MAX_CHARACTERS * 2 :]).splitlines()
    text = "\n".join("".join(map(_printable, line)) for line in lines).strip()
    return text if len(text) <= MAX_CHARACTERS else "..." + text[-MAX_CHARACTERS:]


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class WorkerFailed(MediaError):
    """An attempt failed; the server and other attempts are not affected.

    `code` is the worker's own (`no_video`, `damaged`, `copy_unfit`, `audio_copy_unfit` ...) or one of `worker_crashed`,
    `worker_killed`, `worker_memory`, `worker_stalled`, `worker_timeout`, `worker_unavailable`. `retryable` tells
    whether another attempt may succeed. `stderr_tail` is the end of the worker's standard error: for the log, never for
    a page.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, stderr_tail: str = "") -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.stderr_tail = stderr_tail


def from_message(failed: OrderFailed, stderr_tail: str) -> WorkerFailed:
    """The worker reported the error itself."""
    return WorkerFailed(failed.code, failed.message, retryable=failed.retryable, stderr_tail=stderr_tail)


def crashed(status: int | None, stderr_tail: str) -> WorkerFailed:
    """The worker exited during an order; `status` is `Popen.returncode`."""
    if status == -signal.SIGKILL:
        message = "The work on this video was stopped from outside, perhaps because memory ran out."
        return WorkerFailed("worker_killed", message, retryable=True, stderr_tail=stderr_tail)
    message = "The program that works on this video crashed."
    return WorkerFailed("worker_crashed", message, retryable=True, stderr_tail=f"[exit {status}] {stderr_tail}")


def out_of_memory(limit_bytes: int, stderr_tail: str) -> WorkerFailed:
    """The worker exceeded its memory limit and was killed by the server."""
    message = f"This video needs more than the {limit_bytes >> 20} MiB of memory that are allowed."
    return WorkerFailed("worker_memory", message, retryable=False, stderr_tail=stderr_tail)


def stalled(stderr_tail: str) -> WorkerFailed:
    """The worker sent no message within the stall timeout."""
    message = "The work on this video stalled and was stopped."
    return WorkerFailed("worker_stalled", message, retryable=True, stderr_tail=stderr_tail)


def timed_out(stderr_tail: str) -> WorkerFailed:
    """The worker exceeded the total time limit."""
    message = "The work on this video took too long and was stopped."
    return WorkerFailed("worker_timeout", message, retryable=False, stderr_tail=stderr_tail)


def unavailable(reason: str) -> WorkerFailed:
    """No worker process could be started."""
    message = "The program that works on videos could not be started."
    return WorkerFailed("worker_unavailable", message, retryable=True, stderr_tail=reason)
