"""URL paths that contain a secret (tickets, feeds, share links, invites), and masking them for logs."""

from streamtime.errors import NotFound

MEDIA = "/media/"
TICKETED = "/t/"
FEEDS = "/feeds/"
FEED_NAME = "/feed.xml"
FEED_PREFIX = "feed_prefix"
"""The key in an ASGI scope: the path before that of a feed with a token; its media have URLs below it."""

SHARED = "/s/"
DROPS = "/drop/"
EMBEDS = "/embed/"

_SECRET_AFTER = (
    TICKETED,
    FEEDS,
    SHARED,
    DROPS,
    "/join/",
    "/settings/links/",
    "/settings/drops/",
    "/api/v1/links/",
    "/api/v1/drops/",
)
"""The path segment after each of these prefixes is a secret that grants access."""


def masked(path: str) -> str:
    """Return the path with its secret segment replaced by an ellipsis."""
    for prefix in _SECRET_AFTER:
        if path.startswith(prefix):
            _, slash, rest = path[len(prefix) :].partition("/")
            return f"{prefix}…{slash}{rest}"
    return path


def ticket_of(path: str) -> tuple[str, str]:
    """Split a path below `/t/` into the ticket and the media path.

    Raises:
        NotFound: the rest is not a media path.
    """
    ticket, slash, rest = path.removeprefix(TICKETED).partition("/")
    inner = slash + rest
    if not inner.startswith(MEDIA):
        raise NotFound(reason="no_such_url")
    return ticket, inner


def feed_path(token: str) -> str:
    """Return the path of the feed of all videos that the account of an API token may find."""
    return f"{FEEDS}{token}{FEED_NAME}"


def feed_token_of(path: str) -> tuple[str, str]:
    """Split a path below `/feeds/` into the API token, and the path of the feed or of media.

    Raises:
        NotFound: the rest is neither.
    """
    token, slash, rest = path.removeprefix(FEEDS).partition("/")
    inner = slash + rest
    if not inner.startswith(MEDIA) and not inner.endswith(FEED_NAME):
        raise NotFound(reason="no_such_url")
    return token, inner
