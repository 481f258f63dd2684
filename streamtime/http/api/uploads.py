"""/api/v1/uploads: tus 1.0 with creation, creation-with-upload, checksum, expiration and termination.

The protocol: https://tus.io/protocols/resumable-upload
"""

from collections.abc import AsyncIterator
from email.utils import formatdate

from litestar import delete, head, patch, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod, MediaType
from litestar.params import FromPath
from litestar.response import Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.rate_limits import RateLimit, client_network
from streamtime.errors import Invalid, NoSpace, StreamtimeError, Unavailable
from streamtime.formatting import size_text
from streamtime.http.api.operations import TusCreation, TusHead, TusOptions, TusPatch, TusTermination
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, client_address, rate_limit_key, require_signed_in
from streamtime.http.services import AuthServices, SharingServices, UploadServices, VideoServices
from streamtime.http.tus import (
    BYTES_TYPE,
    EXTENSIONS,
    PATH,
    VERSION,
    ClientDisconnected,
    ErrorWithHeaders,
    UnsupportedContentType,
    UnsupportedTusVersion,
)
from streamtime.sharing.upload_requests import UploadRequest
from streamtime.uploads.checksums import ALGORITHMS, MAX_CHECKED_BYTES, Checksum, too_large_to_check
from streamtime.uploads.upload import Upload, parse_metadata
from streamtime.videos.quota import QuotaExceeded

MAX_DIGITS = 19


