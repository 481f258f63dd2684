"""Playing a video in something that has no cookie: an address to type or to point a phone at."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.access.rules import Access, decide
from streamtime.http.own_address import link_base, qr_svg
from streamtime.http.requests import PageRequest
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.views import master_url, watch_href
from streamtime.http.words import span_text
from streamtime.sharing.tickets import LASTS_MS


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
    if decide(services.credentials.nobody, found.facts) >= Access.VIEW:
        shown |= {"lasts_text": "", "able": True}
    else:
        ticket = await services.tickets.for_caller(caller, found.public_id)
        path = ticket.url(path)
        # An admin may watch what a ticket of theirs, which is for watching alone, does not open.
        able = decide(await services.tickets.caller_of(ticket.text), found.facts) >= Access.VIEW
        shown |= {"lasts_text": span_text(LASTS_MS / 1000), "able": able}
    base = link_base(request, settings)
    address = base.url(path)
    shown |= {"address": address, "others": base.elsewhere(path), "qr": qr_svg(address), "base": base}
    return templates.page(request, "pages/elsewhere.html", confidential=True, title="Play elsewhere", elsewhere=shown)
