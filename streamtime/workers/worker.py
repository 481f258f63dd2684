"""Talks to one child: an order out, messages in, with a watchdog. It knows the protocol, nothing of the pipeline.

Who is at work on what: the children of this moment by the name of their subject, and the memory that each has.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from streamtime.workers import failure
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.process import Child, MemoryMonitor, resident_bytes
from streamtime.workers.protocol import (
    FRAME_LENGTH,
    MAX_MESSAGE_BYTES,
    Confinement,
    Handshake,
    MakeProfilePicture,
    MakeStills,
    Message,
    Order,
    OrderDone,
    OrderFailed,
    Package,
    PackageMessage,
    Probe,
    ProfilePictureMade,
    StillsMessage,
    StillWritten,
    decode_message,
    encode,
    output_count,
)


class WorkerRegistry:
    """All children that are at work."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    @contextmanager
    def register(self, subject: str, pid: int) -> Iterator[None]:
        """For as long as the context lasts, this child works on `subject`."""
        self._pids[subject] = pid
        try:
            yield
        finally:
            if self._pids.get(subject) == pid:
                del self._pids[subject]

    def memory_bytes(self, subject: str) -> int | None:
        """What the child at work on `subject` has in memory just now; None where there is none, or nobody can tell."""
        pid = self._pids.get(subject)
        try:
            return resident_bytes(pid) if pid is not None else None
        except OSError:
            return None


_RECEIVE_BYTES = 64 << 10
_EXIT_TIMEOUT_S = 1.0


