"""The button that follows a person or a playlist."""

from dataclasses import dataclass

from streamtime.auth.access import Caller
from streamtime.http.services import VideoServices
from streamtime.http.video_urls import playlist_href
from streamtime.videos.playlists import Playlist


@dataclass(frozen=True, slots=True)
class FollowView:
    """Where the form of the button goes, and whether the caller follows already."""

    path: str
    is_following: bool


async def follow_person_view(caller: Caller, user_id: int, public_id: str, videos: VideoServices) -> FollowView | None:
    """Return the button for a person; None for visitors, and for the caller themselves."""
    if caller.user_id is None or caller.user_id == user_id:
        return None
    is_following = await videos.following.has(caller.user_id, person_id=user_id)
    return FollowView(person_follow_path(public_id), is_following)


async def follow_playlist_view(caller: Caller, playlist: Playlist, videos: VideoServices) -> FollowView | None:
    """Return the button for a playlist; None for visitors, and for the caller's own."""
    if caller.user_id is None or caller.user_id == playlist.owner_id:
        return None
    is_following = await videos.following.has(caller.user_id, playlist_id=playlist.id)
    return FollowView(playlist_follow_path(playlist.public_id), is_following)


def person_follow_path(public_id: str) -> str:
    """Return the path of the form that follows a person."""
    return f"/people/{public_id}/follow"


def playlist_follow_path(public_id: str) -> str:
    """Return the path of the form that follows a playlist."""
    return f"{playlist_href(public_id)}/follow"
