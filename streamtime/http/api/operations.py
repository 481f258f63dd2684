"""OpenAPI operations for what the framework cannot derive from handlers: raw bodies and tus headers."""

from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from streamtime.http.tus import BYTES_TYPE, VERSION

_TEXT = Schema(type=OpenAPIType.STRING)
_NUMBER = Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=2**63 - 1)
_BYTES = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
_FILE_TYPE = "application/octet-stream"


def _header(name: str, description: str, schema: Schema = _TEXT, *, required: bool = False) -> Parameter:
    return Parameter(name, "header", schema=schema, description=description, required=required)


_VERSION = _header("Tus-Resumable", "The tus version.", Schema(type=OpenAPIType.STRING, const=VERSION), required=True)
_DROP = _header("Streamtime-Drop", "The id of the upload request that authorizes the upload.")
_CHECKSUM = _header("Upload-Checksum", "The checksum of the body: name of the algorithm, and value in base64.")
_LENGTH = _header("Upload-Length", "The length of the file in bytes.", _NUMBER, required=True)
_METADATA = _header("Upload-Metadata", "`filename`, `title`, `visibility` and others, with values in base64.")
_KEY = _header("Idempotency-Key", "A key of the client's choice that identifies the upload.")
_OFFSET = _header("Upload-Offset", "The offset of the body in the file.", _NUMBER, required=True)
_STATE_HEADERS = ("Upload-Offset", "Upload-Expires", "Streamtime-Video")


@dataclass
class OptionalBody(Operation):
    """A request with an optional body."""

    def __post_init__(self) -> None:
        """Mark the body as optional."""
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class ZipAnswer(Operation):
    """A request whose answer is a ZIP archive."""

    def __post_init__(self) -> None:
        """Set the content of the answer."""
        answer = (self.responses or {})["200"]
        if isinstance(answer, OpenAPIResponse):
            answer.content = {"application/zip": _BYTES}


@dataclass
class BinaryBody(Operation):
    """A request whose body is a file of any content type."""

    def __post_init__(self) -> None:
        """Set the request body."""
        self.request_body = RequestBody({_FILE_TYPE: _BYTES}, required=True)


@dataclass
class TusOptions(Operation):
    """The tus request for the server's capabilities. Like all tus responses, its response has headers and no body."""

    def __post_init__(self) -> None:
        """Set the response headers."""
        self._set_response_headers("204", "Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm", "Tus-Max-Size")

    def _set_response_headers(self, status: str, *headers: str) -> None:
        answer = (self.responses or {})[status]
        if isinstance(answer, OpenAPIResponse):
            answer.content = None
            answer.headers = {name: OpenAPIHeader(schema=_TEXT) for name in headers}


@dataclass
class TusRequest(TusOptions):
    """A tus request about an upload."""

    def _add_parameters(self, *headers: Parameter) -> None:
        self.parameters = [*(self.parameters or ()), _VERSION, _DROP, *headers]


@dataclass
class TusTermination(TusRequest):
    """The request that cancels an upload."""

    def __post_init__(self) -> None:
        """Set the parameters."""
        self._add_parameters()
        self._set_response_headers("204")


@dataclass
class TusCreation(TusRequest):
    """The request that creates an upload."""

    def __post_init__(self) -> None:
        """Set the parameters, the body and the response headers."""
        self._add_parameters(_LENGTH, _METADATA, _KEY, _CHECKSUM)
        self._set_response_headers("201", "Location", *_STATE_HEADERS, "Streamtime-Looks-Like")
        self.request_body = RequestBody({BYTES_TYPE: _BYTES})


@dataclass
class TusHead(TusRequest):
    """The request for the offset of an upload."""

    def __post_init__(self) -> None:
        """Set the parameters and the response headers."""
        self._add_parameters()
        self._set_response_headers("200", "Upload-Length", "Upload-Metadata", *_STATE_HEADERS)


@dataclass
class TusPatch(TusRequest):
    """The request that appends bytes to an upload."""

    def __post_init__(self) -> None:
        """Set the parameters, the body and the response headers."""
        self._add_parameters(_OFFSET, _CHECKSUM)
        self._set_response_headers("204", *_STATE_HEADERS)
        self.request_body = RequestBody({BYTES_TYPE: _BYTES}, required=True)
