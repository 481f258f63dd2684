"""View values of playlists, and the URL of a video in one. They contain only what the caller may see."""

from dataclasses import dataclass
from urllib.parse import urlencode

from streamtime.auth.access import Access, Caller, access_level
from streamtime.clock import EpochMs
from streamtime.formatting import age_text, duration_text
from streamtime.http.video_urls import owner_href, playlist_href, poster_url, watch_href
from streamtime.http.views.videos import VISIBILITY_TEXTS, TextPart, description_parts
from streamtime.translation import gettext
from streamtime.videos.playlists import Playlist, PlaylistSummary
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True)
class PlaylistView:
    """A playlist in a grid and on its page."""

    id: str
    href: str
    title: str
    description: str
    description_parts: list[TextPart]
    owner_name: str
    owner_href: str
    visibility: str
    visibility_text: str
    count: int
    duration_text: str
    cover_url: str | None
    age_text: str
    can_manage: bool
    shared_with: int
    """People and groups that the playlist is shared with, for those who may change that; else 0."""


def playlist_view(summary: PlaylistSummary, caller: Caller, now_ms: EpochMs) -> PlaylistView:
    """Return the view of a playlist, as `caller` may see it."""
    playlist = summary.playlist
    mine = access_level(caller, playlist.facts) >= Access.MANAGE
    return PlaylistView(
        id=playlist.public_id,
        href=playlist_href(playlist.public_id),
        title=playlist.title,
        description=playlist.description,
        description_parts=description_parts(playlist.description),
        owner_name=playlist.owner_shown_name,
        owner_href=owner_href(playlist.owner_name),
        visibility=playlist.visibility.value,
        visibility_text=gettext(VISIBILITY_TEXTS[playlist.visibility]),
        count=summary.count,
        duration_text=duration_text(summary.duration_ms),
        cover_url=None if summary.cover is None else poster_url(summary.cover),
        age_text=age_text(playlist.updated_at_ms, now_ms),
        can_manage=mine,
        shared_with=playlist.grants if mine else 0,
    )


def queue_href(video: Video | str, playlist: Playlist | str, shuffle: str = "") -> str:
    """Return the URL at which a video plays as part of a playlist."""
    path = f"/watch/{video}" if isinstance(video, str) else watch_href(video)
    params = {"list": playlist if isinstance(playlist, str) else playlist.public_id}
    return f"{path}?{urlencode(params | ({'shuffle': shuffle} if shuffle else {}))}"
