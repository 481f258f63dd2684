"""The headers that every answer carries, whatever made it."""

from streamtime.http.tus import PATH, VERSION

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    # media-chrome writes styles into its shadow trees, and with boosted navigation the first page's policy lives on
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    # data: is for text tracks alone: hls.js makes each of an empty one
    "media-src 'self' blob: data:",
    "worker-src 'self'",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY = "; ".join(_POLICY)

ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer: with that browsers send "Origin: null" with our own forms, and we could not tell them from others
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

FOR_PAGES: tuple[tuple[bytes, bytes], ...] = (
    *ALWAYS,
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"x-frame-options", b"DENY"),
)


FOR_UPLOADS: tuple[tuple[bytes, bytes], ...] = (*ALWAYS, (b"tus-resumable", VERSION.encode()))


def headers_for(path: str) -> tuple[tuple[bytes, bytes], ...]:
    """Bytes of media need no policy of their own; everything that a browser might show as a page does."""
    if path.startswith(PATH):
        return FOR_UPLOADS
    return ALWAYS if path.startswith(("/media/", "/assets/")) else FOR_PAGES
