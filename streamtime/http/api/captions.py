"""/api/v1/videos/{video}/captions: list, add, replace and delete tracks. The request body is the caption file."""

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.auth.access import Access, Caller
from streamtime.captions.formats import MAX_BYTES
from streamtime.database.transaction import Database
from streamtime.http.api.operations import BinaryBody
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, Text
from streamtime.http.services import VideoServices
from streamtime.http.tracks import CaptionBody, caption_bodies, caption_body, tracks_of


@get("/api/v1/videos/{video:str}/captions", responses=problems(404), tags=["captions"], summary="List caption tracks")
async def list_captions(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> list[CaptionBody]:
    """Tracks of the uploaded file first, then added tracks."""
    found = await videos.repository.require(caller, video, Access.VIEW)
    return caption_bodies(found, await tracks_of([found], videos))


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
    videos: NamedDependency[VideoServices],
    language: Text,
    label: Text = "",
) -> CaptionBody:
    """The body is a SubRip, WebVTT or ASS file, in any encoding; `language` is a tag such as `en` or `pt-BR`."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    data = await request.body()
    return caption_body(found, await videos.captions.upload(found, data, language=language, label=label))


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
    videos: NamedDependency[VideoServices],
) -> CaptionBody:
    """The body is a file as for a new track. Name, language and label stay unchanged."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    return caption_body(found, await videos.captions.replace_from_file(found, name, await request.body()))


@delete(
    "/api/v1/videos/{video:str}/captions/{name:str}",
    responses=problems(403, 404),
    tags=["captions"],
    summary="Delete a caption track",
)
async def delete_captions(
    video: FromPath[str],
    name: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> None:
    """The track disappears from playlists immediately."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.captions.delete(tx, found, name))
