"""Saved filters of the library: pages that save, rename and delete one; dialogs with script."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.errors import Conflict, Invalid
from streamtime.http.library_filter import LibraryFilter
from streamtime.http.requests import PageRequest, account_id, read_form
from streamtime.http.services import LibraryServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/library/filters"
_TEMPLATE = "pages/saved-filter.html"


@get(BASE_PATH + "/new", include_in_schema=False)
async def new_filter_page(
    request: PageRequest, caller: NamedDependency[Caller], templates: NamedDependency[Templates]
) -> Response[str]:
    """Show the form that saves the filter in the URL."""
    account_id(caller)
    shown = LibraryFilter.read(request.query_params)
    return _form(request, templates, BASE_PATH, name=shown.q or shown.tag, shown=shown)


@post(BASE_PATH, include_in_schema=False)
async def save_filter(
    request: PageRequest,
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Save a filter and show the library with it, or the form again with the error."""
    owner_id = account_id(caller)
    fields = await read_form(request, "name", "filter")
    shown = LibraryFilter.parse(fields["filter"])
    try:
        await library.filters.add(owner_id, fields["name"], shown.text)
    except (Invalid, Conflict) as error:
        return _form(request, templates, BASE_PATH, name=fields["name"], shown=shown, error=error.message)
    return Redirect(shown.href, status_code=303)


@get(BASE_PATH + "/{saved:str}", include_in_schema=False)
async def filter_page(
    request: PageRequest,
    saved: FromPath[str],
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the forms that rename and delete a filter."""
    found = await library.filters.require(account_id(caller), saved)
    shown = LibraryFilter.parse(found.query)
    path = f"{BASE_PATH}/{found.public_id}"
    return _form(request, templates, path, name=found.name, shown=shown, delete_path=f"{path}/delete")


@post(BASE_PATH + "/{saved:str}", include_in_schema=False)
async def rename_filter(
    request: PageRequest,
    saved: FromPath[str],
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Rename a filter and show the library with it, or the form again with the error."""
    owner_id = account_id(caller)
    found = await library.filters.require(owner_id, saved)
    shown, path = LibraryFilter.parse(found.query), f"{BASE_PATH}/{found.public_id}"
    name = (await read_form(request, "name"))["name"]
    try:
        await library.filters.change(owner_id, saved, name=name)
    except (Invalid, Conflict) as error:
        return _form(
            request, templates, path, name=name, shown=shown, error=error.message, delete_path=f"{path}/delete"
        )
    return Redirect(shown.href, status_code=303)


@post(BASE_PATH + "/{saved:str}/delete", include_in_schema=False)
async def delete_filter(
    saved: FromPath[str], caller: NamedDependency[Caller], library: NamedDependency[LibraryServices]
) -> Redirect:
    """Delete a filter; the videos stay."""
    await library.filters.delete(account_id(caller), saved)
    return Redirect("/library", status_code=303)


def _form(
    request: PageRequest,
    templates: Templates,
    path: str,
    *,
    name: str,
    shown: LibraryFilter,
    error: str = "",
    delete_path: str = "",
) -> Response[str]:
    return templates.page(
        request,
        _TEMPLATE,
        title=gettext("Change the filter") if delete_path else gettext("Save this filter"),
        nav="library",
        status=400 if error else 200,
        action=path,
        name=name,
        filter=shown,
        error=error,
        delete_path=delete_path,
    )
