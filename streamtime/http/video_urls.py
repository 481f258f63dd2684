"""Paths of videos, their media and their owners on this server."""

from urllib.parse import quote

from streamtime.videos.video import Video


def watch_href(video: Video) -> str:
    """Return the URL of a video's watch page."""
    return f"/watch/{video.public_id}"


def owner_href(name: str) -> str:
    """Return the URL of a user's page."""
    return f"/@{quote(name)}"


def picture_href(public_id: str, version: int) -> str | None:
    """Return the versioned URL of a profile picture, or None if there is none."""
    return f"/people/{public_id}/picture-{version}.jpg" if version else None


def master_url(video: Video) -> str:
    """Return the URL of a video's multivariant playlist."""
    return f"/media/{video.public_id}/master.m3u8"


def mp4_url(video: Video, rendition: str) -> str:
    """Return the URL of a rendition, such as "720p", as one MP4 file with audio."""
    return f"/media/{video.public_id}/{rendition.removesuffix('p')}.mp4"


def poster_url(video: Video) -> str | None:
    """Return the versioned URL of a video's poster."""
    if video.poster_object_id is None:
        return None
    return f"/media/{video.public_id}/{video.access_generation}/poster.jpg?v={video.poster_version}"


def storyboard_url(video: Video) -> str | None:
    """Return the versioned URL of a video's storyboard."""
    return still_url(video, "storyboard.vtt")


def preview_url(video: Video) -> str | None:
    """Return the versioned URL of the short silent preview that a card plays."""
    return still_url(video, "preview.mp4")


def chapters_url(video: Video) -> str:
    """Return the URL of the chapters as WebVTT."""
    return f"/media/{video.public_id}/{video.access_generation}/chapters.vtt"


def still_url(video: Video, name: str) -> str | None:
    """Return the versioned URL of one of a video's stills; None if it has none."""
    if video.stills is None:
        return None
    return f"/media/{video.public_id}/{video.access_generation}/{name}?v={video.stills_version}"


def tag_href(tag: str) -> str:
    """Return the URL of the page of a tag."""
    return f"/tags/{quote(tag, safe='')}"


def playlist_href(playlist: str) -> str:
    """Return the URL of the page of the playlist with that public id."""
    return f"/playlists/{playlist}"
