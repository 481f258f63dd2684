"""What is behind a share link: the videos that it shows and nothing else of the house.

A video's view for somebody who comes by a link: the same, with every address of media behind a ticket.
"""

from dataclasses import replace
from typing import Annotated, Any

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Response

from streamtime.errors import Invalid, NotFound
from streamtime.http.pages.watch import watch_view
from streamtime.http.requests import Form, PageRequest, client_address, is_secure, read_form
from streamtime.http.secret_paths import SHARED
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.videos import WatchView
from streamtime.sharing.links import MAX_VIDEOS, Link, LinkState
from streamtime.sharing.tickets import Ticket, ViewSession


def with_ticket_urls(view: WatchView, ticket: Ticket) -> WatchView:
    """The view with addresses that need no cookie; the original is not among them."""
    return replace(
        view,
        master_url=ticket.url(view.master_url),
        chapters_url=ticket.url(view.chapters_url),
        poster_url=_ticket_url(ticket, view.poster_url),
        preview_url=_ticket_url(ticket, view.preview_url),
        storyboard_url=_ticket_url(ticket, view.storyboard_url),
        original_href=None,
        original_text=None,
        storyboard_tiles=[],
    )


def _ticket_url(ticket: Ticket, path: str | None) -> str | None:
    return None if path is None else ticket.url(path)


COOKIE = "streamtime_opening"


@get("/s/{link:str}", include_in_schema=False)
async def shared_page(
    request: PageRequest,
    link: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    v: Annotated[int, QueryParameter(ge=1, le=MAX_VIDEOS)] = 1,
) -> Response[str]:
    """Video number `v` of the link, or the form that opens it. The first look by somebody is counted as a view."""
    try:
        found = await services.links.find(link)
        opening = await services.view_sessions.verify(found, request.cookies.get(COOKIE, ""))
        if opening is not None:
            return await _show(request, templates, services, found, opening, v)
        if found.requires_form:
            used_up = found.state(services.clock.now_ms()) is LinkState.USED
            return (
                _not_found(request, templates)
                if used_up
                else _ask(request, templates, found, {"errors": {}}, status=200)
            )
        opening = await _open(request, services, found, "")
        answer = await _show(request, templates, services, found, opening, v)
    except NotFound:
        return _not_found(request, templates)
    answer.cookies.append(_cookie(request, found, opening, services.clock.now_ms()))
    return answer


@post("/s/{link:str}", include_in_schema=False)
async def open_shared(
    request: PageRequest,
    link: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Open it, with its password where it has one."""
    fields = await read_form(request, "password")
    try:
        found = await services.links.find(link)
        try:
            opening = await _open(request, services, found, fields["password"])
        except Invalid as error:
            return _ask(request, templates, found, {"errors": {"password": error.message}}, status=403)
    except NotFound:
        return _not_found(request, templates)
    cookie = _cookie(request, found, opening, services.clock.now_ms())
    return Redirect(SHARED + found.public_id, status_code=303, cookies=[cookie])


async def _open(request: PageRequest, services: Services, link: Link, password: str) -> ViewSession:
    await services.links.open(link, password, address=client_address(request))
    return await services.view_sessions.issue(link)


async def _show(
    request: PageRequest, templates: Templates, services: Services, link: Link, opening: ViewSession, number: int
) -> Response[str]:
    if number > len(link.videos):
        raise NotFound
    shown = link.videos[number - 1]
    ticket = await services.tickets.issue_for_link(link.id, shown.public_id, expires_at_ms=opening.expires_at_ms)
    video = await services.videos.by_public_id(shown.public_id)
    view = with_ticket_urls(await watch_view(video, await services.tickets.authenticate(ticket.text), services), ticket)
    others = [
        {"href": f"{SHARED}{link.public_id}?v={at}", "title": one.title, "here": at == number}
        for at, one in enumerate(link.videos, start=1)
    ]
    return _no_index(
        templates.page(
            request,
            "pages/shared.html",
            confidential=True,
            title=video.title,
            player=True,
            video=view,
            others=others,
            label=link.label,
        )
    )


def _ask(request: PageRequest, templates: Templates, link: Link, form: Form, *, status: int) -> Response[str]:
    left = None if link.max_views is None else link.max_views - link.views
    return _no_index(
        templates.page(
            request,
            "pages/shared-ask.html",
            confidential=True,
            title="Shared with you",
            status=status,
            form=form,
            action=SHARED + link.public_id,
            asks_password=link.has_password,
            left=left,
        )
    )


def _not_found(request: PageRequest, templates: Templates) -> Response[str]:
    return _no_index(templates.page(request, "pages/shared-over.html", title="Nothing here", status=404))


def _no_index(answer: Response[str]) -> Response[str]:
    answer.set_header("X-Robots-Tag", "noindex, nofollow")
    return answer


def _cookie(request: PageRequest, link: Link, opening: ViewSession, now_ms: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=opening.text,
        max_age=max(0, opening.expires_at_ms - now_ms) // 1000,
        path=SHARED + link.public_id,
        httponly=True,
        secure=is_secure(request),
        samesite="lax",
    )
