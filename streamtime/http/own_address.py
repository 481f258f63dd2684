"""The server's own address, for what is carried elsewhere: into another player, a chat, a code on the screen."""

from io import BytesIO
from typing import Any

import segno
from litestar import Request
from litestar.datastructures import State

from streamtime.http.services import HttpSettings

_QUIET_ZONE = 2
"""Modules around a code. The standard has four; the page's own white card is the rest."""


def absolute(request: Request[Any, Any, State], settings: HttpSettings, path: str) -> str:
    """The whole address of a path: at `public_url` where there is one, else where this very request was sent."""
    base = settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return base.rstrip("/") + path


def qr_svg(text: str) -> str:
    """A QR code as an SVG element, to stand in a page: no style, no script, no request."""
    out = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=_QUIET_ZONE, svgclass="qr", lineclass=None
    )
    return out.getvalue().decode()
