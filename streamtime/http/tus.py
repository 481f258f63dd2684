"""What tus 1.0 asks of HTTP (https://tus.io/protocols): its address here, its names, and its own errors."""

from streamtime.errors import Invalid, StreamtimeError

PATH = "/api/v1/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
BYTES_TYPE = "application/offset+octet-stream"


class ClientDisconnected(StreamtimeError):
    """The client left in the middle of its body; nobody hears this."""

    code = "client_gone"


class UnsupportedTusVersion(Invalid):
    """The client speaks another version of tus, or none."""

    code = "tus_version"


class UnsupportedContentType(Invalid):
    """The body is not announced as an upload's bytes."""

    code = "content_type"


class ErrorWithHeaders(StreamtimeError):
    """An error of its own kind, `cause`, with what a client is told of the upload in headers beside it."""

    def __init__(self, cause: StreamtimeError, headers: dict[str, str]) -> None:
        super().__init__(cause.message, code=cause.code)
        self.cause = cause
        self.headers = headers
