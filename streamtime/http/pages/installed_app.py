"""What lets browsers install Streamtime as an app: manifest, service worker, and the page for when it is offline.

See https://www.w3.org/TR/appmanifest/. Browsers offer to install it over https only.
"""

from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.http.assets import WebFiles
from streamtime.http.middleware.authentication import SHARE_TARGET
from streamtime.http.requests import PageRequest
from streamtime.http.templates import Templates
from streamtime.translation import current_language, gettext

_HEADERS = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie, Accept-Language"}
_COLOUR = "#14171b"
"""The background of the dark theme, as in `layouts/base.html`."""


@get("/manifest.webmanifest", include_in_schema=False)
async def manifest(files: NamedDependency[WebFiles]) -> Response[bytes]:
    """Describe the app: names, icons, colours and the pages that its menu offers."""
    icons = (
        ("app-icon-192.png", "192x192", "any"),
        ("app-icon-512.png", "512x512", "any"),
        ("app-icon-maskable.png", "512x512", "maskable"),
    )
    body: dict[str, Any] = {
        "id": "/",
        "name": "Streamtime",
        "short_name": "Streamtime",
        "description": gettext("Your own videos on every screen."),
        "lang": current_language().tag,
        "dir": current_language().direction,
        "start_url": "/explore",
        "scope": "/",
        "display": "standalone",
        "background_color": _COLOUR,
        "theme_color": _COLOUR,
        "icons": [
            {"src": files.url(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in icons
        ],
        "shortcuts": [
            {"name": name, "url": url}
            for name, url in (
                (gettext("Upload"), "/upload"),
                (gettext("Library"), "/library"),
                (gettext("Playlists"), "/playlists"),
            )
        ],
        "share_target": {
            "action": SHARE_TARGET,
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "files", "accept": ["video/*"]}]},
        },
    }
    return Response(msgspec.json.encode(body), media_type="application/manifest+json", headers=_HEADERS)


@get("/service-worker.js", include_in_schema=False)
async def service_worker(files: NamedDependency[WebFiles]) -> Response[bytes]:
    """Serve the service worker at the root: it may only control pages below its own URL. Browsers revalidate it."""
    script = (files.dist / files.manifest["service-worker.js"]).read_bytes()
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@post(SHARE_TARGET, status_code=200, include_in_schema=False)
async def share_target(request: PageRequest, templates: NamedDependency[Templates]) -> Response[str]:
    """Say that shared files did not arrive: the service worker, which takes them, is not there.

    See https://w3c.github.io/web-share-target/.
    """
    return templates.page(request, "pages/share-target.html", title=gettext("The files did not arrive"), nav="upload")


@get("/offline", include_in_schema=False)
async def offline(request: PageRequest, templates: NamedDependency[Templates]) -> Response[str]:
    """Show the page that the service worker stores, for when the server cannot be reached."""
    return templates.page(request, "pages/offline.html", title=gettext("Offline"))
