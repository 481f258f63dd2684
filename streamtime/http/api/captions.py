"""/api/v1/videos/{video}/captions: list, add, replace and delete tracks. The request body is the caption file."""

from typing import Annotated

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from streamtime.auth.access import Access, Caller
from streamtime.captions.formats import MAX_BYTES
from streamtime.http.api.operations import BinaryBody
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest
from streamtime.http.services import Services
from streamtime.http.views.videos import CaptionBody, caption_bodies, caption_body, tracks_of

Text = Annotated[str, QueryParameter(max_length=200)]


@get("/api/v1/videos/{video:str}/captions", responses=problems(404), tags=["captions"], summary="List caption tracks")
async def list_captions(
    video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> list[CaptionBody]:
    """Tracks of the uploaded file first, then added tracks."""
    found = await services.videos.require(caller, video, Access.VIEW)
    return caption_bodies(found, await tracks_of([found], services))


@post(
    "/api/v1/videos/{video:str}/captions",
    responses=problems(403, 404, 409, 413),
    operation_class=BinaryBody,
    tags=["captions"],
    summary="Add a caption track",
    request_max_body_size=MAX_BYTES,
)
async def add_captions(
    request: ApiRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    language: Text,
    label: Text = "",
) -> CaptionBody:
    """The body is a SubRip, WebVTT or ASS file, in any encoding; `language` is a tag such as `en` or `pt-BR`."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    data = await request.body()
    return caption_body(found, await services.captions.upload(found, data, language=language, label=label))


@put(
    "/api/v1/videos/{video:str}/captions/{name:str}",
    responses=problems(403, 404, 413),
    operation_class=BinaryBody,
    tags=["captions"],
    summary="Replace the text of a caption track",
    request_max_body_size=MAX_BYTES,
)
async def replace_captions(
    request: ApiRequest,
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
) -> CaptionBody:
    """The body is a file as for a new track. Name, language and label stay unchanged."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    return caption_body(found, await services.captions.replace_from_file(found, name, await request.body()))


@delete(
    "/api/v1/videos/{video:str}/captions/{name:str}",
    responses=problems(403, 404),
    tags=["captions"],
    summary="Delete a caption track",
)
async def delete_captions(
    video: FromPath[str], name: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> None:
    """The track disappears from playlists immediately."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.captions.delete(tx, found, name))
