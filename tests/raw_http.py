"""Requests as bytes over a socket, for what no HTTP client would send."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.people import ServerUnderTest

TIMEOUT_S = 90.0


@dataclass(frozen=True)
class RawResponse:
    """One answer, its body as it was sent."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        wanted = name.lower().encode() + b":"
        lines = self.head.split(b"\r\n")[1:]
        return next((line[len(wanted) :].strip().decode() for line in lines if line.lower().startswith(wanted)), None)


class RawConnection:
    """One connection to a server, from any address of this machine."""

    def __init__(self, server: ServerUnderTest, *, source: str = "127.0.0.1") -> None:
        where = urlsplit(server.url)
        self.host = where.netloc.encode()
        self.socket = socket.create_connection(
            (str(where.hostname), where.port or 80), timeout=TIMEOUT_S, source_address=(source, 0)
        )
        self._seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Send bytes; whether the server took them all."""
        with suppress(ConnectionError):
            self.socket.sendall(data)
            return True
        return False

    def head(self, line: bytes, *fields: bytes) -> bytes:
        """A head with a proper Host."""
        return b"\r\n".join([line, b"Host: " + self.host, *fields, b"", b""])

    def response(self, *, without_body: bool = False) -> RawResponse:
        """The next answer, whole; 100 (Continue) is passed over."""
        while True:
            head = self._until(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
        found = RawResponse(status, head, b"")
        if without_body or status in {204, 304}:
            return found
        length = found.header("content-length")
        if length is not None:
            return RawResponse(status, head, self._exactly(int(length)))
        if found.header("transfer-encoding") == "chunked":
            return RawResponse(status, head, self._chunks())
        return RawResponse(status, head, self.read_to_end())

    def read_to_end(self) -> bytes:
        """All that comes until the server closes the connection."""
        with suppress(ConnectionError):
            while self._more():
                pass
        found, self._seen = self._seen, b""
        return found

    def wait_closed(self) -> bool:
        """Whether the server has closed the connection, or does so while one waits."""
        self.read_to_end()
        return True

    def is_open(self) -> bool:
        """Whether the server keeps the connection open, as seen without waiting."""
        self.socket.settimeout(0)
        try:
            return self._more() and self.is_open()
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT_S)

    def _until(self, mark: bytes) -> bytes:
        deadline = time.monotonic() + TIMEOUT_S
        while mark not in self._seen:
            assert time.monotonic() < deadline, self._seen
            assert self._more(), f"the server closed the connection after {self._seen!r}"
        found, _, self._seen = self._seen.partition(mark)
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self._seen) < length:
            assert self._more(), f"the server closed the connection {length - len(self._seen)} bytes early"
        found, self._seen = self._seen[:length], self._seen[length:]
        return found

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            found += self._exactly(size)
            self._until(b"\r\n")
        self._until(b"\r\n")
        return found

    def _more(self) -> bool:
        data = self.socket.recv(65_536)
        self._seen += data
        return bool(data)
