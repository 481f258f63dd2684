"""/api/v1/videos/{video}/versions, /rotate and /cut: change what a video shows, or make a new one of its parts."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Access, Caller
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.formatting import time_iso
from streamtime.http.api.videos import FailureBody
from streamtime.http.cut_requests import CutMode, CutRequest, CutTarget, queue_cut
from streamtime.http.problems import problems
from streamtime.http.services import StorageServices, UploadServices, VideoServices
from streamtime.videos.cuts import MAX_PARTS
from streamtime.videos.versions import QUARTER_TURNS, VersionKind
from streamtime.videos.video import Video, VideoState
from streamtime.workers.cut_order import CutPart

VERSIONS = "/api/v1/videos/{video:str}/versions"
_Time = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]


class PendingBody(msgspec.Struct):
    """A version that takes the place of the video once it is ready. A failed one changes nothing."""

    kind: VersionKind
    state: VideoState
    stage: str
    progress: float
    failure: FailureBody | None


class PreviousBody(msgspec.Struct):
    """What was replaced last, and the bytes that it takes."""

    duration_ms: int | None
    replaced_file: str
    bytes: int
    created_at: str


class VersionsBody(msgspec.Struct):
    """The version of a video that is being prepared, and the previous one."""

    pending: PendingBody | None
    previous: PreviousBody | None


class RotateBody(msgspec.Struct, forbid_unknown_fields=True):
    """Degrees clockwise: 90, 180 or 270."""

    degrees: int


class PartBody(msgspec.Struct, forbid_unknown_fields=True):
    """A part that stays, in milliseconds."""

    start_ms: _Time
    end_ms: _Time


class CutBody(msgspec.Struct, forbid_unknown_fields=True):
    """The parts that stay, in order. `title` is that of a new video."""

    parts: Annotated[list[PartBody], msgspec.Meta(min_length=1, max_length=MAX_PARTS)]
    mode: CutMode = CutMode.KEYFRAMES
    target: CutTarget = CutTarget.NEW
    title: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class CutAnswer(msgspec.Struct):
    """The id of the video that is being made: the same one, or a new one."""

    video: str


async def versions_body(video: Video, videos: VideoServices, storage: StorageServices) -> VersionsBody:
    """Return the versions of a video."""
    versions = await videos.versions.of_video(video)
    pending, previous = versions.pending, versions.previous
    return VersionsBody(
        None if pending is None else _pending(pending, videos),
        None if previous is None else await _previous(previous, storage),
    )


def _pending(version: Video, videos: VideoServices) -> PendingBody:
    progress = videos.progress.get(version)
    failure = None
    if version.failure_code is not None:
        failure = FailureBody(version.failure_code, version.failure_message or "", version.is_unrecoverable)
    kind = VersionKind(version.version_kind or "")
    return PendingBody(kind, version.state, progress.stage, round(progress.fraction, 4), failure)


async def _previous(version: Video, storage: StorageServices) -> PreviousBody:
    sizes = await storage.usage.bytes_by_video([version.id])
    return PreviousBody(
        version.duration_ms, version.source_name, sizes.get(version.id, 0), time_iso(version.created_at_ms)
    )


@get(VERSIONS, responses=problems(403, 404), tags=["versions"], summary="List versions")
async def get_versions(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
) -> VersionsBody:
    """The version that is being prepared, by a rotation, a cut or a new file, and the previous one."""
    return await versions_body(await videos.repository.require(caller, video, Access.MANAGE), videos, storage)


@delete(VERSIONS + "/pending", responses=problems(403, 404), tags=["versions"], summary="Cancel the new version")
async def cancel_version(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """The video stays as it is."""
    await videos.versions.discard_pending(await videos.repository.require(caller, video, Access.MANAGE))


@delete(VERSIONS + "/previous", responses=problems(403, 404), tags=["versions"], summary="Delete the previous version")
async def delete_previous(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """Its space is free soon after."""
    await videos.versions.discard_previous(await videos.repository.require(caller, video, Access.MANAGE))


@post(
    VERSIONS + "/previous/restore",
    status_code=204,
    responses=problems(403, 404, 409),
    tags=["versions"],
    summary="Restore the previous version",
)
async def restore_previous(
    video: FromPath[str], caller: NamedDependency[Caller], videos: NamedDependency[VideoServices]
) -> None:
    """It takes its place again at once; the present version is deleted."""
    await videos.versions.restore_previous(await videos.repository.require(caller, video, Access.MANAGE))


@post(
    "/api/v1/videos/{video:str}/rotate",
    status_code=202,
    responses=problems(403, 404, 409, 413),
    tags=["versions"],
    summary="Rotate a video",
)
async def rotate_video(
    video: FromPath[str],
    data: JSONBody[RotateBody],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
) -> VersionsBody:
    """All renditions are made again from the original, rotated clockwise; the present ones play until then."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await videos.versions.rotate(found, checked_degrees(data.degrees))
    return await versions_body(found, videos, storage)


@post(
    "/api/v1/videos/{video:str}/cut",
    status_code=202,
    responses=problems(403, 404, 409, 413, 507),
    tags=["versions"],
    summary="Cut a video",
)
async def cut_video(
    video: FromPath[str],
    data: JSONBody[CutBody],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    uploads: NamedDependency[UploadServices],
    database: NamedDependency[Database],
) -> CutAnswer:
    """Keep parts of a video, as a new video or in its place. Captions and chapters are cut and moved too."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    parts = [CutPart(part.start_ms, part.end_ms) for part in data.parts]
    wanted = CutRequest(parts, data.mode, data.target, data.title)
    return CutAnswer(await queue_cut(found, wanted, videos, uploads, storage, database))


def checked_degrees(degrees: int) -> int:
    """Return the degrees if they are a quarter turn.

    Raises:
        Invalid: they are not.
    """
    if degrees not in QUARTER_TURNS:
        raise Invalid("A video can be rotated by 90, 180 or 270 degrees.", field="degrees")
    return degrees
