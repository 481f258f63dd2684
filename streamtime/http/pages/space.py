"""What uses how much: for a person their own, for those who run the server everybody's."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.http.requests import PageRequest, require_admin, require_uploader
from streamtime.http.services import Services
from streamtime.http.templates import Templates
from streamtime.http.views.space import SHOWN_LARGEST, large_video_views, total_usage, usage_view


@get("/settings/space", include_in_schema=False)
async def usage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The caller's own."""
    owner_id = require_uploader(caller)
    usage = usage_view(await services.usage.usage_of(owner_id))
    largest = large_video_views(await services.usage.largest(owner_id, limit=SHOWN_LARGEST))
    return templates.page(request, "pages/space.html", title="Space", nav="library", usage=usage, largest=largest)


@get("/admin/space", include_in_schema=False)
async def all_usage_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Everybody's, the largest first.

    Raises:
        NotFound: for all but admins this page is not there.
    """
    require_admin(caller)
    usages = await services.usage.usages()
    return templates.page(
        request,
        "pages/all-space.html",
        title="Space",
        nav="space",
        usage=usage_view(total_usage(usages)),
        people=[usage_view(usage) for usage in usages],
        largest=large_video_views(await services.usage.largest(None, limit=SHOWN_LARGEST)),
    )
