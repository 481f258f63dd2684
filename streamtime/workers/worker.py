"""Talks to one child: an order out, messages in, with a watchdog. It knows the protocol, nothing of the pipeline."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streamtime.source_facts import SourceFacts
from streamtime.worker_protocol import (
    LENGTH,
    LONGEST_MESSAGE_BYTES,
    Confinement,
    Done,
    Failed,
    Introduce,
    MakePortrait,
    MakeStills,
    Message,
    Order,
    Package,
    PackageMessage,
    Portrait,
    Probe,
    StillsMessage,
    StillWritten,
    decode_message,
    encode,
    output_count,
)
from streamtime.workers import failure
from streamtime.workers.child import Child
from streamtime.workers.memory_watch import MemoryWatch

_RECEIVE_BYTES = 64 << 10
_EXIT_PATIENCE_S = 1.0


class Worker:
    """One attempt. Orders are given one after another; after a failure the child is not to be used again."""

    def __init__(self, child: Child, memory: MemoryWatch, *, stall_timeout_s: float, deadline: float) -> None:
        self._child = child
        self._memory = memory
        self._stall_timeout_s = stall_timeout_s
        self._deadline = deadline
        self._received = bytearray()
        self._waiting: asyncio.Timeout | None = None
        self._held_since: float | None = None

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def last_words(self) -> str:
        """The end of what the child wrote to its standard error: for the log, never for a page."""
        return self._child.last_words

    async def introduce(self) -> Confinement:
        """Ask which layers of the confinement are in force.

        Raises:
            WorkerFailed: if it is not confined enough to work, or the attempt came to harm.
        """
        await self._send(Introduce(), ())
        message = await self._next()
        if not isinstance(message, Confinement):
            raise await self._confused()
        return message

    @property
    def held(self) -> bool:
        """Whether it stands still because it was told to."""
        return self._held_since is not None

    def hold(self) -> None:
        """Stop it where it stands. No watchdog counts the time until it may go on."""
        if self._held_since is None:
            self._held_since = asyncio.get_running_loop().time()
            self._child.hold()
            self._wait_until(None)

    def release(self) -> None:
        """Let it go on. It has the whole of its patience again, and as much time in all as before."""
        if self._held_since is not None:
            now = asyncio.get_running_loop().time()
            self._deadline += now - self._held_since
            self._held_since = None
            self._child.release()
            self._wait_until(min(now + self._stall_timeout_s, self._deadline))

    async def probe(self) -> SourceFacts:
        """Ask what the source is.

        Raises:
            WorkerFailed: if it cannot be played, or the attempt came to harm.
        """
        await self._send(Probe(), ())
        message = await self._next()
        if not isinstance(message, SourceFacts):
            raise await self._confused()
        return message

    async def package(self, order: Package, output_fds: Sequence[int]) -> AsyncIterator[PackageMessage]:
        """Have renditions made; what is done is told as it happens, `Done` last.

        `output_fds[n]` is what `output` number n of the order names, open for writing; they stay the caller's.

        Raises:
            WorkerFailed: if it cannot be done, or the attempt came to harm.
            ValueError: if outputs and descriptors do not match.
        """
        if output_count(order) != len(output_fds):
            raise ValueError("outputs and descriptors do not match")
        await self._send(order, output_fds)
        while True:
            message = await self._next()
            if isinstance(message, SourceFacts | Confinement | StillWritten | Portrait):
                raise await self._confused()
            yield message
            if isinstance(message, Done):
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
            message = await self._next()
            if not isinstance(message, StillsMessage):
                raise await self._confused()
            yield message
            if isinstance(message, Done):
                return

    async def portrait(self, order: MakePortrait) -> bytes:
        """Have a small JPEG made of a still picture. It comes from the child, and is not to be trusted further.

        Raises:
            WorkerFailed: if the source is no picture, or the attempt came to harm.
        """
        await self._send(order, ())
        message = await self._next()
        if not isinstance(message, Portrait):
            raise await self._confused()
        return message.jpeg

    async def _send(self, order: Order, descriptors: Sequence[int]) -> None:
        frame = encode(order)
        connection = self._child.connection
        try:
            async with self._patience():
                # Four bytes always fit into a socket whose other end waits for an order.
                socket.send_fds(connection, [LENGTH.pack(len(frame))], list(descriptors))
                await asyncio.get_running_loop().sock_sendall(connection, frame)
        except TimeoutError:
            raise await self._given_up() from None
        except OSError:
            raise await self._lost() from None

    async def _next(self) -> PackageMessage | StillsMessage | SourceFacts | Confinement | Portrait:
        message = await self._message()
        if isinstance(message, Failed):
            raise failure.reported(message, self._child.last_words)
        return message

    async def _message(self) -> Message:
        (length,) = LENGTH.unpack(await self._exactly(LENGTH.size))
        if length > LONGEST_MESSAGE_BYTES:
            raise await self._confused()
        try:
            return decode_message(await self._exactly(length))
        except ValueError as error:
            raise await self._confused() from error

    async def _exactly(self, length: int) -> bytes:
        while len(self._received) < length:
            self._received += await self._more()
        data = bytes(self._received[:length])
        del self._received[:length]
        return data

    def _wait_until(self, when: float | None) -> None:
        if self._waiting is not None:
            self._waiting.reschedule(when)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """Wait for the child as long as it may take; while it is held, that is for ever."""
        until = None if self.held else min(asyncio.get_running_loop().time() + self._stall_timeout_s, self._deadline)
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                yield
        finally:
            self._waiting = None

    async def _more(self) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            async with self._patience():
                data = await loop.sock_recv(self._child.connection, _RECEIVE_BYTES)
        except TimeoutError:
            raise await self._given_up() from None
        except OSError:
            data = b""
        if not data:
            raise await self._lost()
        return data

    async def _given_up(self) -> failure.WorkerFailed:
        self._child.kill()
        await self._child.exit_status(_EXIT_PATIENCE_S)
        over = asyncio.get_running_loop().time() >= self._deadline
        return (failure.timed_out if over else failure.stalled)(self._child.last_words)

    async def _lost(self) -> failure.WorkerFailed:
        status = await self._child.exit_status(_EXIT_PATIENCE_S)
        if self._memory.exceeded:
            return failure.over_memory(self._memory.most_bytes, self._child.last_words)
        return failure.ended(status, self._child.last_words)

    async def _confused(self) -> failure.WorkerFailed:
        """End a child that speaks another language: it is as good as crashed."""
        self._child.kill()
        await self._child.exit_status(_EXIT_PATIENCE_S)
        return failure.ended(None, f"it broke the protocol; {self._child.last_words}")
