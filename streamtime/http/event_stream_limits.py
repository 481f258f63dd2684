"""How many event streams are open: in all, from one address, of one session. A stream holds a place until it ends."""

import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from streamtime.errors import TooManyRequests

RETRY_S = 30
"""When a client that was refused may come again: pages leave streams all the time."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams may be open at once."""

    total: int
    per_address: int
    per_session: int


class StreamSlot:
    """One stream's place. It is given back with `release`, or when nothing refers to it any more.

    A stream whose client leaves before the first byte is never run, so its own end cannot give anything back.
    """

    __slots__ = ("__weakref__", "release")

    def __init__(self, counts: Counter[str], keys: Sequence[str]) -> None:
        counts.update(keys)
        self.release = weakref.finalize(self, _release, counts, keys)


class StreamSlots:
    """Gives places to streams, as long as there are any."""

    def __init__(self, caps: StreamLimits) -> None:
        self._limits = caps
        self._taken: Counter[str] = Counter()

    def acquire(self, address: str, session: str) -> StreamSlot:
        """A place for a stream from that address; `session` is empty for somebody who is not signed in.

        Raises:
            TooMany: one of the limits is reached.
        """
        wanted = [("", self._limits.total), (f"address {address}", self._limits.per_address)]
        if session:
            wanted.append((f"session {session}", self._limits.per_session))
        if any(self._taken[key] >= most for key, most in wanted):
            raise TooManyRequests(
                "Too many pages listen for changes already. Close some, or try again in a moment.",
                retry_after_s=RETRY_S,
            )
        return StreamSlot(self._taken, [key for key, _ in wanted])


def _release(counts: Counter[str], keys: Sequence[str]) -> None:
    for key in keys:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
