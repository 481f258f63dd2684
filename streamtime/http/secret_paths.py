"""Addresses that are secrets by themselves: what may be said of them in a log."""

from streamtime.errors import NotFound

MEDIA = "/media/"
TICKETED = "/t/"
SHARED = "/s/"
DROPS = "/drop/"
EMBEDS = "/embed/"

_SECRET_AFTER = (
    TICKETED,
    SHARED,
    DROPS,
    "/join/",
    "/settings/links/",
    "/settings/drops/",
    "/api/v1/links/",
    "/api/v1/drops/",
)
"""The part of a path that follows one of these lets in whoever knows it."""


def masked(path: str) -> str:
    """A path without the part that must not be known."""
    for prefix in _SECRET_AFTER:
        if path.startswith(prefix):
            _, slash, rest = path[len(prefix) :].partition("/")
            return f"{prefix}…{slash}{rest}"
    return path


def ticket_of(path: str) -> tuple[str, str]:
    """The ticket in a path below `/t/`, and the path of the media that it is for.

    Raises:
        NotFound: there is no media behind it.
    """
    ticket, slash, rest = path.removeprefix(TICKETED).partition("/")
    inner = slash + rest
    if not inner.startswith(MEDIA):
        raise NotFound
    return ticket, inner
