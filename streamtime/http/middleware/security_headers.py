"""Security headers of all responses: content security policies, HSTS, framing, referrer policy."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from streamtime.http.secret_paths import DROPS, EMBEDS, SHARED, TICKETED
from streamtime.http.tus import PATH, VERSION

Headers = tuple[tuple[bytes, bytes], ...]

_STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",  # blob: a file that the upload page previews
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""The default content security policy. Every navigation loads a whole page, so that each page gets its own policy."""

_PLAYER_POLICY = {
    # media-chrome writes styles into its shadow trees
    "style-src": "'self' 'unsafe-inline'",
    # data: only for text tracks: hls.js creates each from an empty one
    "media-src": "'self' blob: data:{stores}",
    "worker-src": "'self'",
    "connect-src": "'self'{stores}",
}
"""Additions for pages with the player. `{stores}` is replaced by the origins of stores that serve segments directly."""

_HTTPS_FOR_S = 180 * 86_400
"""HSTS max-age, in seconds."""

ALWAYS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer: browsers would send "Origin: null" with our own forms, which the CSRF check would reject
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_FOR_PAGES: Headers = (
    *ALWAYS,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_UNFRAMED = (b"x-frame-options", b"DENY")
"""It supports no list of origins, so pages that some sites may frame do not send it."""

_TRANSPORT: Headers = ((b"strict-transport-security", b"max-age=%d" % _HTTPS_FOR_S),)


def _without_referrer(headers: Headers) -> Headers:
    """Return the headers for secret URLs: browsers send no Referer from them."""
    return tuple((name, b"no-referrer" if name == b"referrer-policy" else value) for name, value in headers)


def _policy(directives: Mapping[str, str]) -> tuple[bytes, bytes]:
    return b"content-security-policy", "; ".join(f"{name} {value}" for name, value in directives.items()).encode()


_FOR_TICKETS = _without_referrer(ALWAYS)

_FOR_UPLOADS: Headers = (*ALWAYS, (b"tus-resumable", VERSION.encode()))


class SecurityHeaders:
    """Selects the headers of a response.

    `stores`: origins from which players may fetch segments. `frame_ancestors`: origins that may embed the player.
    `public_url`: the configured public URL; empty if there is none.
    """

    def __init__(self, stores: Sequence[str] = (), frame_ancestors: Sequence[str] = (), public_url: str = "") -> None:
        origins = "".join(f" {origin}" for origin in stores)
        with_player = _STRICT | {name: value.replace("{stores}", origins) for name, value in _PLAYER_POLICY.items()}
        framing = {"frame-ancestors": " ".join(("'self'", *frame_ancestors))}
        policies = (_STRICT, with_player)
        self._for_pages = [(*_FOR_PAGES, _UNFRAMED, _policy(policy)) for policy in policies]
        self._for_links = [_without_referrer(headers) for headers in self._for_pages]
        self._for_embeds = [(*_FOR_PAGES, _policy(policy | framing)) for policy in policies]
        parsed = urlsplit(public_url)
        self._https_host = parsed.netloc.encode() if parsed.scheme == "https" else b""

    def of(self, path: str, *, player: bool) -> Headers:
        """Return the headers for a path; `player`: the response is a page with the player.

        Media need no content security policy; everything that a browser may display as a page does.
        """
        if path.startswith(PATH):
            return _FOR_UPLOADS
        if path.startswith(TICKETED):
            return _FOR_TICKETS
        if path.startswith(("/media/", "/assets/")):
            return ALWAYS
        if path.startswith((SHARED, DROPS)):
            return self._for_links[player]
        return self._for_embeds[player] if path.startswith(EMBEDS) else self._for_pages[player]

    def of_transport(self, scheme: str, host: bytes) -> Headers:
        """Return the HSTS header if the request came over https to the host of the public URL.

        Other names of the machine may have no https, and browsers apply HSTS to all ports of a host.
        """
        return _TRANSPORT if self._https_host and scheme == "https" and host.lower() == self._https_host else ()
