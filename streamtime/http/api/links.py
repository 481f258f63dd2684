"""/api/v1/links: share links; /api/v1/drops: upload requests, links by which guests upload videos."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.clock import Clock
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.public_urls import LinkBase, link_base
from streamtime.http.requests import ApiRequest, require_signed_in
from streamtime.http.secret_paths import DROPS, SHARED
from streamtime.http.services import HttpSettings, PlaylistServices, SharingServices, VideoServices
from streamtime.sharing.links import (
    MAX_DAYS,
    MAX_LABEL,
    MAX_VIDEOS,
    MAX_VIEWS,
    Link,
    LinkState,
    NewLink,
    expires_after,
)
from streamtime.sharing.upload_requests import MAX_FILES, NewUploadRequest, UploadRequest

VideoId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class LinkBody(msgspec.Struct):
    """A share link to `videos` or to a `playlist`, by their ids; `videos` is empty for a playlist.

    `views` counts how often it was opened, `max_views` limits that.
    """

    id: str
    url: str
    label: str
    videos: list[str]
    playlist: str | None
    state: LinkState
    password: bool
    views: int
    max_views: int | None
    created_at: str
    expires_at: str | None


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new link, to `videos` or to a `playlist`. `days` is its lifetime; without it, the link does not expire."""

    videos: Annotated[list[VideoId], msgspec.Meta(max_length=MAX_VIDEOS)] = []
    playlist: VideoId | None = None
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    max_views: Annotated[int, msgspec.Meta(ge=1, le=MAX_VIEWS)] | None = None


@get("/api/v1/links", responses=problems(401), tags=["sharing"], summary="List share links")
async def list_links(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
) -> list[LinkBody]:
    """Those of the caller, newest first."""
    listed = await sharing.links.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    return [_link_body(link, clock, base) for link in listed]


@post("/api/v1/links", responses=problems(401, 403, 404, 409, 413), tags=["sharing"], summary="Share videos by a link")
async def create_link(
    request: ApiRequest,
    data: JSONBody[LinkRequest],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
) -> LinkBody:
    """Anyone with the link may watch these videos, whatever their visibility, and nothing else.

    A link to a playlist, which must be the caller's own, shows the caller's own videos in it, also those that are added
    later; videos of others are not shown.
    """
    require_signed_in(caller)
    chosen = [await videos.repository.require(caller, video, Access.MANAGE) for video in data.videos]
    ends = expires_after(data.days, clock.now_ms())
    listed = None if data.playlist is None else await playlists.repository.require(caller, data.playlist, Access.MANAGE)
    new = NewLink(chosen, data.label, data.password or None, data.max_views, ends, listed)
    return _link_body(await sharing.links.create(caller, new, actor), clock, link_base(request, settings))


@delete("/api/v1/links/{link:str}", responses=problems(401, 403, 404), tags=["sharing"], summary="Revoke a share link")
async def delete_link(
    link: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> None:
    """The link stops working immediately; players that use it stop at the next segment."""
    await sharing.links.revoke(require_signed_in(caller), link, actor)


def _link_body(link: Link, clock: Clock, base: LinkBase) -> LinkBody:
    return LinkBody(
        id=link.public_id,
        url=base.url(SHARED + link.public_id),
        label=link.label,
        videos=[video.public_id for video in link.videos],
        playlist=None if link.playlist is None else link.playlist.public_id,
        state=link.state(clock.now_ms()),
        password=link.has_password,
        views=link.views,
        max_views=link.max_views,
        created_at=time_iso(link.created_at_ms),
        expires_at=None if link.expires_at_ms is None else time_iso(link.expires_at_ms),
    )


class DropBody(msgspec.Struct):
    """An upload request. `max_size` is the limit of one file in bytes; null if the request sets no limit."""

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
    """A new link. `days` is its lifetime; without it, the link does not expire."""

    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] | None = None
    max_files: Annotated[int, msgspec.Meta(ge=1, le=MAX_FILES)] | None = None
    max_size: Annotated[int, msgspec.Meta(ge=1, le=2**50)] | None = None


@get("/api/v1/drops", responses=problems(401), tags=["sharing"], summary="List upload requests")
async def list_drops(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
) -> list[DropBody]:
    """Those of the caller, newest first."""
    listed = await sharing.upload_requests.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    return [_drop_body(drop, clock, base) for drop in listed]


@post("/api/v1/drops", responses=problems(401, 403, 413), tags=["sharing"], summary="Create an upload request")
async def create_drop(
    request: ApiRequest,
    data: JSONBody[DropRequest],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
) -> DropBody:
    """Anyone with the link may upload files to the caller's library, where they are private.

    A program uploads them to `/api/v1/uploads` with the id in the header `Streamtime-Drop`, and the guest's name as
    `guest` in the metadata.
    """
    ends = expires_after(data.days, clock.now_ms())
    new = NewUploadRequest(data.label, data.max_size, data.max_files, ends)
    created = await sharing.upload_requests.create(require_signed_in(caller), new, actor)
    return _drop_body(created, clock, link_base(request, settings))


@delete(
    "/api/v1/drops/{drop:str}",
    responses=problems(401, 403, 404),
    tags=["sharing"],
    summary="Revoke an upload request",
)
async def delete_drop(
    drop: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> None:
    """The link stops working immediately, also for uploads in progress."""
    await sharing.upload_requests.revoke(require_signed_in(caller), drop, actor)


def _drop_body(drop: UploadRequest, clock: Clock, base: LinkBase) -> DropBody:
    return DropBody(
        id=drop.public_id,
        url=base.url(DROPS + drop.public_id),
        label=drop.label,
        state=drop.state(clock.now_ms()),
        files=drop.files,
        max_files=drop.max_files,
        max_size=drop.max_bytes,
        created_at=time_iso(drop.created_at_ms),
        expires_at=None if drop.expires_at_ms is None else time_iso(drop.expires_at_ms),
    )
