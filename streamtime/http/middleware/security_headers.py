"""The headers that every answer carries, whatever made it."""

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
    "media-src": "'self' blob:",  # blob: is a file that the upload page looks at before it is sent
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""What a page may load. Each page is loaded as a whole, so that its own policy holds on it, and no other page's."""

_FOR_THE_PLAYER = {
    # media-chrome writes styles into its shadow trees
    "style-src": "'self' 'unsafe-inline'",
    # data: is for text tracks alone: hls.js makes each of an empty one
    "media-src": "'self' blob: data:{stores}",
    "worker-src": "'self'",
    "connect-src": "'self'{stores}",
}
"""What a page with the player may besides. `{stores}` stands for stores that serve segments themselves."""

_HTTPS_FOR_S = 180 * 86_400
"""How long after a visit browsers insist on https: a house without its people for a season is not forgotten."""

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
)
_UNFRAMED = (b"x-frame-options", b"DENY")
"""It knows no list of sites, so pages that some may frame go without it."""

_TRANSPORT: Headers = ((b"strict-transport-security", b"max-age=%d" % _HTTPS_FOR_S),)


def _untold(headers: Headers) -> Headers:
    """The same for addresses that let in whoever knows them: they are told to nobody, not even to ourselves."""
    return tuple((name, b"no-referrer" if name == b"referrer-policy" else value) for name, value in headers)


def _policy(directives: Mapping[str, str]) -> tuple[bytes, bytes]:
    return b"content-security-policy", "; ".join(f"{name} {value}" for name, value in directives.items()).encode()


_FOR_TICKETS = _untold(ALWAYS)

_FOR_UPLOADS: Headers = (*ALWAYS, (b"tus-resumable", VERSION.encode()))


class SecurityHeaders:
    """Knows which headers go with which answer.

    `stores` are origins that players may fetch segments from, `frame_ancestors` those that may frame the player,
    `public_url` is the address outside, if there is one.
    """

    def __init__(self, stores: Sequence[str] = (), frame_ancestors: Sequence[str] = (), public_url: str = "") -> None:
        served = "".join(f" {origin}" for origin in stores)
        playing = _STRICT | {name: value.replace("{stores}", served) for name, value in _FOR_THE_PLAYER.items()}
        framing = {"frame-ancestors": " ".join(("'self'", *frame_ancestors))}
        policies = (_STRICT, playing)
        self._for_pages = [(*_FOR_PAGES, _UNFRAMED, _policy(policy)) for policy in policies]
        self._for_links = [_untold(headers) for headers in self._for_pages]
        self._for_embeds = [(*_FOR_PAGES, _policy(policy | framing)) for policy in policies]
        outside = urlsplit(public_url)
        self._outside = outside.netloc.encode() if outside.scheme == "https" else b""

    def of(self, path: str, *, player: bool) -> Headers:
        """Those of an answer at that address; `player` says that it is a page with the player.

        Bytes of media need no policy of their own; everything that a browser might show as a page does.
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
        """What a request that came over https is told besides, where it asked for the address outside.

        Another name of the same machine may have to do without https, and a browser would remember it for all ports.
        """
        return _TRANSPORT if self._outside and scheme == "https" and host.lower() == self._outside else ()
