"""Explore, and a user's page: what is listed for whoever looks."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.users import User
from streamtime.errors import NotFound
from streamtime.http.pages.lists import next_href, video_cards
from streamtime.http.requests import PageRequest, wants_fragment
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.videos import picture_href
from streamtime.videos.listing import ListScope, Query, Sort

Text = Annotated[str, QueryParameter(max_length=200)]
Cursor = Annotated[str, QueryParameter(max_length=2_000)]


@get("/", include_in_schema=False)
async def home(services: NamedDependency[Services]) -> Redirect:
    """The first page: setup where that is still to be done, else Explore."""
    return Redirect("/setup" if await services.setup.needed() else "/explore", status_code=303)


@get("/explore", include_in_schema=False)
async def explore(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    q: Text = "",
    sort: FromQuery[Sort] = Sort.NEW,
    cursor: Cursor = "",
) -> Response[str]:
    """All that is listed for the caller."""
    query = Query(scope=ListScope.LISTED, q=q, sort=sort, cursor=cursor)
    return await _grid(request, caller, services, templates, query)


@get("/{at_owner:str}", include_in_schema=False)
async def user_page(
    request: PageRequest,
    at_owner: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    sort: FromQuery[Sort] = Sort.NEW,
    cursor: Cursor = "",
) -> Response[str]:
    """`/@name`: what one user has listed for the caller. The framework's parameters are whole segments of a path."""
    if not at_owner.startswith("@"):
        raise NotFound
    try:
        person = await services.users.by_name(at_owner.removeprefix("@"))
    except NotFound:
        raise NotFound from None  # in the same words as for a name that is only hidden
    query = Query(scope=ListScope.LISTED, owner=person.name, sort=sort, cursor=cursor)
    return await _grid(request, caller, services, templates, query, person=person)


async def _grid(
    request: PageRequest,
    caller: Caller,
    services: Services,
    templates: Templates,
    query: Query,
    *,
    person: User | None = None,
) -> Response[str]:
    cards, page = await video_cards(caller, services, query)
    if query.owner and not cards and not caller.signed_in:
        raise NotFound  # strangers learn no names of people who show them nothing
    more = next_href(request, page)
    if wants_fragment(request):
        return templates.page(request, "fragments/cards.html", title="", cards=cards, next_href=more)
    shown_name = person.shown_name if person else ""
    owner = {"name": shown_name, "picture": picture_href(person.public_id, person.picture_version)} if person else None
    return templates.page(
        request,
        "pages/explore.html",
        title=shown_name or "Explore",
        nav="you" if query.owner and query.owner == caller.name else "explore",
        cards=cards,
        next_href=more,
        q=query.q,
        sort=query.sort.value,
        owner=owner,
    )
