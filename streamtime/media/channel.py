"""The worker's end of the socket: receives orders, sends messages and progress."""

import array
import socket
import threading
import time

from streamtime.workers.protocol import (
    FRAME_LENGTH,
    MAX_ORDER_BYTES,
    MAX_OUTPUTS,
    Message,
    Order,
    OrderProgress,
    decode_order,
    encode,
)

_HEARTBEAT_S = 0.5


class Channel:
    """The connection to the server; any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def receive(self) -> tuple[Order, list[int]] | None:
        """Wait for the next order and its descriptors, which the caller closes; None at the end.

        Raises:
            ValueError: if the data is no order.
        """
        head, descriptors = self._receive_head()
        if not head:
            return None
        (length,) = FRAME_LENGTH.unpack(head)
        if length > MAX_ORDER_BYTES:
            raise ValueError("the order is too long")
        return decode_order(self._receive_exactly(length)), descriptors

    def send(self, message: Message) -> None:
        """Send one complete message."""
        frame = encode(message)
        with self._lock:
            self._connection.sendall(FRAME_LENGTH.pack(len(frame)) + frame)

    def _receive_head(self) -> tuple[bytes, list[int]]:
        buffer_size = socket.CMSG_SPACE(MAX_OUTPUTS * array.array("i").itemsize)
        head, ancillary, _flags, _address = self._connection.recvmsg(FRAME_LENGTH.size, buffer_size)
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        if head and len(head) < FRAME_LENGTH.size:
            head += self._receive_exactly(FRAME_LENGTH.size - len(head))
        return head, list(descriptors)

    def _receive_exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = self._connection.recv(length - len(data))
            if not part:
                raise ValueError("the order was cut short")
            data += part
        return bytes(data)


class Reporter:
    """Reports progress about twice a second, but only while the work advances."""

    def __init__(self, channel: Channel, duration_s: float | None) -> None:
        self._channel = channel
        self._duration_s = duration_s
        self._reached_s = 0.0
        self._from_s: float | None = None
        self._began = time.monotonic()
        self._next = self._began + _HEARTBEAT_S
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send one message immediately."""
        self._channel.send(message)

    def advance(self, time_s: float) -> None:
        """Record that a track has reached `time_s` of the video. Tracks advance at about the same pace."""
        with self._lock:
            self._from_s = time_s if self._from_s is None else self._from_s
            self._reached_s = max(time_s, self._reached_s)
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + _HEARTBEAT_S
            progress = OrderProgress(self._fraction(), round((self._reached_s - self._from_s) / (now - self._began), 3))
        self._channel.send(progress)

    def _fraction(self) -> float:
        return round(min(1.0, self._reached_s / self._duration_s), 4) if self._duration_s else 0.0
