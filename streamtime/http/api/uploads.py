"""/api/v1/uploads: tus 1.0 with creation, creation-with-upload and termination (https://tus.io/protocols)."""

from collections.abc import AsyncIterator

from litestar import delete, head, patch, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod, MediaType
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.errors import Invalid
from streamtime.http.requests import ApiRequest, signed_in
from streamtime.http.services import Services
from streamtime.http.tus import BYTES_TYPE, EXTENSIONS, PATH, VERSION, ClientGone, UnknownVersion, WrongType
from streamtime.uploads.upload import Upload

MAX_DIGITS = 19


@route(PATH, http_method=[HttpMethod.OPTIONS], tags=["uploads"], summary="What this tus server can do")
async def upload_options(services: NamedDependency[Services]) -> Response[None]:
    """Version, extensions and the largest size, as tus clients ask for them."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": f"{services.upload_creation.limits.max_size_bytes:d}",
    }
    return _answer(204, headers)


@post(PATH, request_max_body_size=None, tags=["uploads"], summary="Begin an upload")
async def create_upload(
    request: ApiRequest, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Response[None]:
    """Make an upload, and take its first bytes where the request brings some."""
    _check_version(request)
    signed_in(caller)
    length = _number(request, "upload-length")
    upload = await services.upload_creation.create(caller, length, request.headers.get("upload-metadata", ""))
    offset = 0
    if request.headers.get("content-type") == BYTES_TYPE:
        try:
            offset = await services.receiver.receive(upload, 0, body_of(request))
        except ClientGone:
            # The client never heard of this upload, so nobody can go on with it.
            await services.termination.terminate(await services.uploads.require(caller, upload.public_id))
            raise
    headers = {
        "Location": f"{PATH}/{upload.public_id}",
        "Streamtime-Video": upload.video_public_id,
        "Upload-Offset": str(offset),
    }
    return _answer(201, headers)


@head(PATH + "/{upload:str}", tags=["uploads"], summary="Ask how far an upload is")
async def head_upload(
    request: ApiRequest,
    upload: str,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
) -> Response[None]:
    """The offset to continue at. A request that still writes is asked to let go first."""
    _check_version(request)
    found = await services.uploads.require(caller, upload)
    if not found.finished:
        await services.receiver.let_go(found)
        found = await services.uploads.require(caller, upload)
    return _answer(200, _headers(found))


@patch(
    PATH + "/{upload:str}",
    request_max_body_size=None,
    status_code=204,
    tags=["uploads"],
    summary="Send the next bytes of an upload",
)
async def patch_upload(
    request: ApiRequest,
    upload: str,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
) -> Response[None]:
    """Append the body at `Upload-Offset`. What is acknowledged is on disk."""
    _check_version(request)
    if request.headers.get("content-type") != BYTES_TYPE:
        raise WrongType(f"Send the bytes as {BYTES_TYPE}.", field="Content-Type")
    found = await services.uploads.require(caller, upload)
    offset = await services.receiver.receive(found, _number(request, "upload-offset"), body_of(request))
    return _answer(204, {"Upload-Offset": str(offset), "Streamtime-Video": found.video_public_id})


@delete(PATH + "/{upload:str}", status_code=204, tags=["uploads"], summary="Give an upload up")
async def delete_upload(
    request: ApiRequest,
    upload: str,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
) -> Response[None]:
    """The upload, its bytes and its video are gone."""
    _check_version(request)
    await services.termination.terminate(await services.uploads.require(caller, upload))
    return _answer(204, {})


async def body_of(request: ApiRequest) -> AsyncIterator[bytes]:
    """The body as it comes, never held in memory as a whole.

    Raises:
        ClientGone: it broke off.
    """
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientGone("The client went away.")
        yield message["body"]
        if not message.get("more_body", False):
            return


def _check_version(request: ApiRequest) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise UnknownVersion(f"This server speaks tus {VERSION}.")


def _number(request: ApiRequest, header: str) -> int:
    text = request.headers.get(header, "")
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise Invalid(f"{header.title()} must be a whole number.", field=header.title())
    return int(text)


def _headers(upload: Upload) -> dict[str, str]:
    headers = {
        "Upload-Offset": str(upload.offset_bytes),
        "Upload-Length": str(upload.length_bytes),
        "Streamtime-Video": upload.video_public_id,
    }
    return headers | ({"Upload-Metadata": upload.metadata} if upload.metadata else {})


def _answer(status: int, headers: dict[str, str]) -> Response[None]:
    headers = {"Cache-Control": "no-store", **headers}
    return Response(None, status_code=status, headers=headers, media_type=MediaType.TEXT)
