"""The headers that every answer carries, whatever made it."""

from collections.abc import Sequence

from streamtime.http.paths import DROPS, EMBEDS, SHARED, TICKETED
from streamtime.http.tus import PATH, VERSION

Headers = tuple[tuple[bytes, bytes], ...]

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    # media-chrome writes styles into its shadow trees, and with boosted navigation the first page's policy lives on
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    # data: is for text tracks alone: hls.js makes each of an empty one
    "media-src 'self' blob: data:{stores}",
    "worker-src 'self'",
    "connect-src 'self'{stores}",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
"""What a page may load. `{stores}` stands for stores that serve segments of public videos themselves."""

ALWAYS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer: with that browsers send "Origin: null" with our own forms, and we could not tell them from others
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_FOR_PAGES: Headers = (
    *ALWAYS,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"x-frame-options", b"DENY"),
)


def _untold(headers: Headers) -> Headers:
    """The same for addresses that let in whoever knows them: they are told to nobody, not even to ourselves."""
    return tuple((name, b"no-referrer" if name == b"referrer-policy" else value) for name, value in headers)


_FOR_TICKETS = _untold(ALWAYS)

_FOR_UPLOADS: Headers = (*ALWAYS, (b"tus-resumable", VERSION.encode()))


class SecurityHeaders:
    """Knows which headers go with which address.

    `stores` are origins that players may fetch segments from, `frame_ancestors` those that may frame the player.
    """

    def __init__(self, stores: Sequence[str] = (), frame_ancestors: Sequence[str] = ()) -> None:
        policy = "; ".join(_POLICY).replace("{stores}", "".join(f" {origin}" for origin in stores))
        self._for_pages = (*_FOR_PAGES, (b"content-security-policy", policy.encode()))
        self._for_links = _untold(self._for_pages)
        framed = policy.replace("frame-ancestors 'none'", " ".join(("frame-ancestors 'self'", *frame_ancestors)))
        unframed = [header for header in _FOR_PAGES if header[0] != b"x-frame-options"]  # which knows no list of sites
        self._for_embeds = (*unframed, (b"content-security-policy", framed.encode()))

    def of(self, path: str) -> Headers:
        """Bytes of media need no policy of their own; everything that a browser might show as a page does."""
        if path.startswith(PATH):
            return _FOR_UPLOADS
        if path.startswith(TICKETED):
            return _FOR_TICKETS
        if path.startswith((SHARED, DROPS)):
            return self._for_links
        if path.startswith(EMBEDS):
            return self._for_embeds
        return ALWAYS if path.startswith(("/media/", "/assets/")) else self._for_pages
