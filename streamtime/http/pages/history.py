"""How a video was prepared: a page for its owner."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.access.caller import Caller
from streamtime.http.histories import history_of, require_manageable
from streamtime.http.pages.watch import watch_view
from streamtime.http.requests import PageRequest
from streamtime.http.services import Services
from streamtime.http.templates import Templates


@get("/watch/{video:str}/history", include_in_schema=False)
async def history_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """What was decided and why, how long it took, and what each file costs."""
    found = await require_manageable(video, caller, services)
    return templates.page(
        request,
        "pages/history.html",
        title="How it was prepared",
        video=await watch_view(found, caller, services),
        history=await history_of(found, services),
    )
