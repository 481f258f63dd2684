"""/api/v1/me and /api/v1/upload-config: who one is here, and what may be uploaded."""

import msgspec
from litestar import get
from litestar.di import NamedDependency

from streamtime.access.caller import Caller, Role
from streamtime.access.rules import Visibility
from streamtime.hls.disk_cost import AUDIO_BPS, typical_rates
from streamtime.http.problems import problems
from streamtime.http.requests import account_id, require_signed_in
from streamtime.http.services import HttpSettings, Services
from streamtime.http.views import picture_href

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
