"""The media routes, and the states of a video in which its files exist."""

from tests.permissions.rules import by_ticket, can_watch

PLAYABLE = ("private", "members", "unlisted", "public", "processing")
"""States in which a video can be played; the one in processing is playable already."""

READY = ("private", "members", "unlisted", "public")
KEPT = (*READY, "processing", "failed")

MEDIA: dict[str, tuple[str, ...]] = {
    "/{video}/master.m3u8": PLAYABLE,
    "/{video}/original": KEPT,
    "/{video}/{height}.mp4": PLAYABLE,
    "/{video}/{generation}/{rendition}/{number}.m4s": PLAYABLE,
    "/{video}/{generation}/{rendition}/playlist.m3u8": PLAYABLE,
    "/{video}/{generation}/{rendition}/init.mp4": PLAYABLE,
    "/{video}/{generation}/{rendition}/iframes.m3u8": PLAYABLE,
    "/{video}/{generation}/{rendition}/rendition.mp4": PLAYABLE,
    "/{video}/{generation}/poster.jpg": PLAYABLE,
    "/{video}/{generation}/captions/{captions}.m3u8": PLAYABLE,
    "/{video}/{generation}/captions/{captions}.vtt": PLAYABLE,
    "/{video}/{generation}/chapters.vtt": PLAYABLE,
    "/{video}/{generation}/storyboard.vtt": PLAYABLE,
    "/{video}/{generation}/storyboard-{number}.jpg": PLAYABLE,
    "/{video}/{generation}/preview.mp4": PLAYABLE,
}
"""The media routes of a video, and the states in which they exist; the same with a ticket."""

MOUNTS = (("/media", can_watch), ("/t/{ticket}/media", by_ticket))
