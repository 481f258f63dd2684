"""The media URLs. Plain ASGI beside the framework, since a segment is asked for more often than all else together.

The framework would add more to each request than all our own work on it; the table here is the whole of the routing.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streamtime.auth.access import AuthMethod, Caller
from streamtime.errors import NotFound, ObjectDamaged, StreamtimeError
from streamtime.http.media.response import Receive, Scope, SendMessage, send_media, send_text
from streamtime.http.problems import Problem, problem_of, send_problem
from streamtime.http.secret_paths import masked
from streamtime.http.services import Services
from streamtime.logging import get_logger
from streamtime.playback.media_reader import MediaRange
from streamtime.playback.playlists import Playlist, WebVttFile

MOUNT = "/media"

_log = get_logger("http")

_ID = r"[A-Za-z0-9_-]{1,64}"
_PARTS = {"video": _ID, "generation": r"\d{1,9}", "rendition": _ID, "number": r"\d{1,9}", "captions": _ID}

MediaResolver = Callable[[Services, Caller, dict[str, str]], Awaitable[MediaRange | Playlist | WebVttFile]]


@dataclass(frozen=True, slots=True)
class MediaRoute:
    """One media address below the mount, and what finds the answer. Every one passes the one check of permission."""

    template: str
    find: MediaResolver

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
        "/{video}/{generation}/{rendition}/iframes.m3u8",
        lambda to, who, at: to.playlists.iframes(who, at["video"], int(at["generation"]), at["rendition"]),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/init.mp4",
        lambda to, who, at: to.segments.init(who, at["video"], int(at["generation"]), at["rendition"]),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/rendition.mp4",
        lambda to, who, at: to.segments.whole_file(who, at["video"], int(at["generation"]), at["rendition"]),
    ),
    MediaRoute("/{video}/master.m3u8", lambda to, who, at: to.playlists.multivariant(who, at["video"])),
    MediaRoute(
        "/{video}/{generation}/poster.jpg",
        lambda to, who, at: to.segments.poster(who, at["video"], int(at["generation"])),
    ),
    MediaRoute(
        "/{video}/{generation}/captions/{captions}.m3u8",
        lambda to, who, at: to.text_tracks.captions_playlist(who, at["video"], int(at["generation"]), at["captions"]),
    ),
    MediaRoute(
        "/{video}/{generation}/captions/{captions}.vtt",
        lambda to, who, at: to.text_tracks.captions(who, at["video"], int(at["generation"]), at["captions"]),
    ),
    MediaRoute(
        "/{video}/{generation}/chapters.vtt",
        lambda to, who, at: to.text_tracks.chapters(who, at["video"], int(at["generation"])),
    ),
    MediaRoute(
        "/{video}/{generation}/storyboard.vtt",
        lambda to, who, at: to.playlists.storyboard(who, at["video"], int(at["generation"])),
    ),
    MediaRoute(
        "/{video}/{generation}/storyboard-{number}.jpg",
        lambda to, who, at: to.segments.sheet(who, at["video"], int(at["generation"]), int(at["number"])),
    ),
    MediaRoute(
        "/{video}/{generation}/preview.mp4",
        lambda to, who, at: to.segments.preview(who, at["video"], int(at["generation"])),
    ),
    MediaRoute("/{video}/original", lambda to, who, at: to.segments.original(who, at["video"])),
)


_WRONG_METHOD = Problem(title="That did not work", status=405, detail="Media can only be read.", code="http_405")


class MediaApp:
    """Answers GET and HEAD for every media address."""

    def __init__(self, services: Services, *, shared_cache_s: int = 0) -> None:
        self._services = services
        self._shared_cache_s = shared_cache_s
        self._table = [(route.pattern, route.find) for route in MEDIA_ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Answer one request; `scope` carries its caller."""
        try:
            await self._answer(scope, receive, send)
        except StreamtimeError as error:
            if isinstance(error, ObjectDamaged):
                _log.error("media_damaged", path=masked(scope["path"]))
            problem, headers = problem_of(error)
            await send_problem(scope, send, problem, headers)

    async def _answer(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await send_problem(scope, send, _WRONG_METHOD, {"allow": "GET, HEAD"})
            return
        find, at = self._route(scope["path"].removeprefix(MOUNT))
        answer = await find(self._services, scope["caller"], at)
        if isinstance(answer, MediaRange):
            kept_s = await self._shared_max_age_s(scope["caller"], at["video"])
            await send_media(scope, receive, send, answer, self._services.media_reader, shared_cache_s=kept_s)
        elif isinstance(answer, WebVttFile):
            await send_text(scope, send, answer.text, content_type="text/vtt; charset=utf-8", etag=answer.etag)
        else:
            await _send_playlist(send, answer)

    async def _shared_max_age_s(self, caller: Caller, video: str) -> int:
        """For how long caches between us and the viewer may keep it: only what nobody needs permission for."""
        if not self._shared_cache_s or caller.auth_method is AuthMethod.TICKET:
            return 0
        public = await self._services.segments.is_public(self._services.authenticator.anonymous, video)
        return self._shared_cache_s if public else 0

    def _route(self, path: str) -> tuple[MediaResolver, dict[str, str]]:
        for pattern, find in self._table:
            if found := pattern.fullmatch(path):
                return find, found.groupdict()
        raise NotFound


async def _send_playlist(send: SendMessage, playlist: Playlist) -> None:
    body = playlist.text.encode()
    headers = [
        (b"content-type", playlist.content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-cache" if playlist.anonymously_viewable else b"no-store"),
        (b"vary", b"Cookie, Authorization"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
