"""uvicorn's protocol as this server runs it: bounded in what is kept of a request, and in how long all of it may take.

Times are checked by `connections.py`, which looks at all connections at once.
"""

import asyncio

from streamtime.http import refusals
from streamtime.http.bounded_input import BoundedInput
from streamtime.http.connections import LINGER_S, MIN_BYTES_PER_S, ConnectionLimits, Phase

_SUSPECT_HEAD_S, _YOUNG_HEAD_S, _SUSPECT_BODY_S, _SUSPECT_READER_S = 2.0, 0.25, 1.0, 10.0
_LIVELY_BYTES_PER_S = 1000
"""When a connection may be closed for another: honest heads and forms come in one packet, or within a round trip."""


class BoundedProtocol(BoundedInput):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count it; there may be no room for it."""
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self._connections.discard(self)
        super().connection_lost(exc)

    @property
    def address(self) -> str:
        """Where the connection comes from."""
        return self.client[0] if self.client else ""

    def look(self, now: float, limits: ConnectionLimits) -> None:
        """End what has taken too long."""
        if self.phase is Phase.LEAVING:
            if now - self.since > LINGER_S:
                self.transport.abort()
        elif self._stalled_s(now) > limits.send_s:
            self._connections.count(refusals.SLOW_READER)
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self.head_bytes and self.phase is Phase.HEAD and now - self.since > limits.head_s:
            self.refuse(refusals.SLOW_HEAD)
        elif self._is_unused(now, limits):
            self._connections.count(refusals.IDLE)
            self.transport.close()
        elif self.phase in {Phase.BODY, Phase.REST}:
            self._look_at_body(now, limits)

    def rank(self, now: float) -> tuple[int, float] | None:
        """Which connection is closed first where there are too many: the least rank. None where it is in good use."""
        age, found = now - self.since, None
        if self.phase in {Phase.LEAVING, Phase.REST}:
            found = 0
        elif self.phase is Phase.HEAD and age > _YOUNG_HEAD_S:
            found = 1 if age > _SUSPECT_HEAD_S else 3
        elif self.phase is Phase.IDLE:
            found = 2
        elif self.phase is Phase.BODY and age > _SUSPECT_BODY_S and self.received < age * _LIVELY_BYTES_PER_S:
            found = 4
        elif self._stalled_s(now) > _SUSPECT_READER_S:
            found = 5
        return None if found is None else (found, self.since)

    def evict(self) -> None:
        """Close at once, for another."""
        if self.phase is Phase.IDLE and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def _is_unused(self, now: float, limits: ConnectionLimits) -> bool:
        if self.phase is Phase.IDLE:
            return not self._unsent and now - self.since > limits.keep_alive_s
        return self.phase is Phase.HEAD and now - self.since > limits.head_s

    def _look_at_body(self, now: float, limits: ConnectionLimits) -> None:
        if self.flow.read_paused:  # it is the application that is slow
            self.heard, self.since = now, max(self.since, now - limits.body_s)
            return
        patience_s = limits.body_s + self.received / MIN_BYTES_PER_S
        if now - self.heard > limits.body_s or now - self.since > patience_s:
            self.refuse(refusals.SLOW_BODY)

    def _stalled_s(self, now: float) -> float:
        """For how long the client has read nothing of what waits to be sent to it."""
        if not (self.flow.write_paused or self.phase is Phase.IDLE or self.transport.is_closing()):
            return 0.0  # the application may have added to it since
        size = self.transport.get_write_buffer_size()
        if not self._unsent or size < self._unsent:
            self._unsent, self._unsent_at = size, now
        return now - self._unsent_at if size else 0.0
