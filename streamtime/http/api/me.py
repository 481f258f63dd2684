"""/api/v1/me and /api/v1/upload-config: who one is here, and what may be uploaded."""

import msgspec
from litestar import get
from litestar.di import NamedDependency

from streamtime.access.caller import Caller, Role
from streamtime.access.rules import Visibility
from streamtime.http.requests import signed_in
from streamtime.http.services import Services

CONTAINERS = ("mp4", "mov", "m4v", "3gp", "mkv", "webm", "ts", "m2ts", "mpg", "avi", "flv", "wmv", "ogv", "mxf")
"""Endings that file pickers are shown; what decides is what is in the file."""

CODECS = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "prores", "mjpeg", "theora", "wmv3", "vc1")


class Me(msgspec.Struct):
    """The account behind a request."""

    name: str
    role: Role


class UploadConfig(msgspec.Struct):
    """What may be uploaded. Sizes in bytes."""

    max_size: int
    chunk_size: int
    containers: tuple[str, ...]
    codecs: tuple[str, ...]
    default_visibility: Visibility


@get("/api/v1/me", tags=["account"], summary="Who am I?")
async def me(caller: NamedDependency[Caller]) -> Me:
    """The account behind this request."""
    known = signed_in(caller)
    return Me(name=known.name, role=known.role)


@get("/api/v1/upload-config", tags=["uploads"], summary="What may be uploaded")
async def upload_config(services: NamedDependency[Services]) -> UploadConfig:
    """Limits and kinds, for clients that want to say no before they send."""
    limits = services.upload_creation.limits
    return UploadConfig(
        max_size=limits.max_size_bytes,
        chunk_size=limits.chunk_size_bytes,
        containers=CONTAINERS,
        codecs=CODECS,
        default_visibility=limits.default_visibility,
    )
