"""/api/v1/me/picture, and those of others for those who run the server. One is sent as its file is, as the body.

/api/v1/me and /api/v1/upload-config: who one is here, and what may be uploaded.
"""

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.auth.access import Caller, Role, Visibility
from streamtime.auth.audit import Actor
from streamtime.hls.ladder import AUDIO_BPS, typical_rates
from streamtime.http.api.operations import BinaryBody
from streamtime.http.api.users import BASE_PATH as USERS
from streamtime.http.api.users import require_admin_or_forbid
from streamtime.http.pages.profile import MAX_BODY_BYTES, check_body_size
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, account_id, require_account_management, require_signed_in
from streamtime.http.services import HttpSettings, Services
from streamtime.http.views.videos import picture_href

CONTAINERS = (
    "mp4", "mov", "m4v", "3gp", "mkv", "webm", "ts", "m2ts", "mpg", "avi", "flv", "wmv", "ogv", "mxf",
    "h264", "hevc", "gif", "apng",
    "mp3", "m4a", "aac", "flac", "wav", "aiff", "caf", "ogg", "opus",
)  # fmt: skip
"""Endings that file pickers are shown; what decides is what is in the file."""

CODECS = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "prores", "mjpeg", "theora", "wmv3", "vc1")


class Me(msgspec.Struct):
    """The account behind a request. `picture` is an address, null without one."""

    name: str
    role: Role
    picture: str | None
    quota: "Quota"


class Quota(msgspec.Struct):
    """What one's files take (`used`), what unfinished uploads will add (`reserved`), what they may (`limit`), in bytes.

    `limit` and `left` are null where there is no limit.
    """

    used: int
    reserved: int
    limit: int | None
    left: int | None


class RungCost(msgspec.Struct):
    """One rung of the ladder: the height of its picture, the bit rate it never exceeds, the one to expect."""

    height: int
    ceiling_bps: int
    usual_bps: int


class UploadConfig(msgspec.Struct):
    """What may be uploaded, and what it will cost. Sizes in bytes.

    `ladder` has every rung, the largest first; those above a video's own height are left out for it. `free_space` is
    what the disk has beyond what must stay free, and `quota` is one's own room: told to whoever is signed in.
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


@get("/api/v1/me", responses=problems(401), tags=["account"], summary="Who am I?")
async def me(caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Me:
    """The account behind this request, and how much room it has."""
    known = require_signed_in(caller)
    picture = picture_href(known.public_id, known.picture_version)
    return Me(name=known.name, role=known.role, picture=picture, quota=await quota_of(known, services))


async def quota_of(caller: Caller, services: Services) -> Quota:
    """How somebody stands."""
    standing = await services.usage.quota_usage(account_id(caller))
    return Quota(standing.used, standing.reserved, standing.limit, standing.remaining)


@get("/api/v1/upload-config", responses=problems(), tags=["uploads"], summary="What may be uploaded")
async def upload_config(
    caller: NamedDependency[Caller], services: NamedDependency[Services], settings: NamedDependency[HttpSettings]
) -> UploadConfig:
    """Limits, kinds and costs, for clients that want to say no, or how much, before they send."""
    limits = services.upload_creation.limits
    free = await services.stores.spool.free_bytes() if caller.signed_in else None
    least = max(limits.minimum_free_bytes, settings.encode_minimum_free_bytes)
    return UploadConfig(
        max_size=limits.max_size_bytes,
        chunk_size=limits.chunk_size_bytes,
        containers=CONTAINERS,
        codecs=CODECS,
        default_visibility=limits.default_visibility,
        keep_original=settings.keep_original,
        audio_bps=AUDIO_BPS,
        ladder=tuple(RungCost(*rates) for rates in typical_rates(settings.rungs)),
        free_space=None if free is None else max(0, free - least),
        quota=await quota_of(caller, services) if caller.signed_in else None,
    )


PICTURE = "/api/v1/me/picture"


class PictureBody(msgspec.Struct):
    """Where one's picture is from now on; another picture has another address."""

    url: str | None


@put(
    PICTURE,
    operation_class=BinaryBody,
    responses=problems(401, 403, 413, 429),
    tags=["account"],
    summary="Set one's picture",
    request_max_body_size=MAX_BODY_BYTES,
    before_request=check_body_size,
)
async def put_picture(
    request: ApiRequest, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> PictureBody:
    """The body is a JPEG, PNG, WebP or GIF of at most 10 MB; the middle of it is kept as a square of 256 pixels."""
    require_account_management(caller)
    found = await services.users.by_name(caller.name)
    version = await services.pictures.set(found, await request.body())
    return PictureBody(picture_href(found.public_id, version))


@delete(PICTURE, responses=problems(401, 403), tags=["account"], summary="Remove one's picture")
async def delete_picture(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], services: NamedDependency[Services]
) -> None:
    """Initials are shown again."""
    require_account_management(caller)
    await services.pictures.remove(await services.users.by_name(caller.name), actor)


@delete(
    USERS + "/{user:str}/picture",
    responses=problems(401, 403, 404),
    tags=["admin"],
    summary="Remove somebody's picture",
)
async def delete_user_picture(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """By the account's id."""
    require_admin_or_forbid(caller)
    await services.pictures.remove(await services.users.by_public_id(user), actor)
