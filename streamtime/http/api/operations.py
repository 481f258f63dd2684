"""What the OpenAPI document says of requests that the framework cannot read off a handler: raw bodies, tus headers."""

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


_VERSION = _header(
    "Tus-Resumable", "The version of tus.", Schema(type=OpenAPIType.STRING, const=VERSION), required=True
)
_DROP = _header("Streamtime-Drop", "The id of the link for sending by which the request comes.")
_CHECKSUM = _header(
    "Upload-Checksum", "What the body is to be checked against: a hash's name, and its value in base64."
)
_LENGTH = _header("Upload-Length", "How many bytes the file has.", _NUMBER, required=True)
_METADATA = _header("Upload-Metadata", "`filename`, `title`, `visibility` and so on, with their values in base64.")
_KEY = _header("Idempotency-Key", "The client's own name for the upload.")
_OFFSET = _header("Upload-Offset", "Where the body goes on.", _NUMBER, required=True)
_STATE_HEADERS = ("Upload-Offset", "Upload-Expires", "Streamtime-Video")


@dataclass
class OptionalBody(Operation):
    """A request that may do without its body."""

    def __post_init__(self) -> None:
        """Say so."""
        if isinstance(self.request_body, RequestBody):
            self.request_body.required = False


@dataclass
class BinaryBody(Operation):
    """A request whose body is a file, of whatever type it is said to be."""

    def __post_init__(self) -> None:
        """Say so."""
        self.request_body = RequestBody({_FILE_TYPE: _BYTES}, required=True)


@dataclass
class TusOptions(Operation):
    """A request for what the server can do: its answer, like all of tus, has headers and no body."""

    def __post_init__(self) -> None:
        """Say what its answer tells."""
        self._set_response_headers("204", "Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm", "Tus-Max-Size")

    def _set_response_headers(self, status: str, *headers: str) -> None:
        answer = (self.responses or {})[status]
        if isinstance(answer, OpenAPIResponse):
            answer.content = None
            answer.headers = {name: OpenAPIHeader(schema=_TEXT) for name in headers}


@dataclass
class TusRequest(TusOptions):
    """A request about an upload."""

    def _add_parameters(self, *headers: Parameter) -> None:
        self.parameters = [*(self.parameters or ()), _VERSION, _DROP, *headers]


@dataclass
class TusTermination(TusRequest):
    """One that gives an upload up."""

    def __post_init__(self) -> None:
        """Say what it takes."""
        self._add_parameters()
        self._set_response_headers("204")


@dataclass
class TusCreation(TusRequest):
    """One that begins an upload."""

    def __post_init__(self) -> None:
        """Say what it takes and what its answer tells."""
        self._add_parameters(_LENGTH, _METADATA, _KEY, _CHECKSUM)
        self._set_response_headers("201", "Location", *_STATE_HEADERS, "Streamtime-Looks-Like")
        self.request_body = RequestBody({BYTES_TYPE: _BYTES})


@dataclass
class TusHead(TusRequest):
    """One that asks how far an upload is."""

    def __post_init__(self) -> None:
        """Say what its answer tells."""
        self._add_parameters()
        self._set_response_headers("200", "Upload-Length", "Upload-Metadata", *_STATE_HEADERS)


@dataclass
class TusPatch(TusRequest):
    """One that goes on with an upload."""

    def __post_init__(self) -> None:
        """Say what it takes and what its answer tells."""
        self._add_parameters(_OFFSET, _CHECKSUM)
        self._set_response_headers("204", *_STATE_HEADERS)
        self.request_body = RequestBody({BYTES_TYPE: _BYTES}, required=True)
