"""Judges a trace in which syncs failed: was anything acknowledged that rests on one of them?

After a sync that failed the kernel may have dropped what it could not write, and forgotten that it did: the next sync
succeeds and means nothing. So the bytes, or the name, have to be made anew before a sync is believed again.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from tests.faults.points import role_of
from tests.faults.traced_server import TracedCall
from tests.faults.tracer import BY_NAME, SYNCS

ACKNOWLEDGING = (" 201", " 204")
"""Beginnings and pieces of uploads are answered so; a look at one is not."""

UPLOADED = "an uploaded file"


def believed(calls: Sequence[TracedCall]) -> list[str]:
    """Each sync that was believed, and each answer that was given, after one on the same file or folder had failed."""
    doubtful: set[str] = set()
    anew: set[str] = set()
    faults = []
    for call in calls:
        if call.call in SYNCS and call.then == "refuse":
            doubtful.add(call.path)
            anew.discard(call.path)
        elif call.done and call.path in doubtful:
            if call.path in anew:
                doubtful.remove(call.path)
            else:
                faults.append(f"{role_of(call.path)} was synced again, and not made anew")
        elif role_of(call.path) == "an answer" and any(status in call.path for status in ACKNOWLEDGING):
            faults += [f"acknowledged after a sync of {role_of(path)} had failed" for path in sorted(doubtful)]
        elif call.call not in SYNCS:
            anew |= _made_anew(call)
    return faults


def failed(calls: Sequence[TracedCall]) -> int:
    """How many syncs were refused."""
    return sum(call.call in SYNCS and call.then == "refuse" for call in calls)


def _made_anew(call: TracedCall) -> set[str]:
    if call.then == "refuse":
        return set()
    if call.call in BY_NAME:
        return {call.path, str(PurePosixPath(call.path).parent)}
    # An upload is cut back to what was acknowledged: a write alone may only have added to what is doubtful.
    return {call.path} if role_of(call.path) != UPLOADED or call.call == "ftruncate" else set()
