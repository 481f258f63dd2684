"""Constants and errors of the tus 1.0 resumable upload protocol (https://tus.io/protocols)."""

from streamtime.errors import Invalid, StreamtimeError

PATH = "/api/v1/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
BYTES_TYPE = "application/offset+octet-stream"


class ClientDisconnected(StreamtimeError):
    """The client disconnected before its body was complete; it does not receive this error."""

    code = "client_gone"


class UnsupportedTusVersion(Invalid):
    """The `Tus-Resumable` header is missing or names another version."""

    code = "tus_version"


class UnsupportedContentType(Invalid):
    """The content type of the body is not that of upload data."""

    code = "content_type"


class ErrorWithHeaders(StreamtimeError):
    """The error `cause`, sent with headers about the upload."""

    def __init__(self, cause: StreamtimeError, headers: dict[str, str]) -> None:
        super().__init__(cause.message, code=cause.code)
        self.cause = cause
        self.headers = headers
