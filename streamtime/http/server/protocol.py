"""The protocol class that uvicorn runs: request size limits plus timeouts and eviction.

`connection_limits.py` calls `enforce_timeouts` on all connections periodically.
"""

import asyncio

from streamtime.http.server import rejections
from streamtime.http.server.connection_limits import LINGER_S, MIN_BYTES_PER_S, ConnectionLimits, Phase
from streamtime.http.server.request_limits import BoundedConnection

_SUSPECT_HEAD_S, _YOUNG_HEAD_S, _SUSPECT_BODY_S, _SUSPECT_READER_S = 2.0, 0.25, 1.0, 10.0
_LIVELY_BYTES_PER_S = 1000
"""When a connection may be evicted: heads and forms of normal clients arrive in one packet or within a round trip."""


class BoundedProtocol(BoundedConnection):
    """A connection with size limits and timeouts."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Register the connection; it may be rejected."""
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        self._connections.discard(self)
        super().connection_lost(exc)

    @property
    def address(self) -> str:
        """The client's IP address; empty if unknown."""
        return self.client[0] if self.client else ""

    def enforce_timeouts(self, now: float, limits: ConnectionLimits) -> None:
        """End the connection if its current phase has exceeded its time limit."""
        if self.phase is Phase.LEAVING:
            if now - self.phase_started_at > LINGER_S:
                self.transport.abort()
        elif self._stalled_s(now) > limits.send_s:
            self._connections.count(rejections.SLOW_READER)
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self.head_bytes and self.phase is Phase.HEAD and now - self.phase_started_at > limits.head_s:
            self.reject(rejections.SLOW_HEAD)
        elif self._is_unused(now, limits):
            self._connections.count(rejections.IDLE)
            self.transport.close()
        elif self.phase in {Phase.BODY, Phase.REST}:
            self._enforce_body_timeout(now, limits)

    def eviction_rank(self, now: float) -> tuple[int, float] | None:
        """Return the eviction rank, lowest first. None if the connection is in active use."""
        age, rank = now - self.phase_started_at, None
        if self.phase in {Phase.LEAVING, Phase.REST}:
            rank = 0
        elif self.phase is Phase.HEAD and age > _YOUNG_HEAD_S:
            rank = 1 if age > _SUSPECT_HEAD_S else 3
        elif self.phase is Phase.IDLE:
            rank = 2
        elif self.phase is Phase.BODY and age > _SUSPECT_BODY_S and self.received < age * _LIVELY_BYTES_PER_S:
            rank = 4
        elif self._stalled_s(now) > _SUSPECT_READER_S:
            rank = 5
        return None if rank is None else (rank, self.phase_started_at)

    def evict(self) -> None:
        """Close immediately to make room for another connection."""
        if self.phase is Phase.IDLE and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def _is_unused(self, now: float, limits: ConnectionLimits) -> bool:
        if self.phase is Phase.IDLE:
            return not self._unsent and now - self.phase_started_at > limits.keep_alive_s
        return self.phase is Phase.HEAD and now - self.phase_started_at > limits.head_s

    def _enforce_body_timeout(self, now: float, limits: ConnectionLimits) -> None:
        if self.flow.read_paused:  # the application is slow, not the client
            self.last_received_at, self.phase_started_at = now, max(self.phase_started_at, now - limits.body_s)
            return
        max_duration_s = limits.body_s + self.received / MIN_BYTES_PER_S
        if now - self.last_received_at > limits.body_s or now - self.phase_started_at > max_duration_s:
            self.reject(rejections.SLOW_BODY)

    def _stalled_s(self, now: float) -> float:
        """Return for how many seconds the client has read nothing although data is waiting to be sent."""
        if not (self.flow.write_paused or self.phase is Phase.IDLE or self.transport.is_closing()):
            return 0.0  # the application may have written more since
        size = self.transport.get_write_buffer_size()
        if not self._unsent or size < self._unsent:
            self._unsent, self._unsent_at = size, now
        return now - self._unsent_at if size else 0.0
