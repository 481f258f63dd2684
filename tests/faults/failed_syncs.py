"""Checks a trace with failed syncs: was anything acknowledged that depends on one of them?

After a failed sync the kernel may have dropped the dirty pages and the error: the next sync succeeds without meaning
anything. So the bytes, or the name, must be written again before a sync counts.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from tests.faults.points import role_of
from tests.faults.traced_server import TracedCall
from tests.faults.tracer import BY_NAME, SYNCS

ACKNOWLEDGING = (" 201", " 204")
"""Status codes of creations and appends, but not of reads."""

UPLOADED = "an uploaded file"


def believed(calls: Sequence[TracedCall]) -> list[str]:
    """Each trusted sync and each response that was sent after a failed sync of the same file or directory."""
    doubtful: set[str] = set()
    rewritten: set[str] = set()
    faults = []
    for call in calls:
        if call.call in SYNCS and call.then == "refuse":
            doubtful.add(call.path)
            rewritten.discard(call.path)
        elif call.done and call.path in doubtful:
            if call.path in rewritten:
                doubtful.remove(call.path)
            else:
                faults.append(f"{role_of(call.path)} was synced again, and not written again")
        elif role_of(call.path) == "an answer" and any(status in call.path for status in ACKNOWLEDGING):
            faults += [f"acknowledged after a sync of {role_of(path)} had failed" for path in sorted(doubtful)]
        elif call.call not in SYNCS:
            rewritten |= _made_anew(call)
    return faults


def failed(calls: Sequence[TracedCall]) -> int:
    """The number of failed syncs."""
    return sum(call.call in SYNCS and call.then == "refuse" for call in calls)


def _made_anew(call: TracedCall) -> set[str]:
    if call.then == "refuse":
        return set()
    if call.call in BY_NAME:
        return {call.path, str(PurePosixPath(call.path).parent)}
    # An upload is truncated to the acknowledged offset: a write alone may only have appended to doubtful bytes.
    return {call.path} if role_of(call.path) != UPLOADED or call.call == "ftruncate" else set()
