"""The style guide: every component of the pages in each of its states, with invented content."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.http.assets import WebFiles
from streamtime.http.requests import PageRequest, require_admin
from streamtime.http.templates import HUES, Templates
from streamtime.http.views.videos import VideoCard
from streamtime.translation import gettext

SURFACES = ("surface-0", "surface-1", "surface-2", "surface-3", "accent", "danger", "ok", "warn")
TAGS = ("garden", "sailing", "night sky", "family", "winter", "travel")
DRAWINGS = (
    "explore",
    "library",
    "playlists",
    "later",
    "history",
    "favourite",
    "search",
    "tag",
    "person",
    "delete",
    "share",
)


@get("/admin/styleguide", include_in_schema=False)
async def style_guide(
    request: PageRequest,
    caller: NamedDependency[Caller],
    files: NamedDependency[WebFiles],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the components by the macros and fragments that the pages use."""
    require_admin(caller)
    poster = files.url("app-icon-512.png")
    return templates.page(
        request,
        "pages/style-guide.html",
        title=gettext("Style guide"),
        nav="admin",
        surfaces=SURFACES,
        hues=range(HUES),
        tags=TAGS,
        drawings=DRAWINGS,
        cards=[
            _card("Ready, and half watched", poster_url=poster, watched_percent=50, duration_text="12:24", badge="4K"),
            _card("Ready, members only, watched", poster_url=poster, visibility="members", watched_percent=100),
            _card("Portrait, unlisted", poster_url=poster, poster_width=720, poster_height=1280, visibility="unlisted"),
            _card("Uploading", state="uploading", playable=False, percent=12, stage_text="Uploading"),
            _card("Preparing", state="processing", playable=False, percent=64, stage_text="Encoding 480p"),
            _card("Preparing more, playable", poster_url=poster, state="processing", percent=80, left_text="2 min"),
            _card("Failed", state="failed", playable=False, failure_message="This is not a video."),
        ],
        choices=[("new", "Newest"), ("old", "Oldest")],
    )


def _card(title: str, **values: Any) -> VideoCard:  # noqa: ANN401  # those of VideoCard
    usual: dict[str, Any] = {
        "id": title.lower().replace(" ", "-").replace(",", ""),
        "href": "/admin/styleguide",
        "edit_href": "/admin/styleguide",
        "history_href": "/admin/styleguide",
        "poster_url": None,
        "poster_width": 512,
        "poster_height": 288,
        "preview_url": None,
        "duration_text": None,
        "duration_iso": "PT12M24S",
        "badge": None,
        "owner_name": "Ada",
        "owner_href": "/admin/styleguide",
        "owner_picture": None,
        "age_text": "3 days ago",
        "created_iso": "2026-01-01T12:00:00Z",
        "recorded_text": None,
        "recorded_iso": None,
        "visibility": "public",
        "visibility_text": str(values.get("visibility", "public")).title(),
        "state": "ready",
        "playable": True,
        "percent": 0,
        "stage_text": "Encoding 720p",
        "speed_text": "",
        "left_text": "",
        "waiting_text": "",
        "failure_message": None,
        "failure_is_final": False,
        "can_manage": values.get("state") in {"processing", "failed"},
        "shared_with": 0,
        "views": 0,
        "watched_percent": 0,
        "resume_ms": 0,
    }
    return VideoCard(title=title, **(usual | values))
