"""Share links: the page behind a link, the share page of a video, the list of links, and links to several videos."""

from typing import Annotated, Any, NamedTuple

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller, access_level
from streamtime.auth.audit import Actor
from streamtime.auth.signed_tokens import SignedToken
from streamtime.clock import Clock
from streamtime.errors import Invalid, NotFound
from streamtime.formatting import duration_text
from streamtime.http.cookies import make_cookie
from streamtime.http.pages.watch import watch_view
from streamtime.http.public_urls import LinkBase, link_base, qr_svg
from streamtime.http.requests import (
    Form,
    PageRequest,
    client_address,
    is_secure,
    local_path,
    read_form,
    require_signed_in,
)
from streamtime.http.secret_paths import SHARED
from streamtime.http.services import HttpSettings, SharingServices, StorageServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import watch_href
from streamtime.http.views.links import (
    EXPIRY_CHOICES,
    NEW_LINK,
    LinkView,
    embed_code,
    is_embeddable,
    link_view,
    parse_new_link,
    parse_start,
    shared_list,
    start_query,
    starting_at,
)
from streamtime.http.views.tickets import with_ticket_urls
from streamtime.sharing.links import MAX_VIDEOS, Link, LinkState
from streamtime.translation import gettext, number_text
from streamtime.videos.editing import Edit
from streamtime.videos.listing import MAX_LIMIT, ListScope, Query
from streamtime.videos.playlist_items import MAX_ITEMS
from streamtime.videos.video import Video

COOKIE = "streamtime_opening"


