"""/api/v1/links: share links, made, listed and taken back."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.public_urls import LinkBase, link_base
from streamtime.http.requests import ApiRequest, require_signed_in
from streamtime.http.secret_paths import SHARED
from streamtime.http.services import HttpSettings, Services
from streamtime.http.views.links import MAX_DAYS, expires_after
from streamtime.sharing.links import MAX_LABEL, MAX_VIDEOS, MAX_VIEWS, Link, LinkState, NewLink

VideoId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class LinkBody(msgspec.Struct):
    """A share link. `videos` are ids; `views` is how often it was opened, `max_views` how often it may be."""

    id: str
    url: str
    label: str
    videos: list[str]
    state: LinkState
    password: bool
    views: int
    max_views: int | None
    created_at: str
    expires_at: str | None


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A link to be made. `days` is how long it lasts; without it, it does not end by itself."""

    videos: Annotated[list[VideoId], msgspec.Meta(min_length=1, max_length=MAX_VIDEOS)]
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    max_views: Annotated[int, msgspec.Meta(ge=1, le=MAX_VIEWS)] | None = None


@get("/api/v1/links", responses=problems(401), tags=["sharing"], summary="List share links")
async def list_links(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
) -> list[LinkBody]:
    """The caller's own, the latest first."""
    listed = await services.links.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    return [_body(link, services, base) for link in listed]


@post("/api/v1/links", responses=problems(401, 403, 404, 409, 413), tags=["sharing"], summary="Share videos by a link")
async def create_link(
    request: ApiRequest,
    data: JSONBody[LinkRequest],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
) -> LinkBody:
    """Whoever has its address may watch these videos, whatever their visibility, and nothing else."""
    require_signed_in(caller)
    videos = [await services.videos.require(caller, video, Access.MANAGE) for video in data.videos]
    ends = expires_after(data.days, services.clock.now_ms())
    new = NewLink(videos, data.label, data.password or None, data.max_views, ends)
    return _body(await services.links.create(caller, new, actor), services, link_base(request, settings))


@delete(
    "/api/v1/links/{link:str}", responses=problems(401, 403, 404), tags=["sharing"], summary="Take a share link back"
)
async def delete_link(
    link: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """It leads nowhere from the answer on, and who watches by it is stopped at the next segment."""
    await services.links.revoke(require_signed_in(caller), link, actor)


def _body(link: Link, services: Services, base: LinkBase) -> LinkBody:
    return LinkBody(
        id=link.public_id,
        url=base.url(SHARED + link.public_id),
        label=link.label,
        videos=[video.public_id for video in link.videos],
        state=link.state(services.clock.now_ms()),
        password=link.has_password,
        views=link.views,
        max_views=link.max_views,
        created_at=time_iso(link.created_at_ms),
        expires_at=None if link.expires_at_ms is None else time_iso(link.expires_at_ms),
    )
