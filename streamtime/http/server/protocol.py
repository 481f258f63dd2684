"""uvicorn's protocol as this server runs it: bounded in what is kept of a request, and in how long all of it may take.

Times are checked by `connection_limits.py`, which looks at all connections at once.
"""

import asyncio

from streamtime.http.server import refusals
from streamtime.http.server.connection_limits import LINGER_S, MIN_BYTES_PER_S, ConnectionLimits, Phase
from streamtime.http.server.request_limits import BoundedConnection

_SUSPECT_HEAD_S, _YOUNG_HEAD_S, _SUSPECT_BODY_S, _SUSPECT_READER_S = 2.0, 0.25, 1.0, 10.0
_LIVELY_BYTES_PER_S = 1000
"""When a connection may be closed for another: honest heads and forms come in one packet, or within a round trip."""


class BoundedProtocol(BoundedConnection):
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

    def enforce_timeouts(self, now: float, limits: ConnectionLimits) -> None:
        """End what has taken too long."""
        if self.phase is Phase.LEAVING:
            if now - self.phase_started_at > LINGER_S:
                self.transport.abort()
        elif self._stalled_s(now) > limits.send_s:
            self._connections.count(refusals.SLOW_READER)
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self.head_bytes and self.phase is Phase.HEAD and now - self.phase_started_at > limits.head_s:
            self.reject(refusals.SLOW_HEAD)
        elif self._is_unused(now, limits):
            self._connections.count(refusals.IDLE)
            self.transport.close()
        elif self.phase in {Phase.BODY, Phase.REST}:
            self._enforce_body_timeout(now, limits)

    def eviction_rank(self, now: float) -> tuple[int, float] | None:
        """Which connection is closed first where there are too many: the least rank. None where it is in good use."""
        age, found = now - self.phase_started_at, None
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
        return None if found is None else (found, self.phase_started_at)

    def evict(self) -> None:
        """Close at once, for another."""
        if self.phase is Phase.IDLE and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def _is_unused(self, now: float, limits: ConnectionLimits) -> bool:
        if self.phase is Phase.IDLE:
            return not self._unsent and now - self.phase_started_at > limits.keep_alive_s
        return self.phase is Phase.HEAD and now - self.phase_started_at > limits.head_s

    def _enforce_body_timeout(self, now: float, limits: ConnectionLimits) -> None:
        if self.flow.read_paused:  # it is the application that is slow
            self.last_received_at, self.phase_started_at = now, max(self.phase_started_at, now - limits.body_s)
            return
        patience_s = limits.body_s + self.received / MIN_BYTES_PER_S
        if now - self.last_received_at > limits.body_s or now - self.phase_started_at > patience_s:
            self.reject(refusals.SLOW_BODY)

    def _stalled_s(self, now: float) -> float:
        """For how long the client has read nothing of what waits to be sent to it."""
        if not (self.flow.write_paused or self.phase is Phase.IDLE or self.transport.is_closing()):
            return 0.0  # the application may have added to it since
        size = self.transport.get_write_buffer_size()
        if not self._unsent or size < self._unsent:
            self._unsent, self._unsent_at = size, now
        return now - self._unsent_at if size else 0.0