@get("/s/{link:str}", include_in_schema=False)
async def shared_page(
    request: PageRequest,
    link: FromPath[str],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    storage: NamedDependency[StorageServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    v: Annotated[int, QueryParameter(ge=1, le=MAX_ITEMS)] = 1,
) -> Response[str]:
    """Show video number `v` of the link, or the form that opens it. Opening the link counts one view."""
    try:
        found = await sharing.links.find(link)
        view_session = await sharing.view_sessions.verify(found, request.cookies.get(COOKIE, ""))
        if view_session is not None:
            return await _show(request, templates, videos, sharing, storage, clock, found, view_session, v)
        if found.requires_form:
            used_up = found.state(clock.now_ms()) is LinkState.USED
            return (
                _not_found(request, templates)
                if used_up
                else _ask(request, templates, found, {"errors": {}}, status=200)
            )
        view_session = await _open(request, sharing, found, "")
        answer = await _show(request, templates, videos, sharing, storage, clock, found, view_session, v)
    except NotFound:
        return _not_found(request, templates)
    answer.cookies.append(_view_session_cookie(request, found, view_session, clock.now_ms()))
    return answer


@post("/s/{link:str}", include_in_schema=False)
async def open_shared(
    request: PageRequest,
    link: FromPath[str],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Open the link, with its password if it has one."""
    fields = await read_form(request, "password")
    try:
        found = await sharing.links.find(link)
        try:
            view_session = await _open(request, sharing, found, fields["password"])
        except Invalid as error:
            return _ask(request, templates, found, {"errors": {"password": error.message}}, status=403)
    except NotFound:
        return _not_found(request, templates)
    cookie = _view_session_cookie(request, found, view_session, clock.now_ms())
    return Redirect(_path(request, found), status_code=303, cookies=[cookie])


async def _open(request: PageRequest, sharing: SharingServices, link: Link, password: str) -> SignedToken:
    await sharing.links.open(link, password, address=client_address(request))
    return await sharing.view_sessions.issue(link)


async def _show(
    request: PageRequest,
    templates: Templates,
    videos: VideoServices,
    sharing: SharingServices,
    storage: StorageServices,
    clock: Clock,
    link: Link,
    view_session: SignedToken,
    number: int,
) -> Response[str]:
    if number > len(link.videos):
        raise NotFound
    shown = link.videos[number - 1]
    ticket = await sharing.tickets.issue_for_link(link.id, shown.public_id, expires_at_ms=view_session.expires_at_ms)
    video = await videos.repository.by_public_id(shown.public_id)
    view = with_ticket_urls(
        await watch_view(video, await sharing.tickets.authenticate(ticket.text), videos, storage, clock), ticket
    )
    return _no_index(
        templates.page(
            request,
            "pages/shared.html",
            confidential=True,
            title=video.title,
            player=True,
            video=view,
            others=shared_list(link, number),
            number=number,
            label=link.label,
        )
    )


def _path(request: PageRequest, link: Link) -> str:
    """Return the URL of a link, with the moment at which it was asked to start."""
    return SHARED + link.public_id + start_query(parse_start(request.query_params.get("t", "")))


def _ask(request: PageRequest, templates: Templates, link: Link, form: Form, *, status: int) -> Response[str]:
    views_left = None if link.max_views is None else link.max_views - link.views
    return _no_index(
        templates.page(
            request,
            "pages/shared-ask.html",
            confidential=True,
            title=gettext("Shared with you"),
            status=status,
            form=form,
            action=_path(request, link),
            asks_password=link.has_password,
            left=views_left,
        )
    )


def _not_found(request: PageRequest, templates: Templates) -> Response[str]:
    return _no_index(templates.page(request, "pages/shared-over.html", title=gettext("Nothing here"), status=404))


def _no_index(answer: Response[str]) -> Response[str]:
    answer.set_header("X-Robots-Tag", "noindex, nofollow")
    return answer


def _view_session_cookie(request: PageRequest, link: Link, view_session: SignedToken, now_ms: int) -> Cookie:
    max_age_s = max(0, view_session.expires_at_ms - now_ms) // 1000
    path = SHARED + link.public_id
    return make_cookie(COOKIE, view_session.text, max_age_s, secure=is_secure(request), path=path)


@get("/settings/links/new", include_in_schema=False)
async def new_link_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the form for a link to several videos, with the caller's latest videos."""
    return await _page(request, require_signed_in(caller), videos, templates, {**NEW_LINK, "videos": []}, status=200)


@post("/settings/links", include_in_schema=False)
async def make_link_to_several(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Create a link to several videos, or show the form again with the errors."""
    require_signed_in(caller)
    fields = await read_form(request, "label", "days", "password", "max_views")
    chosen = [str(video) for video in (await request.form()).getall("videos", [])]
    try:
        if not 1 <= len(chosen) <= MAX_VIDEOS:
            raise Invalid(gettext("Choose 1 to %(most)s videos.", most=number_text(MAX_VIDEOS)), field="videos")  # noqa: TRY301  # shown with the form
        shared = [await videos.repository.require(caller, video, Access.MANAGE) for video in chosen]
        await sharing.links.create(caller, parse_new_link(fields, shared, clock.now_ms()), actor)
    except Invalid as error:
        form = {**fields, "videos": chosen, "errors": {error.field or "": error.message}}
        return await _page(request, caller, videos, templates, form, status=400)
    return Redirect("/settings/links", status_code=303)


async def _page(
    request: PageRequest, caller: Caller, videos: VideoServices, templates: Templates, form: Form, *, status: int
) -> Response[str]:
    own = await videos.listing.page(caller, Query(scope=ListScope.OWN, limit=MAX_LIMIT))
    choices = [{"id": video.public_id, "title": video.title} for video in own.items]
    return templates.page(
        request, "pages/new-link.html", confidential=True, title=gettext("New link"), nav="links", status=status,
        videos=choices,
        form=form, terms=EXPIRY_CHOICES,
    )  # fmt: skip


@get("/watch/{video:str}/share", include_in_schema=False)
async def share_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
    t: FromQuery[str] = "",
) -> Response[str]:
    """Show the URL of the video and its owner's share links.

    `made` is the id of a link just created; `t` is where playback starts, as "1:30" or in seconds.
    """
    found = await videos.repository.require(caller, video, Access.VIEW)
    shown = _Shown(made, parse_start(t))
    return await _share(request, found, caller, sharing, clock, settings, templates, NEW_LINK, shown=shown)


@post("/watch/{video:str}/share", include_in_schema=False)
async def make_link(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Create a link to the video, or show the form again with the errors."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "label", "days", "password", "max_views")
    try:
        new = parse_new_link(fields, [found], clock.now_ms())
        link = await sharing.links.create(caller, new, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _share(request, found, caller, sharing, clock, settings, templates, form, status=400)
    return Redirect(f"{watch_href(found)}/share", query_params={"made": link.public_id}, status_code=303)


@post("/watch/{video:str}/embedding", include_in_schema=False)
async def allow_embedding(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
) -> Redirect:
    """Allow or forbid embedding the video in other sites."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    fields = await read_form(request, "embeddable")
    await videos.editor.apply(found, Edit(embeddable=fields["embeddable"] == "yes"), actor)
    return Redirect(f"{watch_href(found)}/share", status_code=303)


@get("/settings/links", include_in_schema=False)
async def links_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show all share links of the caller."""
    listed = await sharing.links.list_for_owner(require_signed_in(caller))
    base = link_base(request, settings)
    views = _views(listed, clock, base)
    return templates.page(
        request,
        "pages/links.html",
        confidential=True,
        title=gettext("Shared links"),
        nav="links",
        links=views,
        base=base,
    )


@post("/settings/links/{link:str}/revoke", include_in_schema=False)
async def revoke_link(
    request: PageRequest,
    link: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> Redirect:
    """Revoke a share link."""
    fields = await read_form(request, "next")
    await sharing.links.revoke(require_signed_in(caller), link, actor)
    return Redirect(local_path(fields["next"] or "/settings/links"), status_code=303)


class _Shown(NamedTuple):
    """What the share page shows: a link just created, and where its URLs start playback."""

    made: str = ""
    start_s: int = 0


_NOTHING = _Shown()


async def _share(
    request: PageRequest,
    video: Video,
    caller: Caller,
    sharing: SharingServices,
    clock: Clock,
    settings: HttpSettings,
    templates: Templates,
    form: Form,
    *,
    status: int = 200,
    shown: _Shown = _NOTHING,
) -> Response[str]:
    can_manage = access_level(caller, video.facts) >= Access.MANAGE
    listed = await sharing.links.list_for_owner(caller, video_id=video.id) if can_manage else []
    base = link_base(request, settings)
    views = _views(listed, clock, base)
    created = next((starting_at(view, shown.start_s) for view in views if view.id == shown.made), None)
    path = watch_href(video) + start_query(shown.start_s)
    address = base.url(path)
    share = {
        "href": watch_href(video),
        "title": video.title,
        "visibility": video.visibility.value,
        "address": address,
        "others": base.alternate_urls(path),
        "made": shown.made if created else "",
        "start": duration_text(shown.start_s * 1000) if shown.start_s else "",
        "base": base,
        "can_manage": can_manage,
        "shared_with": video.grants,
        "links": [view for view in views if view.state == "live"],
        "created": created,
        "qr": qr_svg(created.address if created else address),
        "terms": EXPIRY_CHOICES,
        "embedding": bool(settings.frame_ancestors),
        "embeddable": video.embeddable,
        "embed_code": embed_code(video, request, settings) if is_embeddable(video, settings) else "",
    }
    return templates.page(
        request, "pages/share.html", confidential=True, title=gettext("Share"), status=status, share=share, form=form
    )


def _views(listed: list[Link], clock: Clock, base: LinkBase) -> list[LinkView]:
    now = clock.now_ms()
    return [link_view(link, now, base) for link in listed]
