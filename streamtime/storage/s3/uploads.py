"""Uploads to a bucket, whole and in parts.

`minio` has no public methods for these requests, so they are built here from its public functions: `BaseURL` knows the
addresses, `sign_v4_s3` signs, `S3Error` and the results read XML. Everything blocks: use threads.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlunsplit
from xml.etree.ElementTree import Element

import minio.time
import urllib3
from minio import xml
from minio.credentials.credentials import Credentials
from minio.datatypes import CompleteMultipartUploadResult, ListMultipartUploadsResult
from minio.error import InvalidResponseError, S3Error
from minio.helpers import BaseURL, md5sum_hash, sha256_hash
from minio.signer import sign_v4_s3
from urllib3 import BaseHTTPResponse

from streamtime.errors import NotFound
from streamtime.storage.blocking import unavailable
from streamtime.storage.object_store import MultipartInfo, PartInfo, checked_part_number, checked_parts
from streamtime.storage.s3.connections import BucketAddress

_UPLOAD_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9._~+/=-]{1,1024}")
"""The upload ids that servers issue, without path traversal, since some servers use the id as a path."""

_OK = frozenset({200, 204})


class _Requests:
    """Signed requests to one bucket, answered as a whole."""

    def __init__(self, address: BucketAddress, pool: urllib3.PoolManager) -> None:
        self._bucket = address.bucket
        self._region = address.region
        self._urls = BaseURL(address.endpoint, address.region)
        self._urls.virtual_style_flag = not address.path_style
        self._credentials = Credentials(address.access_key, address.secret_key)
        self._pool = pool

    def send(
        self,
        method: str,
        name: str | None,
        query: dict[str, str],
        *,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> BaseHTTPResponse:
        """Send a request about an object, or about the bucket if `name` is None.

        Raises:
            S3Error: the server refused; the code says why.
            InvalidResponseError: the answer is not one of an S3 server.
        """
        url = self._urls.build(
            method=method, region=self._region, bucket_name=self._bucket, object_name=name, query_params={**query}
        )
        headers = self._signed(method, url, body, {"Content-Type": content_type} if content_type else {})
        response = self._pool.urlopen(method, urlunsplit(url), body=body, headers=headers)
        if response.status in _OK:
            return response
        kind = response.headers.get("content-type")
        if not response.data or "application/xml" not in (kind or "").split(";"):
            raise InvalidResponseError(response.status, kind, response.data.decode(errors="replace"))
        raise S3Error.fromxml(response)

    def _signed(self, method: str, url: Any, body: bytes | None, headers: dict[str, str]) -> dict[str, str]:  # noqa: ANN401  # minio's own type
        """Return the headers with the signature, which covers the body. Over TLS a checksum is enough, and cheaper."""
        digest = "UNSIGNED-PAYLOAD" if self._urls.is_https else sha256_hash(body)
        now = minio.time.utcnow()
        added = {"Host": url.netloc, "x-amz-content-sha256": digest, "x-amz-date": minio.time.to_amz_date(now)}
        if self._urls.is_https and body is not None:
            added["Content-MD5"] = md5sum_hash(body) or ""
        signed = sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers={**headers, **added},
            credentials=self._credentials,
            content_sha256=digest,
            date=now,
        )
        return {key: str(value) for key, value in signed.items()}


class S3Uploads:
    """Uploads by the full names of objects."""

    def __init__(self, address: BucketAddress, pool: urllib3.PoolManager) -> None:
        self._requests = _Requests(address, pool)

    def put_whole(self, name: str, data: bytes, content_type: str | None) -> str:
        """Store an object in one request; returns its etag."""
        return _etag(self._requests.send("PUT", name, {}, body=data, content_type=_content_type(content_type)))

    def create(self, name: str, content_type: str | None) -> str:
        """Begin an upload; returns its id."""
        response = self._requests.send("POST", name, {"uploads": ""}, content_type=_content_type(content_type))
        return xml.unmarshal(_Created, response.data.decode()).upload_id

    def put_part(self, name: str, upload_id: str, number: int, data: bytes) -> PartInfo:
        """Store one part, replacing an earlier one with its number."""
        query = {"uploadId": _checked_id(upload_id), "partNumber": str(checked_part_number(number))}
        return PartInfo(number, len(data), _etag(self._requests.send("PUT", name, query, body=data)))

    def complete(self, name: str, upload_id: str, parts: Sequence[PartInfo]) -> str:
        """Combine the parts; returns the etag of the object."""
        body = _parts_xml(checked_parts(parts))
        query = {"uploadId": _checked_id(upload_id)}
        response = self._requests.send("POST", name, query, body=body, content_type="application/xml")
        etag = CompleteMultipartUploadResult(response).etag
        if etag is None:
            # The response begins before the work does: a failure comes as status 200 with an error in the body.
            raise unavailable("The video store could not put the parts together.")
        return etag

    def abort(self, name: str, upload_id: str) -> None:
        """Delete an upload; raises `NotFound` or the library's own error if there is none."""
        self._requests.send("DELETE", name, {"uploadId": _checked_id(upload_id)})

    def page(self, prefix: str, after: str | None) -> tuple[list[MultipartInfo], str | None]:
        """A page of the uploads whose names begin with the prefix, and the marker of the next page, or None.

        Of more than a thousand uploads of one name only the first thousand are listed.
        """
        query = {"uploads": "", "delimiter": "", "max-uploads": "1000", "prefix": prefix, "encoding-type": "url"}
        marker = {"key-marker": after} if after else {}
        found = ListMultipartUploadsResult(self._requests.send("GET", None, query | marker))
        uploads = [
            MultipartInfo(upload.object_name, upload.upload_id)
            for upload in found.uploads
            if upload.object_name and upload.upload_id
        ]
        has_more = found.is_truncated and found.next_key_marker != after
        return uploads, found.next_key_marker if has_more else None


class _Created:
    """The answer to the beginning of an upload."""

    def __init__(self, upload_id: str) -> None:
        self.upload_id = upload_id

    @classmethod
    def fromxml(cls, element: Element) -> "_Created":
        """Read the XML."""
        upload_id = xml.findtext(element, "UploadId")
        if not upload_id:
            raise unavailable("The video store began an upload without an id.")
        return cls(upload_id)


def _parts_xml(parts: Sequence[PartInfo]) -> bytes:
    root = xml.Element("CompleteMultipartUpload")
    for part in parts:
        element = xml.SubElement(root, "Part")
        xml.SubElement(element, "PartNumber", str(part.number))
        xml.SubElement(element, "ETag", f'"{part.etag}"')
    return xml.getbytes(root)


def _etag(response: BaseHTTPResponse) -> str:
    return response.headers.get("etag", "").replace('"', "")


def _content_type(given: str | None) -> str:
    return given or "application/octet-stream"


def _checked_id(upload_id: str) -> str:
    if _UPLOAD_ID.fullmatch(upload_id) is None:
        raise NotFound
    return upload_id
