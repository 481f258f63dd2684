"""Reading from a bucket: what is known of an object, and ranges of it, each by one request.

A response holds a connection: whoever opened one lets it go, come what may. Everything blocks, and belongs in a thread.
"""

from minio import Minio
from urllib3 import BaseHTTPResponse

from streamtime.storage.object_store import ObjectInfo, PastEnd, StoreRefused

STREAM_CHUNK_BYTES = 256 * 1024
"""As from a disk: calls cost little beside copying."""

_PARTIAL = 206


class S3Reader:
    """Reads the objects of one bucket, by their full names."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def stat(self, key: str, name: str) -> ObjectInfo:
        """Length and etag."""
        found = self._client.stat_object(self._bucket, name)
        return ObjectInfo(key, found.size or 0, found.etag)

    def read(self, key: str, name: str, offset: int, length: int) -> bytes:
        """Exactly that range."""
        response = self.open(key, name, offset, length)
        if response is None:
            return b""
        pieces = []
        try:
            while data := read_chunk(response):
                pieces.append(data)
        finally:
            release(response)
        return b"".join(pieces)

    def open(self, key: str, name: str, offset: int, length: int | None) -> BaseHTTPResponse | None:
        """A response to read the range from, or None where it is empty. Raises `PastEnd`."""
        if length == 0 or (length is None and offset):
            size = self.stat(key, name).length_bytes
            length = size - offset if length is None else length
            _check_within_object(key, offset, length, size)
            if length == 0:
                return None
        response: BaseHTTPResponse = self._client.get_object(self._bucket, name, offset=offset, length=length or 0)
        try:
            _check_response(key, response, offset, length)
        except BaseException:
            release(response)
            raise
        return response


def read_chunk(response: BaseHTTPResponse) -> bytes:
    """The next bytes, b"" at the end."""
    return response.read(STREAM_CHUNK_BYTES, decode_content=False)


def release(response: BaseHTTPResponse) -> None:
    """Give the connection back, or close it where it was not read to its end."""
    response.close()
    response.release_conn()


def _check_within_object(key: str, offset: int, length: int, size: int) -> None:
    if length < 0 or offset + length > size:
        raise PastEnd(f"{key!r} ends before byte {max(offset, offset + length)}.")


def _check_response(key: str, response: BaseHTTPResponse, offset: int, length: int | None) -> None:
    """Raise where the answer is not the range that was asked for."""
    if length is None:
        return
    announced = int(response.headers.get("content-length", -1))
    if response.status == _PARTIAL and announced == length:
        return
    if announced > length or (response.status != _PARTIAL and offset):
        raise StoreRefused("The video store does not know ranges.")
    _check_within_object(key, offset, length, offset + announced)
