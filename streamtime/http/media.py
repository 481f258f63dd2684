"""The media URLs. Plain ASGI, since a segment is asked for more often than everything else together.

The framework's router knows them as one mount; what lies below it is the table here. (Its own ASGI routes cannot have
parameters: with a method in the request it looks them up under the wrong key.)
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from litestar import asgi
from litestar.types import Receive, Send
from litestar.types import Scope as LitestarScope

from streamtime.access.caller import Caller
from streamtime.errors import NotFound
from streamtime.http.media_response import Scope, SendMessage, send_media
from streamtime.http.services import Services
from streamtime.playback.media_bytes import MediaBytes
from streamtime.playback.playlists import Playlist

MOUNT = "/media"

_PLAYLIST_TYPE = b"application/vnd.apple.mpegurl"
_ID = r"[A-Za-z0-9_-]{1,64}"
_PARTS = {"video": _ID, "generation": r"\d{1,9}", "rendition": _ID, "number": r"\d{1,9}"}

Find = Callable[[Services, Caller, dict[str, str]], Awaitable[MediaBytes | Playlist]]


@dataclass(frozen=True, slots=True)
class MediaRoute:
    """One media address below the mount, and what finds the answer. Every one passes the one check of permission."""

    template: str
    find: Find

    @property
    def pattern(self) -> re.Pattern[str]:
        """The template as an expression that matches the whole of a path."""
        text = re.escape(self.template).replace(r"\{", "{").replace(r"\}", "}")
        for name, part in _PARTS.items():
            text = text.replace(f"{{{name}}}", f"(?P<{name}>{part})")
        return re.compile(text)


MEDIA_ROUTES = (
    MediaRoute(
        "/{video}/{generation}/{rendition}/{number}.m4s",
        lambda to, who, at: to.segments.segment(
            who, at["video"], int(at["generation"]), at["rendition"], int(at["number"])
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/playlist.m3u8",
        lambda to, who, at: to.playlists.media(who, at["video"], int(at["generation"]), at["rendition"]),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/init.mp4",
        lambda to, who, at: to.segments.init(who, at["video"], int(at["generation"]), at["rendition"]),
    ),
    MediaRoute("/{video}/master.m3u8", lambda to, who, at: to.playlists.multivariant(who, at["video"])),
    MediaRoute(
        "/{video}/{generation}/poster.jpg",
        lambda to, who, at: to.segments.poster(who, at["video"], int(at["generation"])),
    ),
    MediaRoute("/{video}/original", lambda to, who, at: to.segments.original(who, at["video"])),
)


def media_mount(services: Services) -> asgi:
    """The handler of all media addresses, for GET and HEAD."""
    table = [(route.pattern, route.find) for route in MEDIA_ROUTES]

    @asgi(MOUNT, is_mount=True, copy_scope=False)
    async def media(scope: LitestarScope, receive: Receive, send: Send) -> None:
        del receive
        path = scope["path"].rstrip("/")
        for pattern, find in table:
            if found := pattern.fullmatch(path):
                await _answer(scope, send, find, found.groupdict(), services)  # type: ignore[arg-type]  # same messages
                return
        raise NotFound

    return media


async def _answer(scope: Scope, send: SendMessage, find: Find, at: dict[str, str], services: Services) -> None:
    if scope["method"] not in {"GET", "HEAD"}:
        await send({"type": "http.response.start", "status": 405, "headers": [(b"allow", b"GET, HEAD")]})
        await send({"type": "http.response.body", "body": b""})
        return
    answer = await find(services, scope["caller"], at)
    if isinstance(answer, MediaBytes):
        await send_media(scope, send, answer, services.media_reader)
    else:
        await _send_playlist(scope, send, answer)


async def _send_playlist(scope: Scope, send: SendMessage, playlist: Playlist) -> None:
    body = playlist.text.encode()
    headers = [
        (b"content-type", _PLAYLIST_TYPE),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-cache" if playlist.shared else b"no-store"),
        (b"vary", b"Cookie, Authorization"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