@route(
    PATH,
    http_method=[HttpMethod.OPTIONS],
    status_code=204,
    operation_class=TusOptions,
    tags=["uploads"],
    summary="Get the capabilities of the tus server",
)
async def upload_options(uploads: NamedDependency[UploadServices]) -> Response[None]:
    """Version, extensions and maximum size, in the headers of tus."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Tus-Max-Size": f"{uploads.creation.limits.max_size_bytes:d}",
    }
    return _answer(204, headers)


@post(
    PATH,
    request_max_body_size=None,
    responses=problems(401, 403, 404, 409, 412, 413, 423, 429, 460, 507),
    operation_class=TusCreation,
    tags=["uploads"],
    summary="Create an upload",
)
async def create_upload(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    videos: NamedDependency[VideoServices],
    uploads: NamedDependency[UploadServices],
    sharing: NamedDependency[SharingServices],
) -> Response[None]:
    """Create an upload, and store its first bytes if the request has a body.

    With an `Idempotency-Key`, or `client_key` in the metadata, a repeated request returns the same upload, and
    `Upload-Offset` gives its progress. `Streamtime-Looks-Like` is the id of an existing video with the same file name
    and length.

    With `replaces` in the metadata, the id of a video of the caller, the file replaces that of the video, which keeps
    its address. The present content is played until the new one is ready.
    """
    _check_version(request)
    drop = await upload_request_of(request, sharing)
    if drop is None:
        auth.rate_limiter.consume({RateLimit.UPLOAD_CREATION: rate_limit_key(request, require_signed_in(caller))})
    else:
        auth.rate_limiter.consume({RateLimit.DROP: client_network(client_address(request))})
    length = _number(request, "upload-length")
    metadata, client_key = request.headers.get("upload-metadata", ""), request.headers.get("idempotency-key")
    checksum = announced_checksum(request)
    replaces = None
    if drop is None and (replaced := parse_metadata(metadata).get("replaces")):
        replaces = await videos.repository.require(caller, replaced, Access.MANAGE)
    upload = await uploads.creation.create(caller, length, metadata, client_key, upload_request=drop, replaces=replaces)
    if request.headers.get("content-type") == BYTES_TYPE and upload.offset_bytes == 0:
        try:
            await uploads.receiver.receive(upload, 0, body_of(request), checksum)
        except ClientDisconnected:
            if upload.client_key is None:
                # The client did not receive the upload's URL, so it cannot resume it.
                await uploads.termination.terminate(await _own(caller, drop, upload.public_id, uploads))
            raise
        except (NoSpace, QuotaExceeded, Unavailable) as error:
            raise await _with_upload_state(
                error, upload, uploads, {"Location": f"{PATH}/{upload.public_id}"}
            ) from error
        upload = await _own(caller, drop, upload.public_id, uploads)
    headers = {"Location": f"{PATH}/{upload.public_id}", **_state_headers(upload)}
    if drop is None and replaces is None and (duplicate := await videos.duplicates.find_probable(upload.video_id)):
        headers["Streamtime-Looks-Like"] = duplicate.public_id
    return _answer(201, headers)


@head(
    PATH + "/{upload:str}",
    responses=problems(404, 412),
    operation_class=TusHead,
    tags=["uploads"],
    summary="Get the offset of an upload",
)
async def head_upload(
    request: ApiRequest,
    upload: FromPath[str],
    caller: NamedDependency[Caller],
    uploads: NamedDependency[UploadServices],
    sharing: NamedDependency[SharingServices],
) -> Response[None]:
    """The offset at which to resume. A request that is still writing is interrupted first."""
    _check_version(request)
    drop = await upload_request_of(request, sharing)
    found = await _own(caller, drop, upload, uploads)
    if not found.finished:
        await uploads.receiver.interrupt(found)
        found = await _own(caller, drop, upload, uploads)
    return _answer(200, _headers(found))


@patch(
    PATH + "/{upload:str}",
    request_max_body_size=None,
    status_code=204,
    responses=problems(403, 404, 409, 412, 413, 415, 423, 460, 507),
    operation_class=TusPatch,
    tags=["uploads"],
    summary="Append bytes to an upload",
)
async def patch_upload(
    request: ApiRequest,
    upload: FromPath[str],
    caller: NamedDependency[Caller],
    uploads: NamedDependency[UploadServices],
    sharing: NamedDependency[SharingServices],
) -> Response[None]:
    """Append the body at `Upload-Offset`. Acknowledged bytes are on disk.

    If there is no space left (507), or the quota is reached (413), `Upload-Offset` of the response gives the bytes that
    were kept.

    With an `Upload-Checksum` the body is kept completely or not at all (460), and may have at most 64 MiB (413).
    """
    _check_version(request)
    if request.headers.get("content-type") != BYTES_TYPE:
        raise UnsupportedContentType(f"Send the bytes as {BYTES_TYPE}.", field="Content-Type")
    found = await _own(caller, await upload_request_of(request, sharing), upload, uploads)
    offset = _number(request, "upload-offset")
    try:
        await uploads.receiver.receive(found, offset, body_of(request), announced_checksum(request))
    except (NoSpace, QuotaExceeded, Unavailable) as error:
        raise await _with_upload_state(error, found, uploads) from error
    return _answer(204, _state_headers(await uploads.repository.by_id(found.id)))


@delete(
    PATH + "/{upload:str}",
    status_code=204,
    responses=problems(403, 404, 409, 412, 423),
    operation_class=TusTermination,
    tags=["uploads"],
    summary="Cancel an upload",
)
async def delete_upload(
    request: ApiRequest,
    upload: FromPath[str],
    caller: NamedDependency[Caller],
    uploads: NamedDependency[UploadServices],
    sharing: NamedDependency[SharingServices],
) -> Response[None]:
    """Delete the upload, its bytes and its video."""
    _check_version(request)
    await uploads.termination.terminate(await _own(caller, await upload_request_of(request, sharing), upload, uploads))
    return _answer(204, {})


async def upload_request_of(request: ApiRequest, sharing: SharingServices) -> UploadRequest | None:
    """Return the upload request that the `Streamtime-Drop` header names; None without the header.

    Raises:
        NotFound: there is no such upload request, or it has ended.
    """
    public_id = request.headers.get("streamtime-drop")
    return None if public_id is None else await sharing.upload_requests.find(public_id)


async def _own(caller: Caller, drop: UploadRequest | None, upload: str, uploads: UploadServices) -> Upload:
    """Return the upload with that id, of the caller or of the same upload request. Raises `NotFound`."""
    if drop is not None:
        return await uploads.repository.by_upload_request(drop.id, upload)
    return await uploads.repository.require(caller, upload)


async def body_of(request: ApiRequest) -> AsyncIterator[bytes]:
    """Yield the body in pieces as they arrive.

    Raises:
        ClientDisconnected: the body is incomplete.
    """
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnected("The client disconnected.")
        yield message["body"]
        if not message.get("more_body", False):
            return


def _check_version(request: ApiRequest) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise UnsupportedTusVersion(f"This server supports tus {VERSION}.")


def announced_checksum(request: ApiRequest) -> Checksum | None:
    """Return the checksum of the body from the `Upload-Checksum` header, or None.

    Raises:
        Invalid: the header is malformed, or the algorithm is not supported.
        TooLarge: the body is larger than the maximum for checksums.
    """
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_CHECKED_BYTES:
        raise too_large_to_check()
    return Checksum.parse(header)


def _number(request: ApiRequest, header: str) -> int:
    text = request.headers.get(header, "")
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise Invalid(f"{header.title()} must be a whole number.", field=header.title())
    return int(text)


async def _with_upload_state(
    error: StreamtimeError, upload: Upload, uploads: UploadServices, extra: dict[str, str] | None = None
) -> StreamtimeError:
    """Return the error with headers of the upload's state, so that the client can resume it later."""
    try:
        kept = await uploads.repository.by_id(upload.id)
    except StreamtimeError:
        return error
    if isinstance(error, NoSpace):
        missing = kept.length_bytes - kept.offset_bytes
        state = f"{size_text(kept.offset_bytes)} of this file are kept, {size_text(missing)} are missing."
        error = NoSpace(f"{error.message} {state}", code=error.code, facts={**error.facts, "needed": missing})
    return ErrorWithHeaders(error, {"Cache-Control": "no-store", **_state_headers(kept), **(extra or {})})


def _state_headers(upload: Upload) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset_bytes)}
    if upload.drop_id is None:  # guests do not learn the video's id
        headers["Streamtime-Video"] = upload.video_public_id
    if upload.expires_at_ms is not None:
        headers["Upload-Expires"] = formatdate(upload.expires_at_ms / 1000, usegmt=True)
    return headers


def _headers(upload: Upload) -> dict[str, str]:
    headers = {**_state_headers(upload), "Upload-Length": str(upload.length_bytes)}
    return headers | ({"Upload-Metadata": upload.metadata} if upload.metadata else {})


def _answer(status: int, headers: dict[str, str]) -> Response[None]:
    headers = {"Cache-Control": "no-store", **headers}
    return Response(None, status_code=status, headers=headers, media_type=MediaType.TEXT)
