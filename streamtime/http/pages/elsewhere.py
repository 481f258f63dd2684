"""Playing a video in something that has no cookie: an address to type or to point a phone at."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.access.rules import Access, access_level
from streamtime.http.own_address import link_base, qr_svg
from streamtime.http.requests import PageRequest
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.views import master_url, watch_href
from streamtime.http.words import span_text
from streamtime.sharing.tickets import TICKET_LIFETIME_MS


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
