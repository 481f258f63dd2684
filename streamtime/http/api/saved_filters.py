"""/api/v1/me/filters: the caller's saved filters of the library."""

from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Caller
from streamtime.http.library_filter import LibraryFilter
from streamtime.http.problems import problems
from streamtime.http.requests import account_id
from streamtime.http.services import LibraryServices
from streamtime.videos.saved_filters import SavedFilter

BASE_PATH = "/api/v1/me/filters"

Name = Annotated[str, msgspec.Meta(max_length=200)]
QueryText = Annotated[str, msgspec.Meta(max_length=2_000)]


class FilterItem(msgspec.Struct):
    """A saved filter. `query` is that of the library's URL: `q`, `state`, `visibility`, `tag`, `length`, `sort`."""

    id: str
    name: str
    query: str
    page: str


class FilterList(msgspec.Struct):
    """All saved filters, by name."""

    items: list[FilterItem]


class NewFilter(msgspec.Struct, forbid_unknown_fields=True):
    """A filter to save. What the library does not know is left out of `query`."""

    name: Name
    query: QueryText


class FilterPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes; omitted fields stay unchanged."""

    name: Name | None = None
    query: QueryText | None = None


@get(BASE_PATH, responses=problems(401), tags=["library"], summary="List your saved filters")
async def list_filters(caller: NamedDependency[Caller], library: NamedDependency[LibraryServices]) -> FilterList:
    """The chips above the library, by name."""
    return FilterList([_item(each) for each in await library.filters.list(account_id(caller))])


@post(BASE_PATH, responses=problems(401, 403, 409, 413), tags=["library"], summary="Save a filter")
async def create_filter(
    data: JSONBody[NewFilter], caller: NamedDependency[Caller], library: NamedDependency[LibraryServices]
) -> FilterItem:
    """Names are unique for an account; it has at most 20 filters."""
    query = LibraryFilter.parse(data.query).text
    return _item(await library.filters.add(account_id(caller), data.name, query))


@patch(
    BASE_PATH + "/{saved:str}",
    responses=problems(401, 403, 404, 409, 413),
    tags=["library"],
    summary="Change a saved filter",
)
async def patch_filter(
    saved: FromPath[str],
    data: JSONBody[FilterPatch],
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
) -> FilterItem:
    """Rename it, or replace its query."""
    owner_id = account_id(caller)
    query = None if data.query is None else LibraryFilter.parse(data.query).text
    await library.filters.change(owner_id, saved, name=data.name, query=query)
    return _item(await library.filters.require(owner_id, saved))


@delete(
    BASE_PATH + "/{saved:str}", responses=problems(401, 403, 404), tags=["library"], summary="Delete a saved filter"
)
async def remove_filter(
    saved: FromPath[str], caller: NamedDependency[Caller], library: NamedDependency[LibraryServices]
) -> None:
    """The videos stay."""
    await library.filters.delete(account_id(caller), saved)


def _item(saved: SavedFilter) -> FilterItem:
    return FilterItem(saved.public_id, saved.name, saved.query, LibraryFilter.parse(saved.query).href)
