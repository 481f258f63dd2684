"""Uploads, whole and in parts. The `minio` package keeps these requests private: this file alone asks for them.

The contract suite guards it against a version that names them otherwise. Everything blocks, and belongs in a thread.
"""

import re
from collections.abc import Sequence

from minio import Minio
from minio.datatypes import Part

from streamtime.errors import NotFound
from streamtime.storage.object_store import MultipartInfo, PartInfo, checked_part_number, checked_parts
from streamtime.storage.os_errors import unavailable

_UPLOAD_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9._~+/=-]{1,1024}")
"""What any server may give: nothing that climbs, where one takes it for a path."""

MAX_LISTED = 1000
"""As S3 has it."""


class S3Multiparts:
    """The uploads in the making of one bucket, by the full names of their objects."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_whole(self, name: str, data: bytes, content_type: str | None) -> str:
        """Store an object by one request; returns its etag. The public way would cut it into parts of 5 MiB."""
        headers = _headers(content_type)
        return self._client._put_object(self._bucket, name, data, headers).etag or ""  # noqa: SLF001  # see above

    def create(self, name: str, content_type: str | None) -> str:
        """Begin one; returns its id."""
        return self._client._create_multipart_upload(self._bucket, name, _headers(content_type))  # noqa: SLF001  # see above

    def put_part(self, name: str, upload_id: str, number: int, data: bytes) -> PartInfo:
        """Store one part, in place of an earlier one of its number."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        checked_part_number(number)
        etag = self._client._upload_part(self._bucket, name, data, None, upload_id, number)  # noqa: SLF001  # see above
        return PartInfo(number, len(data), etag)

    def complete(self, name: str, upload_id: str, parts: Sequence[PartInfo]) -> str:
        """Make the parts one object; returns its etag."""
        ordered = [Part(part.number, part.etag) for part in checked_parts(parts)]
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        done = self._client._complete_multipart_upload(self._bucket, name, upload_id, ordered)  # noqa: SLF001  # see above
        if done.etag is None:
            # The answer begins before the work does: a failure on the way comes as 200 with an error inside.
            raise unavailable("The video store could not put the parts together.")
        return done.etag

    def abort(self, name: str, upload_id: str) -> None:
        """Drop an upload; raises `NotFound` or the library's own error where there is none."""
        if _UPLOAD_ID.fullmatch(upload_id) is None:
            raise NotFound
        self._client._abort_multipart_upload(self._bucket, name, upload_id)  # noqa: SLF001  # see above

    def page(self, prefix: str, after: str | None) -> tuple[list[MultipartInfo], str | None]:
        """Some uploads whose names begin with the prefix, and the mark to go on from, or None at the end.

        Of more than a thousand for one name the rest comes once these are gone.
        """
        found = self._client._list_multipart_uploads(self._bucket, prefix=prefix, key_marker=after)  # noqa: SLF001  # see above
        uploads = [
            MultipartInfo(upload.object_name, upload.upload_id)
            for upload in found.uploads
            if upload.object_name and upload.upload_id
        ]
        goes_on = found.is_truncated and found.next_key_marker != after
        return uploads, found.next_key_marker if goes_on else None


def _headers(content_type: str | None) -> dict[str, str | list[str] | tuple[str]]:
    return {"Content-Type": content_type or "application/octet-stream"}
