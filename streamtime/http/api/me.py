"""/api/v1/me: the caller's account, picture and storage usage; /api/v1/usage and /api/v1/upload-config."""

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.auth.access import Caller, Role, Visibility
from streamtime.auth.audit import Actor
from streamtime.errors import Forbidden
from streamtime.hls.ladder import AUDIO_BPS, typical_rates
from streamtime.http.api.admin import BASE_PATH as USERS
from streamtime.http.api.admin import require_admin_or_forbid
from streamtime.http.api.operations import BinaryBody
from streamtime.http.middleware.authentication import MAX_PICTURE_BODY_BYTES, check_picture_size
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, account_id, require_account_management, require_signed_in
from streamtime.http.services import AccountServices, HttpSettings, JobServices, StorageServices, UploadServices
from streamtime.http.video_urls import picture_href
from streamtime.videos.quota import SHOWN_LARGEST, LargeVideo, Usage


class UsageBody(msgspec.Struct):
    """Storage usage of one user, in bytes. `unfinished` is the full length of uploads in progress.

    `bin` is the size of deleted videos that can be restored. `limit` is null if there is none.
    """

    owner: str
    originals: int
    renditions: int
    stills: int
    bin: int
    unfinished: int
    total: int
    limit: int | None
    left: int | None
    videos: int


class LargeBody(msgspec.Struct):
    """A video, and the size of all its files."""

    id: str
    title: str
    owner: str
    bytes: int


class MyUsage(msgspec.Struct):
    """The caller's usage, and their largest videos."""

    usage: UsageBody
    largest: list[LargeBody]


class AllUsage(msgspec.Struct):
    """The usage of all users, largest first, and the largest videos."""

    people: list[UsageBody]
    largest: list[LargeBody]


@get("/api/v1/me/usage", responses=problems(401), tags=["account"], summary="Get your storage usage")
async def my_usage(caller: NamedDependency[Caller], storage: NamedDependency[StorageServices]) -> MyUsage:
    """By kind of file, with the limit if there is one."""
    owner_id = account_id(caller)
    largest = await storage.usage.largest(owner_id, limit=SHOWN_LARGEST)
    return MyUsage(_usage(await storage.usage.usage_of(owner_id)), [_large(video) for video in largest])


@get("/api/v1/usage", responses=problems(401, 403), tags=["account"], summary="Get the storage usage of all users")
async def all_usage(caller: NamedDependency[Caller], storage: NamedDependency[StorageServices]) -> AllUsage:
    """For admins: by user and kind of file."""
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only administrators may see the usage of all users.")
    largest = await storage.usage.largest(None, limit=SHOWN_LARGEST)
    people = [_usage(usage) for usage in await storage.usage.usages()]
    return AllUsage(people, [_large(video) for video in largest])


def _usage(usage: Usage) -> UsageBody:
    return UsageBody(
        owner=usage.owner,
        originals=usage.originals,
        renditions=usage.renditions,
        stills=usage.stills,
        bin=usage.trash,
        unfinished=usage.unfinished,
        total=usage.total,
        limit=usage.limit,
        left=None if usage.limit is None else max(0, usage.limit - usage.total),
        videos=usage.videos,
    )


def _large(video: LargeVideo) -> LargeBody:
    return LargeBody(video.public_id, video.title, video.owner, video.length_bytes)


CONTAINERS = (
    "mp4", "mov", "m4v", "3gp", "mkv", "webm", "ts", "m2ts", "mpg", "avi", "flv", "wmv", "ogv", "mxf",
    "h264", "hevc", "gif", "apng",
    "mp3", "m4a", "aac", "flac", "wav", "aiff", "caf", "ogg", "opus",
)  # fmt: skip
"""File extensions for file pickers. The server identifies a file by its content."""

CODECS = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "prores", "mjpeg", "theora", "wmv3", "vc1")


class Me(msgspec.Struct):
    """The caller's account. `picture` is the path of the profile picture, null without one."""

    name: str
    role: Role
    picture: str | None
    quota: "Quota"


class Quota(msgspec.Struct):
    """Storage in bytes: `used` by files, `reserved` for unfinished uploads, and the `limit`.

    `limit` and `left` are null if there is no limit.
    """

    used: int
    reserved: int
    limit: int | None
    left: int | None


