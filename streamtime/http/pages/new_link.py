"""Sharing several videos by one link: which of one's own, and within which limits."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.access.rules import Access
from streamtime.accounts.audit import Actor
from streamtime.errors import Invalid
from streamtime.http.forms import Form, read_form
from streamtime.http.link_views import EXPIRY_CHOICES, NEW_LINK, parse_new_link
from streamtime.http.requests import PageRequest, require_signed_in
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.library.listing import MAX_LIMIT, ListScope, Query
from streamtime.sharing.links import MAX_VIDEOS


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
