"""Connections to an S3 server: where it is, how requests are sent, how long they may take, how one is broken off.

It knows sockets, TLS and timeouts; it knows nothing of objects. Requests block and belong in a thread. None is
repeated here (`storage/wrappers.py` does that), and none outlives a cancelled caller by more than the opening of a
connection.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.helpers import check_bucket_name
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from streamtime.errors import ConfigError, Invalid
from streamtime.storage.object_store import valid_prefix

R = TypeVar("R")

SEND_CHUNK_BYTES = 64 * 1024
"""A body is handed to the socket in pieces of this size: the timeout of a socket is for one piece as a whole, and
64 KiB leave even a very slow line its time."""

MIB = 2**20


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket is and how it is to be spoken to, as the person who runs the server chose."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    path_style: bool = True
    prefix: str = ""
    public_endpoint: str = ""
    ca_file: str = ""
    connect_timeout_s: int = 5
    read_timeout_s: int = 30
    connections: int = 16
    part_bytes: int = 16 * MIB


class Interrupt:
    """Breaks off, from the event loop, what a thread does on a socket.

    In the moment between the end of a call and the hearing of it, another request may have got the connection: that
    one then fails as if the server had hung up, and is repeated like any that does.
    """

    def __init__(self) -> None:
        self._broken_off = False
        self._socket: socket.socket | None = None

    def watch(self, used: socket.socket) -> None:
        """The call is about to wait for this socket; raises OSError where it was broken off already."""
        self._socket = used
        if self._broken_off:
            raise ConnectionAbortedError("nobody waits for the answer any more")

    def trigger(self) -> None:
        """Let every wait for the socket end in an error."""
        self._broken_off = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    interrupt: Interrupt | None = None


_current = _Current()


def with_interrupt(interrupt: Interrupt, call: Callable[[], R]) -> R:
    """Run a call, in the thread that runs this, so that `interrupt` breaks off its requests."""
    _current.interrupt = interrupt
    try:
        return call()
    finally:
        _current.interrupt = None


def client_for(address: BucketAddress, endpoint: str) -> Minio:
    """A client of one endpoint. It opens no connection before it is asked something.

    Raises:
        ConfigError: the address cannot be one of S3.
    """
    parts = urlsplit(endpoint)
    if not address.access_key or not address.secret_key:
        raise ConfigError("storage.s3 needs access_key and secret_key.")
    try:
        check_bucket_name(address.bucket, strict=True)
        valid_prefix(address.prefix)
        client = Minio(
            parts.netloc,
            access_key=address.access_key,
            secret_key=address.secret_key,
            secure=parts.scheme == "https",
            region=address.region,
            http_client=_pool(address, encrypted=parts.scheme == "https"),
        )
    except (ValueError, Invalid) as error:
        raise ConfigError(f"storage.s3 cannot be used: {error}") from error
    if address.path_style:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the package says nothing of it
    else:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # as above
    return client


def _pool(address: BucketAddress, *, encrypted: bool) -> urllib3.PoolManager:
    patience_s = address.read_timeout_s
    pool = urllib3.PoolManager(
        maxsize=address.connections,
        timeout=urllib3.Timeout(connect=address.connect_timeout_s, read=patience_s),
        retries=False,
        ssl_context=_tls_context(address.ca_file) if encrypted else None,
    )
    pool.pool_classes_by_scheme = _pools(patience_s)
    return pool


def _tls_context(ca_file: str) -> ssl.SSLContext:
    """What this machine trusts, what browsers do, and the file that was named."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ConfigError(f"storage.s3.ca_file {ca_file} cannot be read: {error.strerror or error}.") from error
    return context


def _pools(patience_s: int) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections wait so long for each piece, both ways."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(patience_s)

        def send(self, data: Any) -> None:  # noqa: ANN401  # as the standard library has it
            if self.sock is None:
                self.connect()
            _in_pieces(self.sock, data, super().send)

    class Encrypted(Plain, HTTPSConnection):
        """The same over TLS: `super()` above is HTTPS here."""

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _in_pieces(used: socket.socket, data: Any, send: Callable[[Any], None]) -> None:  # noqa: ANN401  # as above
    """Send in pieces, each with the whole timeout for itself, and stop between two when nobody waits any more."""
    interrupt = _current.interrupt
    pieces = (data,) if not isinstance(data, bytes) else _slices(data)
    for piece in pieces:
        if interrupt is not None:
            interrupt.watch(used)
        send(piece)


def _slices(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    return [view[start : start + SEND_CHUNK_BYTES] for start in range(0, len(data), SEND_CHUNK_BYTES)]
