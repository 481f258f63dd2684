"""A video's own page, and what its owner can do from there."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.access.rules import Access, Visibility
from streamtime.accounts.audit import Actor
from streamtime.errors import Invalid
from streamtime.http.embedding import oembed_url
from streamtime.http.forms import read_form
from streamtime.http.requests import PageRequest, wants_fragment
from streamtime.http.services import HttpSettings, Services
from streamtime.http.space_views import duplicate_of
from streamtime.http.templates import Templates
from streamtime.http.track_views import tracks_of
from streamtime.http.views import WatchView, watch_href, watch_page_view
from streamtime.http.words import size_text
from streamtime.library.editing import Edit
from streamtime.library.video import Video


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
