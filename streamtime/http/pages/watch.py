"""Playing a video in something that has no cookie: an address to type or to point a phone at.

A video's own page, and what its owner can do from there.

How a video was prepared: a page for its owner.
"""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, Visibility, access_level
from streamtime.auth.audit import Actor
from streamtime.errors import Invalid
from streamtime.formatting import size_text, span_text
from streamtime.http.embedding import oembed_url
from streamtime.http.public_urls import link_base, qr_svg
from streamtime.http.requests import PageRequest, read_form, wants_fragment
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.views.history import history_of, require_manageable
from streamtime.http.views.space import duplicate_of
from streamtime.http.views.tracks import tracks_of
from streamtime.http.views.videos import WatchView, master_url, watch_href, watch_page_view
from streamtime.sharing.tickets import TICKET_LIFETIME_MS
from streamtime.videos.editing import Edit
from streamtime.videos.video import Video


@get("/watch/{video:str}", include_in_schema=False)
async def watch(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The player, and what is known of the video."""
    await services.playlists.check_playable(caller, video)
    found = await services.videos.require(caller, video, Access.VIEW)
    view = await watch_view(found, caller, services)
    twin = await duplicate_of(found, services) if view.can_manage else None
    oembed = oembed_url(found, request, services, settings)
    answer = templates.page(
        request, "pages/watch.html", title=found.title, player=True, video=view, twin=twin, oembed_url=oembed
    )
    if found.visibility is not Visibility.PUBLIC:
        answer.set_header("X-Robots-Tag", "noindex")
    return answer


@post("/watch/{video:str}/visibility", include_in_schema=False)
async def set_visibility(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Say who may watch it, from the next request on."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "visibility")
    await services.editor.apply(found, Edit(visibility=visibility_from(fields["visibility"])), actor)
    changed = await services.videos.require(caller, video, Access.MANAGE)
    if not wants_fragment(request):
        return Redirect(watch_href(changed), status_code=303)
    view = await watch_view(changed, caller, services)
    return templates.page(request, "fragments/visibility.html", title="", video=view)


@post("/watch/{video:str}/retry", include_in_schema=False)
async def retry(video: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]) -> Redirect:
    """Try a failed video again."""
    found = await services.videos.require(caller, video, Access.MANAGE)
    await services.database.write(lambda tx: services.video_jobs.retry(tx, found))
    return Redirect(f"/watch/{video}", status_code=303)


async def watch_view(video: Video, caller: Caller, services: Services) -> WatchView:
    """A video as its own pages show it."""
    names = await services.renditions.names([video.id])
    original = await services.ledger.find([video.source_object_id]) if video.source_object_id else []
    return watch_page_view(
        video,
        services.progress.get(video),
        caller,
        services.clock.now_ms(),
        renditions=names.get(video.id, []),
        tracks=await tracks_of([video], services),
        original_text=f"Original, {size_text(original[0].length_bytes)}" if original else None,
    )


def visibility_from(text: str) -> Visibility:
    """What a form says.

    Raises:
        Invalid: it says something else.
    """
    try:
        return Visibility(text)
    except ValueError:
        raise Invalid("Choose private, members, unlisted or public.", field="visibility") from None


@get("/watch/{video:str}/history", include_in_schema=False)
async def history_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """What was decided and why, how long it took, and what each file costs."""
    found = await require_manageable(video, caller, services)
    return templates.page(
        request,
        "pages/history.html",
        title="How it was prepared",
        video=await watch_view(found, caller, services),
        history=await history_of(found, services),
    )


@get("/watch/{video:str}/elsewhere", include_in_schema=False)
async def elsewhere_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The address of the playlist: a plain one where anybody may have it, one with a ticket otherwise."""
    found = await services.videos.require(caller, video, Access.VIEW)
    shown: dict[str, object] = {"href": watch_href(found), "title": found.title, "playable": found.playable}
    path = master_url(found)
    if access_level(services.authenticator.anonymous, found.facts) >= Access.VIEW:
        shown |= {"lasts_text": "", "able": True}
    else:
        ticket = await services.tickets.issue_for_caller(caller, found.public_id)
        path = ticket.url(path)
        # An admin may watch what a ticket of theirs, which is for watching alone, does not open.
        able = access_level(await services.tickets.authenticate(ticket.text), found.facts) >= Access.VIEW
        shown |= {"lasts_text": span_text(TICKET_LIFETIME_MS / 1000), "able": able}
    base = link_base(request, settings)
    address = base.url(path)
    shown |= {"address": address, "others": base.alternate_urls(path), "qr": qr_svg(address), "base": base}
    return templates.page(request, "pages/elsewhere.html", confidential=True, title="Play elsewhere", elsewhere=shown)