class RungCost(msgspec.Struct):
    """One rung of the ladder: frame height, maximum bit rate and typical bit rate."""

    height: int
    ceiling_bps: int
    usual_bps: int


class UploadConfig(msgspec.Struct):
    """Limits and costs of uploads. Sizes are in bytes.

    `ladder` lists all rungs, largest first; rungs above the height of a video are not made for it. `free_space` is the
    disk space beyond the configured minimum. `free_space` and `quota` are null for anonymous callers.
    """

    max_size: int
    chunk_size: int
    containers: tuple[str, ...]
    codecs: tuple[str, ...]
    default_visibility: Visibility
    keep_original: bool
    audio_bps: int
    ladder: tuple[RungCost, ...]
    free_space: int | None
    quota: Quota | None


@get("/api/v1/me", responses=problems(401), tags=["account"], summary="Get your account")
async def me(caller: NamedDependency[Caller], storage: NamedDependency[StorageServices]) -> Me:
    """The caller's account and its quota."""
    known = require_signed_in(caller)
    picture = picture_href(known.public_id, known.picture_version)
    return Me(name=known.name, role=known.role, picture=picture, quota=await quota_of(known, storage))


async def quota_of(caller: Caller, storage: StorageServices) -> Quota:
    """Return the quota of the caller."""
    usage = await storage.usage.quota_usage(account_id(caller))
    return Quota(usage.used, usage.reserved, usage.limit, usage.remaining)


@get("/api/v1/upload-config", responses=problems(), tags=["uploads"], summary="Get limits and costs of uploads")
async def upload_config(
    caller: NamedDependency[Caller],
    uploads: NamedDependency[UploadServices],
    storage: NamedDependency[StorageServices],
    jobs: NamedDependency[JobServices],
    settings: NamedDependency[HttpSettings],
) -> UploadConfig:
    """Limits, file types and costs, for clients that check a file before they upload it."""
    limits = uploads.creation.limits
    free = await storage.stores.spool.free_bytes() if caller.signed_in else None
    minimum_free = max(limits.minimum_free_bytes, jobs.admission.rules.minimum_free_bytes)
    return UploadConfig(
        max_size=limits.max_size_bytes,
        chunk_size=limits.chunk_size_bytes,
        containers=CONTAINERS,
        codecs=CODECS,
        default_visibility=limits.default_visibility,
        keep_original=settings.keep_original,
        audio_bps=AUDIO_BPS,
        ladder=tuple(RungCost(*rates) for rates in typical_rates(settings.rungs)),
        free_space=None if free is None else max(0, free - minimum_free),
        quota=await quota_of(caller, storage) if caller.signed_in else None,
    )


PICTURE = "/api/v1/me/picture"


class PictureBody(msgspec.Struct):
    """The versioned path of the new profile picture."""

    url: str | None


@put(
    PICTURE,
    operation_class=BinaryBody,
    responses=problems(401, 403, 413, 429),
    tags=["account"],
    summary="Set your picture",
    request_max_body_size=MAX_PICTURE_BODY_BYTES,
    before_request=check_picture_size,
)
async def put_picture(
    request: ApiRequest, caller: NamedDependency[Caller], accounts: NamedDependency[AccountServices]
) -> PictureBody:
    """The body is a JPEG, PNG, WebP or GIF of at most 10 MB. It is cropped to a centered square of 256 pixels."""
    require_account_management(caller)
    found = await accounts.users.by_name(caller.name)
    version = await accounts.pictures.set(found, await request.body())
    return PictureBody(picture_href(found.public_id, version))


@delete(PICTURE, responses=problems(401, 403), tags=["account"], summary="Remove your picture")
async def delete_picture(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], accounts: NamedDependency[AccountServices]
) -> None:
    """Your initial is shown instead."""
    require_account_management(caller)
    await accounts.pictures.remove(await accounts.users.by_name(caller.name), actor)


@delete(
    USERS + "/{user:str}/picture",
    responses=problems(401, 403, 404),
    tags=["admin"],
    summary="Remove the picture of an account",
)
async def delete_user_picture(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
) -> None:
    """For admins; `user` is the id of the account."""
    require_admin_or_forbid(caller)
    await accounts.pictures.remove(await accounts.users.by_public_id(user), actor)
