"""/api/v1/drops: links for sending, made, listed and taken back."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.public_urls import LinkBase, link_base
from streamtime.http.requests import ApiRequest, require_signed_in
from streamtime.http.secret_paths import DROPS
from streamtime.http.services import HttpSettings, Services
from streamtime.http.views.links import MAX_DAYS, expires_after
from streamtime.sharing.links import MAX_LABEL, LinkState
from streamtime.sharing.upload_requests import MAX_FILES, NewUploadRequest, UploadRequest


class DropBody(msgspec.Struct):
    """A link for sending. `max_size` is of one file, in bytes; null is no limit of its own."""

    id: str
    url: str
    label: str
    state: LinkState
    files: int
    max_files: int | None
    max_size: int | None
    created_at: str
    expires_at: str | None


class DropRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A link to be made. `days` is how long it lasts; without it, it does not end by itself."""

    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] | None = None
    max_files: Annotated[int, msgspec.Meta(ge=1, le=MAX_FILES)] | None = None
    max_size: Annotated[int, msgspec.Meta(ge=1, le=2**50)] | None = None


@get("/api/v1/drops", responses=problems(401), tags=["sharing"], summary="List links for sending")
async def list_drops(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
) -> list[DropBody]:
    """The caller's own, the latest first."""
    listed = await services.upload_requests.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    return [_body(drop, services, base) for drop in listed]


@post("/api/v1/drops", responses=problems(401, 403, 413), tags=["sharing"], summary="Let somebody send videos")
async def create_drop(
    request: ApiRequest,
    data: JSONBody[DropRequest],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
) -> DropBody:
    """Whoever has its address may send files into the caller's library, where they are private.

    A program sends them by `/api/v1/uploads` with the link's id in a header `Streamtime-Drop`, and the sender's name as
    `guest` in the metadata.
    """
    ends = expires_after(data.days, services.clock.now_ms())
    new = NewUploadRequest(data.label, data.max_size, data.max_files, ends)
    made = await services.upload_requests.create(require_signed_in(caller), new, actor)
    return _body(made, services, link_base(request, settings))


@delete(
    "/api/v1/drops/{drop:str}",
    responses=problems(401, 403, 404),
    tags=["sharing"],
    summary="Take a link for sending back",
)
async def delete_drop(
    drop: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """It takes nothing from the answer on, not even the rest of what is on its way."""
    await services.upload_requests.revoke(require_signed_in(caller), drop, actor)


def _body(drop: UploadRequest, services: Services, base: LinkBase) -> DropBody:
    return DropBody(
        id=drop.public_id,
        url=base.url(DROPS + drop.public_id),
        label=drop.label,
        state=drop.state(services.clock.now_ms()),
        files=drop.files,
        max_files=drop.max_files,
        max_size=drop.max_bytes,
        created_at=time_iso(drop.created_at_ms),
        expires_at=None if drop.expires_at_ms is None else time_iso(drop.expires_at_ms),
    )
