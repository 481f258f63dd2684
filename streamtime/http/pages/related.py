"""What to watch after a video: the list beside the player, and the same as a page."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from streamtime.auth.access import Access, Caller
from streamtime.clock import Clock
from streamtime.http.pages.library import current_video_card, watches_of
from streamtime.http.requests import PageRequest, wants_fragment
from streamtime.http.services import VideoServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext


@get("/watch/{video:str}/related", include_in_schema=False)
async def related_page(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show what to watch after a video. The list would exceed 30 KB of HTML on the watch page itself."""
    found = await videos.repository.require(caller, video, Access.VIEW)
    related = await videos.related.find(caller, found)
    watches = await watches_of(caller, related, videos)
    cards = [current_video_card(each, caller, videos, clock, watches.get(each.id)) for each in related]
    fragment = wants_fragment(request)
    template = "fragments/related.html" if fragment else "pages/related.html"
    answer = templates.page(
        request, template, title=gettext("Up next"), video_href=f"/watch/{found.public_id}", cards=cards
    )
    answer.set_header("X-Robots-Tag", "noindex")
    return answer
