"""Connections to an S3 server: TLS, timeouts, interruptible requests, and the translation of errors.

Requests block and belong in a thread. They are not retried here (`storage/wrappers.py` does that), and a cancelled
caller ends its request, except while a connection is being opened. Error messages name no host, bucket or key, since
visitors may see them.
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
_MESSAGES = {
    "NoSuchBucket": "The bucket of the video store does not exist.",
    "InvalidBucketName": "The video store takes no bucket of this name.",
    "InvalidAccessKeyId": "The video store does not know the access key.",
    "SignatureDoesNotMatch": "The secret key does not fit the access key, or a proxy changes requests.",
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
    """Translate errors of `minio` and `urllib3`.

    Raises:
        NotFound: no such object or upload.
        Invalid: a part is missing.
        NoSpace: the store is full or a quota is exceeded.
        PastEnd: the range ends after the object.
        StoreRefused: the store refused the request; a retry would not help.
        Unavailable: the store cannot do it now.
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
    if code in _MESSAGES:
        return PastEnd(_MESSAGES[code]) if code == _PAST_END else StoreRefused(_MESSAGES[code])
    if error.response.status >= _SERVER_FAULT or code in {"SlowDown", "RequestTimeout"}:
        return unavailable(_BUSY)
    return StoreRefused(f"The video store refused: {error.message or code}.")


def _not_s3(error: InvalidResponseError) -> Unavailable:
    if "HTTPS" in str(error):
        return StoreRefused("The video store speaks TLS: its address begins with https.")
    return unavailable("Something other than an S3 server answers in place of the video store, or it is out of order.")


def _from_connection_error(error: Exception) -> Unavailable:
    """The error of a failed connection: `StoreRefused` if only a change of the configuration can fix it."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StoreRefused(f"The certificate of the video store is not trusted: {cause.verify_message}.")
    if isinstance(cause, ssl.SSLError) and "WRONG_VERSION" in str(cause):
        return StoreRefused("The video store does not speak TLS: its address begins with http.")
    if isinstance(error, http.NameResolutionError):
        return unavailable("The host of the video store is not known.")
    if isinstance(error, http.TimeoutError) and not isinstance(error, http.NewConnectionError):
        return unavailable("The video store did not answer in time.")
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection was lost"
    return unavailable(f"The video store does not answer: {reason}.")


def _root(error: BaseException) -> BaseException:
    """The innermost cause of an error: libraries wrap the errors of the system."""
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
"""A body is sent in chunks of this size: the timeout of a socket applies to each call, and even a very slow connection
can send 64 KiB within it."""

MIB = 2**20


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """The address of a bucket, its credentials and connection settings, as configured."""

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
    """Interrupts, from the event loop, a thread that waits for a socket.

    If the call has just ended, another request may have taken over the connection: it then fails as if the server had
    closed the connection, and is retried.
    """

    def __init__(self) -> None:
        self._triggered = False
        self._socket: socket.socket | None = None

    def watch(self, used: socket.socket) -> None:
        """Register the socket that the call is about to wait for; raises OSError after `trigger`."""
        self._socket = used
        if self._triggered:
            raise ConnectionAbortedError("the caller was cancelled")

    def trigger(self) -> None:
        """End all waits for the socket with an error."""
        self._triggered = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    interrupt: Interrupt | None = None


_current = _Current()


def with_interrupt(interrupt: Interrupt, call: Callable[[], R]) -> R:
    """Run a call in the current thread so that `interrupt` can end its requests."""
    _current.interrupt = interrupt
    try:
        return call()
    finally:
        _current.interrupt = None


def client_for(address: BucketAddress, endpoint: str, pool: urllib3.PoolManager) -> Minio:
    """Create a client of one endpoint, which sends its requests over `pool`. It connects with the first request.

    Raises:
        ConfigError: the address or the credentials are not valid.
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
            http_client=pool,
        )
    except (ValueError, Invalid) as error:
        raise ConfigError(f"storage.s3 cannot be used: {error}") from error
    if address.path_style:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the package says nothing of it
    else:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # as above
    return client


def pool_for(address: BucketAddress, endpoint: str) -> urllib3.PoolManager:
    """Create the connection pool of one endpoint; raises `ConfigError` if the file of certificates cannot be read."""
    encrypted = urlsplit(endpoint).scheme == "https"
    timeout_s = address.read_timeout_s
    pool = urllib3.PoolManager(
        maxsize=address.connections,
        timeout=urllib3.Timeout(connect=address.connect_timeout_s, read=timeout_s),
        retries=False,
        ssl_context=_tls_context(address.ca_file) if encrypted else None,
    )
    pool.pool_classes_by_scheme = _pool_classes(timeout_s)
    return pool


def _tls_context(ca_file: str) -> ssl.SSLContext:
    """Trust the certificates of the system, those of `certifi`, and the configured file."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ConfigError(f"storage.s3.ca_file {ca_file} cannot be read: {error.strerror or error}.") from error
    return context


def _pool_classes(timeout_s: int) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose sockets have this timeout for each chunk sent or received."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(timeout_s)

        def send(self, data: Any) -> None:  # noqa: ANN401  # the signature of the standard library
            if self.sock is None:
                self.connect()
            _send_in_chunks(self.sock, data, super().send)

    class Encrypted(Plain, HTTPSConnection):
        """The same over TLS: `super()` above is HTTPS here."""

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _send_in_chunks(used: socket.socket, data: Any, send: Callable[[Any], None]) -> None:  # noqa: ANN401  # as above
    """Send in chunks, each with the full timeout, and stop between two of them once the caller was cancelled."""
    interrupt = _current.interrupt
    chunks = (data,) if not isinstance(data, bytes) else _slices(data)
    for chunk in chunks:
        if interrupt is not None:
            interrupt.watch(used)
        send(chunk)


def _slices(data: bytes) -> list[memoryview]:
    view = memoryview(data)
    return [view[start : start + SEND_CHUNK_BYTES] for start in range(0, len(data), SEND_CHUNK_BYTES)]
