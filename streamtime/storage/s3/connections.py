"""Connections to an S3 server: where it is, how requests are sent, how long they may take, how one is broken off.

It knows sockets, TLS and timeouts; it knows nothing of objects. Requests block and belong in a thread. None is
repeated here (`storage/wrappers.py` does that), and none outlives a cancelled caller by more than the opening of a
connection.

What an S3 server's refusals, and those of the way to it, mean to a caller of a store, in words for people.

It knows S3's codes and the libraries' exceptions; it names no host, no bucket and no key: visitors may read it.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from minio.helpers import check_bucket_name
from urllib3 import exceptions as http
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from streamtime.errors import ConfigError, Invalid, NoSpace, NotFound, StreamtimeError, Unavailable
from streamtime.storage.blocking import unavailable
from streamtime.storage.object_store import PastEnd, StoreRefused, valid_prefix

_PAST_END = "InvalidRange"
_WORDS = {
    "NoSuchBucket": "The bucket of the video store does not exist.",
    "InvalidBucketName": "The video store takes no bucket of this name.",
    "InvalidAccessKeyId": "The video store does not know the access key.",
    "SignatureDoesNotMatch": "The secret key does not fit the access key, or a proxy changes what is asked.",
    "AccessDenied": "The access key may not do this in the bucket of the video store.",
    "AllAccessDisabled": "The access key may not do this in the bucket of the video store.",
    "AccountProblem": "The video store has closed the account.",
    "RequestTimeTooSkewed": "The clocks of this machine and of the video store differ too much: set them.",
    "AuthorizationHeaderMalformed": "The region that is set is not the one of the bucket.",
    "IllegalLocationConstraintException": "The region that is set is not the one of the bucket.",
    "PermanentRedirect": "The bucket is in another region, or wants path_style the other way.",
    "Redirect": "The bucket is in another region, or wants path_style the other way.",
    _PAST_END: "The object ends before the range that was asked for.",
    "TemporaryRedirect": "The bucket is in another region, or wants path_style the other way.",
}
_MISSING = frozenset({"NoSuchKey", "NoSuchUpload"})
_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_FULL = ("StorageFull", "QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "EntityTooLarge")
_SERVER_FAULT = 500
_BUSY = "The video store is busy or out of order."


@contextmanager
def translate_s3_errors() -> Iterator[None]:
    """Turn what the libraries raise into errors of the tree.

    Raises:
        NotFound: no such object or upload.
        Invalid: a part that is not there.
        NoSpace: the store or a quota is full.
        PastEnd: the object ends before the range does.
        Refused: the store will not do it, and would say the same again.
        Unavailable: it cannot do it now.
    """
    try:
        yield
    except S3Error as error:
        raise _from_response(error) from error
    except InvalidResponseError as error:
        raise _not_s3(error) from error
    except (MinioException, ParseError, UnicodeDecodeError) as error:
        raise unavailable(_BUSY) from error
    except (http.HTTPError, OSError) as error:
        raise _from_connection_error(error) from error


def _from_response(error: S3Error) -> StreamtimeError:
    code = error.code or ""
    if code in _MISSING:
        return NotFound()
    if code in _PARTS:
        return Invalid("The upload has no such part.", field="parts")
    if any(word in code for word in _FULL):
        return NoSpace("The video store is full.")
    if code in _WORDS:
        return PastEnd(_WORDS[code]) if code == _PAST_END else StoreRefused(_WORDS[code])
    if error.response.status >= _SERVER_FAULT or code in {"SlowDown", "RequestTimeout"}:
        return unavailable(_BUSY)
    return StoreRefused(f"The video store refused: {error.message or code}.")


def _not_s3(error: InvalidResponseError) -> Unavailable:
    if "HTTPS" in str(error):
        return StoreRefused("The video store speaks TLS: its address begins with https.")
    return unavailable("Something other than an S3 server answers in place of the video store, or it is out of order.")


def _from_connection_error(error: Exception) -> Unavailable:
    """Why there was no answer; what the way to the store cannot repair by itself is `StoreRefused`."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StoreRefused(f"The certificate of the video store is not trusted: {cause.verify_message}.")
    if isinstance(cause, ssl.SSLError) and "WRONG_VERSION" in str(cause):
        return StoreRefused("The video store does not speak TLS: its address begins with http.")
    if isinstance(error, http.NameResolutionError):
        return unavailable("The host of the video store is not known.")
    if isinstance(error, http.TimeoutError) and not isinstance(error, http.NewConnectionError):
        return unavailable("The video store did not answer in time.")
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection broke off"
    return unavailable(f"The video store does not answer: {words}.")


def _root(error: BaseException) -> BaseException:
    """The innermost reason of an error: libraries wrap those of the system."""
    seen = {id(error)}
    while True:
        inner = error.__cause__ or error.__context__
        inner = inner or next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None or id(inner) in seen:
            return error
        seen.add(id(inner))
        error = inner


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
