"""What the pages with a grid of videos have in common: a query from the address, cards, and the next page's address."""

from urllib.parse import urlencode

from streamtime.auth.access import Caller
from streamtime.http.requests import PageRequest
from streamtime.http.services import Services
from streamtime.http.views.videos import VideoCard, video_card
from streamtime.videos.listing import Page, Query
from streamtime.videos.video import Video


async def video_cards(caller: Caller, services: Services, query: Query) -> tuple[list[VideoCard], Page]:
    """The cards of one page of a query."""
    page = await services.listing.page(caller, query)
    return [current_video_card(video, caller, services) for video in page.items], page


def current_video_card(video: Video, caller: Caller, services: Services) -> VideoCard:
    """One video's card, as it is now."""
    return video_card(video, services.progress.get(video), caller, services.clock.now_ms())


def next_href(request: PageRequest, page: Page) -> str | None:
    """The address of the next page: the one asked for, with the cursor moved on."""
    if page.next is None:
        return None
    asked = {name: value for name, value in request.query_params.items() if name != "cursor" and value}
    return f"{request.url.path}?{urlencode({**asked, 'cursor': page.next})}"
