"""A proxy between a client and a server that fails on demand: away, slow, resetting in mid-body, answering for itself.

It runs on a thread of its own, so that both plain and asynchronous tests can turn its faults on and off. It knows TCP,
and as much of HTTP as it takes to refuse a request; it knows nothing of S3.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024
TICK_S = 0.05


@dataclass
class Faults:
    """What is wrong at the moment; nothing at the beginning."""

    bytes_per_s: int | None = None
    reset_sent_after: int | None = None
    """Reset a connection when the client has sent so much on it."""
    reset_answer_after: int | None = None
    """Reset a connection when the server has answered so much on it."""
    status: int | None = None
    """Answer every request with this, without asking the server."""
    swallow_answers: bool = False
    """Let the server do what it is asked, and reset the connection instead of passing its answer on."""


class FaultProxy:
    """Listens on 127.0.0.1, at one port for as long as it lives, before the server at `target`."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._faults = Faults()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.requests = 0
        """Connections taken so far."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stop(self) -> None:
        """Be away: connections are reset, and new ones refused."""
        self._do(self._stop_listening)

    def start(self) -> None:
        """Be back, at the same port."""
        self._do(self._listen)

    def set_faults(self, faults: Faults) -> None:
        """From now on, for the connections that are open too."""
        self._set(faults)

    def clear(self) -> None:
        """No faults any more."""
        self._set(Faults())

    @contextmanager
    def failing(self, faults: Faults) -> Iterator[None]:
        """For as long as the block lasts."""
        self.set_faults(faults)
        try:
            yield
        finally:
            self.clear()

    def _set(self, faults: Faults) -> None:
        async def body() -> None:
            self._faults = faults
            if faults.status is not None or faults.bytes_per_s is not None:
                self._reset_all()  # a kept connection would go on as before

        self._do(body)

    def _do(self, body: Callable[[], object]) -> None:
        asyncio.run_coroutine_threadsafe(body(), self._loop).result(timeout=30)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._reset_all()

    async def _end(self) -> None:
        await self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in [*self._open]:
            _reset(writer)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._open.add(writer)
        self.requests += 1
        try:
            if self._faults.status is None:
                await self._pass_on(reader, writer)
            else:
                await _refuse(reader, writer, self._faults.status)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two has gone, or the proxy ends
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(*self._target)
        self._open.add(requests)
        there = asyncio.ensure_future(self._pump(reader, requests, lambda: self._faults.reset_sent_after, writer))
        back = asyncio.ensure_future(self._pump(answers, writer, self._answer_bound, writer))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in (there, back):
                pump.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            self._open.discard(requests)
            requests.close()

    def _answer_bound(self) -> int | None:
        return 0 if self._faults.swallow_answers else self._faults.reset_answer_after

    async def _pump(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        bound: Callable[[], int | None],
        client: asyncio.StreamWriter,
    ) -> None:
        passed = 0
        while True:
            pace = self._faults.bytes_per_s
            data = await source.read(PIECE_BYTES if pace is None else max(1, int(pace * TICK_S)))
            if not data:
                return
            if pace is not None:
                await asyncio.sleep(TICK_S)
            end = bound()
            if end is not None and passed + len(data) > end:
                target.write(data[: max(0, end - passed)])
                with suppress(OSError):
                    await target.drain()
                _reset(client)
                return
            passed += len(data)
            target.write(data)
            await target.drain()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
    """Read one whole request, answer it as a tired proxy does, and hang up."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
    left = int(fields.get(b"content-length", b"0"))
    while left > 0 and (data := await reader.read(min(left, PIECE_BYTES))):
        left -= len(data)
    words = b"<html><body>try again later</body></html>"
    writer.write(
        b"HTTP/1.1 %d Sorry\r\ncontent-type: text/html\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
        % (status, len(words), b"" if head.startswith(b"HEAD") else words)
    )
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a reset, not an end."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = writer.transport
    transport.abort()
