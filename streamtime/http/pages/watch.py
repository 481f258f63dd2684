"""The watch page of a video, its visibility, its processing history, and playing it on other devices."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, Visibility, access_level
from streamtime.auth.audit import Actor
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Invalid
from streamtime.formatting import size_text, span_text
from streamtime.http.pages.play_queue import PlayQueueView
from streamtime.http.public_urls import link_base, qr_svg
from streamtime.http.requests import PageRequest, read_form, wants_fragment
from streamtime.http.services import (
    HttpSettings,
    MaintenanceServices,
    PlaybackServices,
    SharingServices,
    StorageServices,
    VideoServices,
)
from streamtime.http.templates import Templates
from streamtime.http.tracks import tracks_of
from streamtime.http.video_urls import master_url, watch_href
from streamtime.http.views.following import follow_person_view
from streamtime.http.views.history import history_of
from streamtime.http.views.links import link_preview, oembed_url
from streamtime.http.views.space import duplicate_of
from streamtime.http.views.videos import WatchView, watch_page_view
from streamtime.sharing.tickets import TICKET_LIFETIME_MS
from streamtime.translation import gettext
from streamtime.videos.editing import Edit
from streamtime.videos.video import Video


@get("/watch/{video:str}", include_in_schema=False)
async def watch(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playback: NamedDependency[PlaybackServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    queue: NamedDependency[PlayQueueView | None],
) -> Response[str]:
    """Show the player and the details of the video; with `list`, beside it the playlist in which it plays."""
    await playback.playlists.check_playable(caller, video)
    found = await videos.repository.require(caller, video, Access.VIEW)
    view = await watch_view(found, caller, videos, storage, clock)
    duplicate = await duplicate_of(found, videos) if view.can_manage else None
    answer = templates.page(
        request,
        "pages/watch.html",
        title=found.title,
        player=True,
        video=view,
        duplicate=duplicate,
        oembed_url=oembed_url(found, request, settings),
        preview=link_preview(found, request, settings),
        queue=queue,
        follow=await follow_person_view(caller, found.owner_id, found.owner_public_id, videos),
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
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Set the visibility, effective from the next request."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "visibility")
    await videos.editor.apply(found, Edit(visibility=visibility_from(fields["visibility"])), actor)
    changed = await videos.repository.require(caller, video, Access.MANAGE)
    if not wants_fragment(request):
        return Redirect(watch_href(changed), status_code=303)
    view = await watch_view(changed, caller, videos, storage, clock)
    return templates.page(request, "fragments/visibility.html", title="", video=view)


@post("/watch/{video:str}/retry", include_in_schema=False)
async def retry(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    database: NamedDependency[Database],
) -> Redirect:
    """Retry a failed video."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    await database.write(lambda tx: videos.jobs.retry(tx, found))
    return Redirect(f"/watch/{video}", status_code=303)


async def watch_view(
    video: Video, caller: Caller, videos: VideoServices, storage: StorageServices, clock: Clock
) -> WatchView:
    """Return the view of a video for its own pages."""
    names = await videos.renditions.names([video.id])
    original = await storage.ledger.find([video.source_object_id]) if video.source_object_id else []
    watches = {} if caller.user_id is None else await videos.watching.of_videos(caller.user_id, [video.id])
    return watch_page_view(
        video,
        videos.progress.get(video),
        caller,
        clock.now_ms(),
        renditions=names.get(video.id, []),
        tracks=await tracks_of([video], videos),
        watch=watches.get(video.id),
        original_text=gettext("Original, %(size)s", size=size_text(original[0].length_bytes)) if original else None,
    )


def visibility_from(text: str) -> Visibility:
    """Parse the visibility in a form.

    Raises:
        Invalid: there is no such visibility.
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
    videos: NamedDependency[VideoServices],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the processing history and the size of each file."""
    found = await videos.repository.require_manageable(caller, video)
    return templates.page(
        request,
        "pages/history.html",
        title=gettext("How it was prepared"),
        video=await watch_view(found, caller, videos, storage, clock),
        history=await history_of(found, videos, storage, maintenance),
    )


@get("/watch/{video:str}/elsewhere", include_in_schema=False)
async def elsewhere_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the playlist URL for other players; it contains a ticket unless anonymous users may watch the video."""
    found = await videos.repository.require(caller, video, Access.VIEW)
    elsewhere: dict[str, object] = {"href": watch_href(found), "title": found.title, "playable": found.playable}
    path = master_url(found)
    if access_level(settings.anonymous, found.facts) >= Access.VIEW:
        elsewhere |= {"lasts_text": "", "able": True}
    else:
        ticket = await sharing.tickets.issue_for_caller(caller, found.public_id)
        path = ticket.url(path)
        # An admin may watch videos that their ticket, which has only viewer permissions, does not allow.
        able = access_level(await sharing.tickets.authenticate(ticket.text), found.facts) >= Access.VIEW
        elsewhere |= {"lasts_text": span_text(TICKET_LIFETIME_MS / 1000), "able": able}
    base = link_base(request, settings)
    address = base.url(path)
    elsewhere |= {"address": address, "others": base.alternate_urls(path), "qr": qr_svg(address), "base": base}
    return templates.page(
        request, "pages/elsewhere.html", confidential=True, title=gettext("Play elsewhere"), elsewhere=elsewhere
    )