class Worker:
    """One attempt. Orders are given one after another; after a failure the child is not to be used again."""

    def __init__(self, child: Child, memory: MemoryMonitor, *, stall_timeout_s: float, deadline: float) -> None:
        self._child = child
        self._memory = memory
        self._stall_timeout_s = stall_timeout_s
        self._deadline = deadline
        self._received = bytearray()
        self._timeout: asyncio.Timeout | None = None
        self._paused_since: float | None = None

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def stderr_tail(self) -> str:
        """The end of what the child wrote to its standard error: for the log, never for a page."""
        return self._child.stderr_tail

    async def confinement(self) -> Confinement:
        """Ask which layers of the confinement are in force.

        Raises:
            WorkerFailed: if it is not confined enough to work, or the attempt came to harm.
        """
        await self._send(Handshake(), ())
        message = await self._next_message()
        if not isinstance(message, Confinement):
            raise await self._protocol_error()
        return message

    @property
    def paused(self) -> bool:
        """Whether it stands still because it was told to."""
        return self._paused_since is not None

    def pause(self) -> None:
        """Stop it where it stands. No watchdog counts the time until it may go on."""
        if self._paused_since is None:
            self._paused_since = asyncio.get_running_loop().time()
            self._child.pause()
            self._reschedule(None)

    def resume(self) -> None:
        """Let it go on. It has the whole of its patience again, and as much time in all as before."""
        if self._paused_since is not None:
            now = asyncio.get_running_loop().time()
            self._deadline += now - self._paused_since
            self._paused_since = None
            self._child.resume()
            self._reschedule(min(now + self._stall_timeout_s, self._deadline))

    async def probe(self) -> ProbeResult:
        """Ask what the source is.

        Raises:
            WorkerFailed: if it cannot be played, or the attempt came to harm.
        """
        await self._send(Probe(), ())
        message = await self._next_message()
        if not isinstance(message, ProbeResult):
            raise await self._protocol_error()
        return message

    async def package(self, order: Package, output_fds: Sequence[int]) -> AsyncIterator[PackageMessage]:
        """Have renditions made; what is done is told as it happens, `OrderDone` last.

        `output_fds[n]` is what `output` number n of the order names, open for writing; they stay the caller's.

        Raises:
            WorkerFailed: if it cannot be done, or the attempt came to harm.
            ValueError: if outputs and descriptors do not match.
        """
        if output_count(order) != len(output_fds):
            raise ValueError("outputs and descriptors do not match")
        await self._send(order, output_fds)
        while True:
            message = await self._next_message()
            if isinstance(message, ProbeResult | Confinement | StillWritten | ProfilePictureMade):
                raise await self._protocol_error()
            yield message
            if isinstance(message, OrderDone):
                return

    async def stills(self, order: MakeStills, output_fds: Sequence[int]) -> AsyncIterator[StillsMessage]:
        """Have pictures made of a finished rendition; otherwise as `package`.

        Raises:
            WorkerFailed: if it cannot be done, or the attempt came to harm.
            ValueError: if outputs and descriptors do not match.
        """
        if output_count(order) != len(output_fds):
            raise ValueError("outputs and descriptors do not match")
        await self._send(order, output_fds)
        while True:
            message = await self._next_message()
            if not isinstance(message, StillsMessage):
                raise await self._protocol_error()
            yield message
            if isinstance(message, OrderDone):
                return

    async def portrait(self, order: MakeProfilePicture) -> bytes:
        """Have a small JPEG made of a still picture. It comes from the child, and is not to be trusted further.

        Raises:
            WorkerFailed: if the source is no picture, or the attempt came to harm.
        """
        await self._send(order, ())
        message = await self._next_message()
        if not isinstance(message, ProfilePictureMade):
            raise await self._protocol_error()
        return message.jpeg

    async def _send(self, order: Order, descriptors: Sequence[int]) -> None:
        frame = encode(order)
        connection = self._child.connection
        try:
            async with self._stall_timeout():
                # Four bytes always fit into a socket whose other end waits for an order.
                socket.send_fds(connection, [FRAME_LENGTH.pack(len(frame))], list(descriptors))
                await asyncio.get_running_loop().sock_sendall(connection, frame)
        except TimeoutError:
            raise await self._on_timeout() from None
        except OSError:
            raise await self._on_disconnect() from None

    async def _next_message(self) -> PackageMessage | StillsMessage | ProbeResult | Confinement | ProfilePictureMade:
        message = await self._read_message()
        if isinstance(message, OrderFailed):
            raise failure.from_message(message, self._child.stderr_tail)
        return message

    async def _read_message(self) -> Message:
        (length,) = FRAME_LENGTH.unpack(await self._read_exactly(FRAME_LENGTH.size))
        if length > MAX_MESSAGE_BYTES:
            raise await self._protocol_error()
        try:
            return decode_message(await self._read_exactly(length))
        except ValueError as error:
            raise await self._protocol_error() from error

    async def _read_exactly(self, length: int) -> bytes:
        while len(self._received) < length:
            self._received += await self._receive()
        data = bytes(self._received[:length])
        del self._received[:length]
        return data

    def _reschedule(self, when: float | None) -> None:
        if self._timeout is not None:
            self._timeout.reschedule(when)

    @asynccontextmanager
    async def _stall_timeout(self) -> AsyncIterator[None]:
        """Wait for the child as long as it may take; while it is held, that is for ever."""
        until = None if self.paused else min(asyncio.get_running_loop().time() + self._stall_timeout_s, self._deadline)
        try:
            async with asyncio.timeout_at(until) as self._timeout:
                yield
        finally:
            self._timeout = None

    async def _receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            async with self._stall_timeout():
                data = await loop.sock_recv(self._child.connection, _RECEIVE_BYTES)
        except TimeoutError:
            raise await self._on_timeout() from None
        except OSError:
            data = b""
        if not data:
            raise await self._on_disconnect()
        return data

    async def _on_timeout(self) -> failure.WorkerFailed:
        self._child.kill()
        await self._child.wait_exit(_EXIT_TIMEOUT_S)
        over = asyncio.get_running_loop().time() >= self._deadline
        return (failure.timed_out if over else failure.stalled)(self._child.stderr_tail)

    async def _on_disconnect(self) -> failure.WorkerFailed:
        status = await self._child.wait_exit(_EXIT_TIMEOUT_S)
        if self._memory.exceeded:
            return failure.out_of_memory(self._memory.limit_bytes, self._child.stderr_tail)
        return failure.crashed(status, self._child.stderr_tail)

    async def _protocol_error(self) -> failure.WorkerFailed:
        """End a child that speaks another language: it is as good as crashed."""
        self._child.kill()
        await self._child.wait_exit(_EXIT_TIMEOUT_S)
        return failure.crashed(None, f"it broke the protocol; {self._child.stderr_tail}")
