"""What uses how much: for a person their own, for those who run the server everybody's."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.http.requests import PageRequest, admins_only, with_videos
from streamtime.http.services import Services
from streamtime.http.space_views import SHOWN_LARGEST, large_views, sum_of, usage_view
from streamtime.http.templates import Templates


@get("/settings/space", include_in_schema=False)
async def space_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The caller's own."""
    owner_id = with_videos(caller)
    usage = usage_view(await services.space.usage_of(owner_id))
    largest = large_views(await services.space.largest(owner_id, limit=SHOWN_LARGEST))
    return templates.page(request, "pages/space.html", title="Space", nav="library", usage=usage, largest=largest)


@get("/admin/space", include_in_schema=False)
async def all_space_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Everybody's, the largest first.

    Raises:
        NotFound: for all but admins this page is not there.
    """
    admins_only(caller)
    usages = await services.space.usages()
    return templates.page(
        request,
        "pages/all-space.html",
        title="Space",
        nav="space",
        usage=usage_view(sum_of(usages)),
        people=[usage_view(usage) for usage in usages],
        largest=large_views(await services.space.largest(None, limit=SHOWN_LARGEST)),
    )
