"""Checks a trace: was everything on disk before the response that acknowledges it?

A kill does not show this, since written data survives the process in the page cache. Only the order of the calls
does: the bytes of a file are synced, then its row is written to the log and synced, then the response is sent.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from tests.faults.points import role_of
from tests.faults.traced_server import TracedCall
from tests.faults.tracer import BY_NAME, SYNCS

LOG = "the log of the database"
UPLOADED = "an uploaded file"
SPOOL = "a folder of the spool"
REMOVALS = ("unlink", "unlinkat", "rmdir")


class _Disk:
    """Changes that are not synced yet, up to the current position in the trace."""

    def __init__(self) -> None:
        self.changed: dict[str, int] = {}
        self._syncing: dict[int, int] = {}

    def read(self, number: int, call: TracedCall) -> None:
        if call.call in SYNCS and not call.done:
            self._syncing[call.task] = number
        elif call.done:
            # Only what was written before the start of a sync is on disk when it returns.
            if self.changed.get(call.path, number) < self._syncing.pop(call.task, -1):
                del self.changed[call.path]
        elif call.call in BY_NAME and call.call not in REMOVALS:
            self.changed[str(PurePosixPath(call.path).parent)] = number
        elif call.call not in BY_NAME:
            self.changed[call.path] = number

    def unsynced(self, role: str) -> list[str]:
        return [f"{role} was changed and not synced" for path in self.changed if role_of(path) == role]


def answer_in(calls: Sequence[TracedCall]) -> int:
    """The index of the first successful response."""
    return next(n for n, call in enumerate(calls) if role_of(call.path) == "an answer" and " 2" in call.path)


def faults_of(calls: Sequence[TracedCall]) -> list[str]:
    """The faults in the order of the calls from a request to its response, which is the last of them.

    The request must write at least one row.
    """
    commit = _commit(calls)
    if commit is None:
        return ["the answer left before anything was written down and synced"]
    disk, faults = _Disk(), []
    for number, call in enumerate(calls):
        if number == commit:
            faults += [f"{words} when the row told of it" for words in disk.unsynced(UPLOADED)]
        disk.read(number, call)
    late = [] if _bytes_in(calls) else [SPOOL, UPLOADED]  # jobs start with the last byte, and create directories
    return faults + [f"{words} when the answer left" for role in late for words in disk.unsynced(role)]


def _commit(calls: Sequence[TracedCall]) -> int | None:
    """The index of the first write to the log for the acknowledged change, if it was synced after that.

    After the last sync of the file, if bytes were received: an earlier row cannot refer to them.
    """
    synced = [number for number, call in enumerate(calls) if call.done and role_of(call.path) == UPLOADED]
    written: int | None = None
    disk = _Disk()
    for number, call in enumerate(calls):
        disk.read(number, call)
        if role_of(call.path) != LOG or (synced and number < synced[-1]):
            continue
        if call.done and written is not None and call.path not in disk.changed:
            return written
        if call.call not in SYNCS and written is None:
            written = number
    return None


def _bytes_in(calls: Sequence[TracedCall]) -> bool:
    return any(role_of(call.path) == UPLOADED and call.call.startswith(("pwrite", "write")) for call in calls)
