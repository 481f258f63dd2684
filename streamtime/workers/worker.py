"""Sends orders to one worker process and receives its messages, with watchdogs; keeps a registry of running workers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from streamtime.workers import failure
from streamtime.workers.cut_order import Cut, CutWritten
from streamtime.workers.probe_result import ProbeResult
from streamtime.workers.process import MemoryMonitor, WorkerProcess, resident_bytes
from streamtime.workers.protocol import (
    FRAME_LENGTH,
    MAX_MESSAGE_BYTES,
    Confinement,
    CutMessage,
    Handshake,
    MakePosterPicture,
    MakeProfilePicture,
    MakeStills,
    Message,
    Order,
    OrderDone,
    OrderFailed,
    Package,
    PackageMessage,
    PictureMade,
    Probe,
    StillsMessage,
    StillWritten,
    decode_message,
    encode,
    output_count,
)


class WorkerRegistry:
    """The running workers by the id of what they work on."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    @contextmanager
    def register(self, subject: str, pid: int) -> Iterator[None]:
        """Register a worker of `subject` while the context is active."""
        self._pids[subject] = pid
        try:
            yield
        finally:
            if self._pids.get(subject) == pid:
                del self._pids[subject]

    def memory_bytes(self, subject: str) -> int | None:
        """Return the resident memory of the worker on `subject`; None if there is none or it cannot be read."""
        pid = self._pids.get(subject)
        try:
            return resident_bytes(pid) if pid is not None else None
        except OSError:
            return None


_RECEIVE_BYTES = 64 << 10
_EXIT_TIMEOUT_S = 1.0


class Worker:
    """One attempt. Orders run one after another; after a failure the worker must not be used again."""

    def __init__(
        self, process: WorkerProcess, memory: MemoryMonitor, *, stall_timeout_s: float, deadline: float
    ) -> None:
        self._process = process
        self._memory = memory
        self._stall_timeout_s = stall_timeout_s
        self._deadline = deadline
        self._received = bytearray()
        self._timeout: asyncio.Timeout | None = None
        self._paused_since: float | None = None

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def stderr_tail(self) -> str:
        """The end of the worker's standard error: for the log, never for a page."""
        return self._process.stderr_tail

    async def confinement(self) -> Confinement:
        """Ask which confinement layers are in force.

        Raises:
            WorkerFailed: if it is not confined enough to work, or the attempt failed.
        """
        await self._send(Handshake(), ())
        message = await self._next_message()
        if not isinstance(message, Confinement):
            raise await self._protocol_error()
        return message

    @property
    def paused(self) -> bool:
        """Whether the process is suspended by `pause`."""
        return self._paused_since is not None

    def pause(self) -> None:
        """Suspend the process; its timeouts do not run while it is paused."""
        if self._paused_since is None:
            self._paused_since = asyncio.get_running_loop().time()
            self._process.pause()
            self._reschedule(None)

    def resume(self) -> None:
        """Continue the process. The stall timeout starts again, and the deadline moves by the length of the pause."""
        if self._paused_since is not None:
            now = asyncio.get_running_loop().time()
            self._deadline += now - self._paused_since
            self._paused_since = None
            self._process.resume()
            self._reschedule(min(now + self._stall_timeout_s, self._deadline))

    async def probe(self, *, rotate: int = 0) -> ProbeResult:
        """Probe the source, rotated clockwise by `rotate` degrees.

        Raises:
            WorkerFailed: if it cannot be played, or the attempt failed.
        """
        await self._send(Probe(rotate), ())
        message = await self._next_message()
        if not isinstance(message, ProbeResult):
            raise await self._protocol_error()
        return message

    async def package(self, order: Package, output_fds: Sequence[int]) -> AsyncIterator[PackageMessage]:
        """Make renditions; yields messages as they arrive, `OrderDone` last.

        `output_fds[n]` is the descriptor of `output` number n, open for writing; the caller keeps ownership.

        Raises:
            WorkerFailed: if the order or the attempt failed.
            ValueError: if outputs and descriptors do not match.
        """
        if output_count(order) != len(output_fds):
            raise ValueError("outputs and descriptors do not match")
        await self._send(order, output_fds)
        while True:
            message = await self._next_message()
            if isinstance(message, ProbeResult | Confinement | StillWritten | PictureMade | CutWritten):
                raise await self._protocol_error()
            yield message
            if isinstance(message, OrderDone):
                return

    async def stills(self, order: MakeStills, output_fds: Sequence[int]) -> AsyncIterator[StillsMessage]:
        """Make images from a finished rendition; yields messages as `package` does.

        Raises:
            WorkerFailed: if the order or the attempt failed.
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

    async def cut(self, order: Cut, output_fd: int) -> AsyncIterator[CutMessage]:
        """Write parts of the source to a file; yields messages as `package` does. `output_fd` is open for both.

        Raises:
            WorkerFailed: if the order or the attempt failed.
        """
        await self._send(order, [output_fd])
        while True:
            message = await self._next_message()
            if not isinstance(message, CutMessage):
                raise await self._protocol_error()
            yield message
            if isinstance(message, OrderDone):
                return

    async def picture(self, order: MakeProfilePicture | MakePosterPicture) -> bytes:
        """Make a JPEG from a still image. The result comes from an untrusted process.

        Raises:
            WorkerFailed: if the source is no image, or the attempt failed.
        """
        await self._send(order, ())
        message = await self._next_message()
        if not isinstance(message, PictureMade):
            raise await self._protocol_error()
        return message.jpeg

    async def _send(self, order: Order, descriptors: Sequence[int]) -> None:
        frame = encode(order)
        connection = self._process.connection
        try:
            async with self._stall_timeout():
                # Four bytes always fit into the socket of a worker that waits for an order.
                socket.send_fds(connection, [FRAME_LENGTH.pack(len(frame))], list(descriptors))
                await asyncio.get_running_loop().sock_sendall(connection, frame)
        except TimeoutError:
            raise await self._on_timeout() from None
        except OSError:
            raise await self._on_disconnect() from None

    async def _next_message(
        self,
    ) -> PackageMessage | StillsMessage | CutMessage | ProbeResult | Confinement | PictureMade:
        message = await self._read_message()
        if isinstance(message, OrderFailed):
            raise failure.from_message(message, self._process.stderr_tail)
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
        """Limit the wait for the next message by the stall timeout and the deadline; without a limit while paused."""
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
                data = await loop.sock_recv(self._process.connection, _RECEIVE_BYTES)
        except TimeoutError:
            raise await self._on_timeout() from None
        except OSError:
            data = b""
        if not data:
            raise await self._on_disconnect()
        return data

    async def _on_timeout(self) -> failure.WorkerFailed:
        self._process.kill()
        await self._process.wait_exit(_EXIT_TIMEOUT_S)
        over = asyncio.get_running_loop().time() >= self._deadline
        return (failure.timed_out if over else failure.stalled)(self._process.stderr_tail)

    async def _on_disconnect(self) -> failure.WorkerFailed:
        status = await self._process.wait_exit(_EXIT_TIMEOUT_S)
        if self._memory.exceeded:
            return failure.out_of_memory(self._memory.limit_bytes, self._process.stderr_tail)
        return failure.crashed(status, self._process.stderr_tail)

    async def _protocol_error(self) -> failure.WorkerFailed:
        """Kill a worker that breaks the protocol, and report it as crashed."""
        self._process.kill()
        await self._process.wait_exit(_EXIT_TIMEOUT_S)
        return failure.crashed(None, f"it broke the protocol; {self._process.stderr_tail}")
