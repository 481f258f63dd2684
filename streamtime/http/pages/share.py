"""Sharing as its maker sees it: the share page of a video, and the page of all one's links.

Sharing several videos by one link: which of one's own, and within which limits.
"""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, access_level
from streamtime.auth.audit import Actor
from streamtime.errors import Invalid
from streamtime.http.embedding import embed_code, is_embeddable
from streamtime.http.public_urls import LinkBase, link_base, qr_svg
from streamtime.http.requests import Form, PageRequest, local_path, read_form, require_signed_in
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.views.links import EXPIRY_CHOICES, NEW_LINK, LinkView, link_view, parse_new_link
from streamtime.http.views.videos import watch_href
from streamtime.sharing.links import MAX_VIDEOS, Link
from streamtime.videos.editing import Edit
from streamtime.videos.listing import MAX_LIMIT, ListScope, Query
from streamtime.videos.video import Video


@get("/settings/links/new", include_in_schema=False)
async def new_link_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The form, with one's latest videos to choose from."""
    return await _page(request, require_signed_in(caller), services, templates, {**NEW_LINK, "videos": []}, status=200)


@post("/settings/links", include_in_schema=False)
async def make_link_to_several(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Make it, or show the form again with what is wrong."""
    require_signed_in(caller)
    fields = await read_form(request, "label", "days", "password", "max_views")
    chosen = [str(video) for video in (await request.form()).getall("videos", [])]
    try:
        if not 1 <= len(chosen) <= MAX_VIDEOS:
            raise Invalid(f"Choose 1 to {MAX_VIDEOS} videos.", field="videos")  # noqa: TRY301  # shown with the form
        videos = [await services.videos.require(caller, video, Access.MANAGE) for video in chosen]
        await services.links.create(caller, parse_new_link(fields, videos, services.clock.now_ms()), actor)
    except Invalid as error:
        form = {**fields, "videos": chosen, "errors": {error.field or "": error.message}}
        return await _page(request, caller, services, templates, form, status=400)
    return Redirect("/settings/links", status_code=303)


async def _page(
    request: PageRequest, caller: Caller, services: Services, templates: Templates, form: Form, *, status: int
) -> Response[str]:
    own = await services.listing.page(caller, Query(scope=ListScope.OWN, limit=MAX_LIMIT))
    videos = [{"id": video.public_id, "title": video.title} for video in own.items]
    return templates.page(
        request, "pages/new-link.html", confidential=True, title="New link", nav="links", status=status, videos=videos,
        form=form, terms=EXPIRY_CHOICES,
    )  # fmt: skip


@get("/watch/{video:str}/share", include_in_schema=False)
async def share_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
) -> Response[str]:
    """The video's own address, where that is of use, and its owner's links to it. `made` is one just made."""
    found = await services.videos.require(caller, video, Access.VIEW)
    return await _share(request, found, caller, services, settings, templates, NEW_LINK, made=made)


@post("/watch/{video:str}/share", include_in_schema=False)
async def make_link(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Make a link to it, or show the form again with what is wrong."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "label", "days", "password", "max_views")
    try:
        new = parse_new_link(fields, [found], services.clock.now_ms())
        link = await services.links.create(caller, new, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _share(request, found, caller, services, settings, templates, form, status=400)
    return Redirect(f"{watch_href(found)}/share", query_params={"made": link.public_id}, status_code=303)


@post("/watch/{video:str}/embedding", include_in_schema=False)
async def allow_embedding(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Say whether other sites may show it in a frame."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "embeddable")
    await services.editor.apply(found, Edit(embeddable=fields["embeddable"] == "yes"), actor)
    return Redirect(f"{watch_href(found)}/share", status_code=303)


@get("/settings/links", include_in_schema=False)
async def links_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """All one's links."""
    listed = await services.links.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    views = _views(listed, services, base)
    return templates.page(
        request, "pages/links.html", confidential=True, title="Shared links", nav="links", links=views, base=base
    )


@post("/settings/links/{link:str}/revoke", include_in_schema=False)
async def revoke_link(
    request: PageRequest,
    link: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Take it back."""
    fields = await read_form(request, "next")
    await services.links.revoke(require_signed_in(caller), link, actor)
    return Redirect(local_path(fields["next"] or "/settings/links"), status_code=303)


async def _share(
    request: PageRequest,
    video: Video,
    caller: Caller,
    services: Services,
    settings: HttpSettings,
    templates: Templates,
    form: Form,
    *,
    status: int = 200,
    made: FromQuery[str] = "",
) -> Response[str]:
    mine = access_level(caller, video.facts) >= Access.MANAGE
    listed = await services.links.list_for_owner(caller, video_id=video.id) if mine else []
    base = link_base(request, settings)
    views = _views(listed, services, base)
    fresh = next((view for view in views if view.id == made), None)
    address = base.url(watch_href(video))
    share = {
        "href": watch_href(video),
        "title": video.title,
        "visibility": video.visibility.value,
        "address": address,
        "others": base.alternate_urls(watch_href(video)),
        "base": base,
        "mine": mine,
        "links": [view for view in views if view.state == "live"],
        "fresh": fresh,
        "qr": qr_svg(fresh.address if fresh else address),
        "terms": EXPIRY_CHOICES,
        "embedding": bool(settings.frame_ancestors),
        "embeddable": video.embeddable,
        "embed_code": embed_code(video, request, settings) if is_embeddable(video, services) else "",
    }
    return templates.page(
        request, "pages/share.html", confidential=True, title="Share", status=status, share=share, form=form
    )


def _views(listed: list[Link], services: Services, base: LinkBase) -> list[LinkView]:
    now = services.clock.now_ms()
    return [link_view(link, now, base) for link in listed]
