"""The media URLs as plain ASGI: their route table, and sending bytes with ranges, conditions and cache headers.

Segments make up most requests, and the framework would cost more per request than our own work.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from streamtime.auth.access import AuthMethod, Caller
from streamtime.errors import NotFound, ObjectDamaged, StreamtimeError
from streamtime.http.problems import Problem, problem_of, send_problem
from streamtime.http.ranges import NotModified, SendRange, Unsatisfiable, evaluate_conditions
from streamtime.http.secret_paths import masked
from streamtime.http.server.connection import AbortResponse
from streamtime.http.services import PlaybackServices
from streamtime.logging import get_logger
from streamtime.playback.media_reader import MediaRange, MediaReader
from streamtime.playback.mp4_files import Mp4File
from streamtime.playback.served_playlists import Playlist, WebVttFile

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendMessage = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CONDITIONAL_HEADERS = {b"if-none-match": "if_none_match", b"range": "range_header", b"if-range": "if_range"}

# Private: a public video can be made private later, and shared caches would not notice.
_IMMUTABLE = b"private, max-age=31536000, immutable"
_REVALIDATE = b"private, no-cache"

_log = get_logger("http")


async def send_media(
    scope: Scope,
    receive: Receive,
    send: SendMessage,
    media: MediaRange | Mp4File,
    playback: PlaybackServices,
    *,
    shared_cache_s: int = 0,
) -> None:
    """Answer a GET or HEAD for `media`; shared caches may keep it for `shared_cache_s` seconds if it is immutable."""
    conditions: dict[str, str | None] = {"if_none_match": None, "range_header": None, "if_range": None}
    for name, value in scope["headers"]:
        if name in _CONDITIONAL_HEADERS:
            conditions[_CONDITIONAL_HEADERS[name]] = value.decode("latin-1")
    if scope["method"] == "HEAD":
        conditions["range_header"] = None  # RFC 9110, section 14.2: Range applies to GET only
    match evaluate_conditions(total=media.length, etag=media.etag, **conditions):
        case NotModified():
            await _empty(send, 304, _common(media, shared_cache_s))
        case Unsatisfiable():
            content_range = (b"content-range", b"bytes */%d" % media.length)
            await _empty(send, 416, [*_common(media, shared_cache_s), content_range, (b"content-length", b"0")])
        case SendRange() as part:
            await _send(scope, receive, send, media, part, playback, shared_cache_s)


async def send_text(scope: Scope, send: SendMessage, text: str, *, content_type: str, etag: str) -> None:
    """Answer a GET for a small text that may change. Clients revalidate it each time.

    CompressionMiddleware drops the body of a HEAD, since only it knows the compressed length.
    """
    body = text.encode()
    if_none_match = next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"), None
    )
    headers: Headers = [
        (b"etag", etag.encode()),
        (b"cache-control", _REVALIDATE),
        (b"vary", b"Cookie, Authorization"),
    ]
    if isinstance(
        evaluate_conditions(total=len(body), etag=etag, if_none_match=if_none_match, range_header=None, if_range=None),
        NotModified,
    ):
        await _empty(send, 304, headers)
        return
    headers += [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send(
    scope: Scope,
    receive: Receive,
    send: SendMessage,
    media: MediaRange | Mp4File,
    part: SendRange,
    playback: PlaybackServices,
    shared_cache_s: int,
) -> None:
    if media.presigned_url is not None and scope["method"] == "GET":
        await _empty(send, 307, _redirect_headers(media.presigned_url))
        return
    headers = _common(media, shared_cache_s)
    headers += [(b"content-type", media.content_type.encode()), (b"content-length", b"%d" % part.length)]
    if part.status == 206:  # noqa: PLR2004  # Partial Content
        last = part.start + part.length - 1
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part.start, last, media.length)))
    if media.download_name is not None:
        headers.append((b"content-disposition", _attachment(media.download_name)))
    if scope["method"] == "HEAD":
        await _empty(send, part.status, headers)
    elif isinstance(media, Mp4File):
        pieces = playback.mp4_files.stream(media, part.start, part.length)
        await _stream(receive, send, headers, pieces, part.status)
    elif (reader := playback.media_reader).reads_whole(media, part.length):
        body = await _read_whole(media, part, reader)
        await send({"type": "http.response.start", "status": part.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    else:
        await _stream(receive, send, headers, reader.stream(media, part.start, part.length), part.status)


async def _read_whole(media: MediaRange, part: SendRange, reader: MediaReader) -> bytes:
    if part.length == media.length and (found := reader.read_nowait(media)) is not None:
        return found
    return await reader.read(media, part.start, part.length)


async def _stream(
    receive: Receive, send: SendMessage, headers: Headers, pieces: AsyncGenerator[bytes, None], status: int
) -> None:
    """Send the pieces until the end or until the client disconnects, which only `receive` reports."""
    async with aclosing(pieces):
        first = await anext(pieces, b"")  # an error here can still be sent as a status
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)  # pieces from memory never wait, so other tasks would not run
                if disconnected.done():
                    return
        except Exception as error:  # any error of a store: a part of the response has been sent
            _log.warning("media_response_aborted", error=_error_text(error))
            raise AbortResponse from error
        finally:
            disconnected.cancel()
            await asyncio.wait([disconnected])
    await send({"type": "http.response.body", "body": b""})


def _error_text(error: Exception) -> str:
    return error.message if isinstance(error, StreamtimeError) else repr(error)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _empty(send: SendMessage, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _redirect_headers(url: str) -> Headers:
    """Return the headers of a redirect to a presigned URL, which expires soon and must not be cached."""
    return [(b"location", url.encode()), (b"cache-control", b"no-store"), (b"content-length", b"0")]


def _common(media: MediaRange | Mp4File, shared_cache_s: int) -> Headers:
    headers = [(b"etag", media.etag.encode()), (b"accept-ranges", b"bytes")]
    if shared_cache_s and media.immutable:
        # Identical for all clients: with Vary, a cache would store one copy per client.
        return [*headers, (b"cache-control", b"public, max-age=%d" % shared_cache_s)]
    cache_control = _IMMUTABLE if media.immutable else _REVALIDATE
    return [*headers, (b"cache-control", cache_control), (b"vary", b"Cookie, Authorization")]


def _attachment(name: str) -> bytes:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()


MOUNT = "/media"


_ID = r"[A-Za-z0-9_-]{1,64}"
_PARTS = {
    "video": _ID,
    "generation": r"\d{1,9}",
    "rendition": _ID,
    "number": r"\d{1,9}",
    "height": r"\d{1,5}",
    "captions": _ID,
}

Found = MediaRange | Mp4File | Playlist | WebVttFile
MediaResolver = Callable[[PlaybackServices, Caller, dict[str, str]], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class MediaRoute:
    """One media URL below the mount and the function that resolves it, which checks permission."""

    template: str
    resolve: MediaResolver

    @property
    def pattern(self) -> re.Pattern[str]:
        """The template as a regular expression for the whole path."""
        text = re.escape(self.template).replace(r"\{", "{").replace(r"\}", "}")
        for name, part in _PARTS.items():
            text = text.replace(f"{{{name}}}", f"(?P<{name}>{part})")
        return re.compile(text)


MEDIA_ROUTES = (
    MediaRoute(
        "/{video}/{generation}/{rendition}/{number}.m4s",
        lambda playback, caller, params: playback.segments.segment(
            caller, params["video"], int(params["generation"]), params["rendition"], int(params["number"])
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/playlist.m3u8",
        lambda playback, caller, params: playback.playlists.media(
            caller, params["video"], int(params["generation"]), params["rendition"]
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/iframes.m3u8",
        lambda playback, caller, params: playback.playlists.iframes(
            caller, params["video"], int(params["generation"]), params["rendition"]
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/init.mp4",
        lambda playback, caller, params: playback.segments.init(
            caller, params["video"], int(params["generation"]), params["rendition"]
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/{rendition}/rendition.mp4",
        lambda playback, caller, params: playback.segments.whole_file(
            caller, params["video"], int(params["generation"]), params["rendition"]
        ),
    ),
    MediaRoute(
        "/{video}/{height}.mp4",
        lambda playback, caller, params: playback.mp4_files.find(caller, params["video"], int(params["height"])),
    ),
    MediaRoute(
        "/{video}/master.m3u8",
        lambda playback, caller, params: playback.playlists.multivariant(caller, params["video"]),
    ),
    MediaRoute(
        "/{video}/{generation}/poster.jpg",
        lambda playback, caller, params: playback.segments.poster(caller, params["video"], int(params["generation"])),
    ),
    MediaRoute(
        "/{video}/{generation}/captions/{captions}.m3u8",
        lambda playback, caller, params: playback.text_tracks.captions_playlist(
            caller, params["video"], int(params["generation"]), params["captions"]
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/captions/{captions}.vtt",
        lambda playback, caller, params: playback.text_tracks.captions(
            caller, params["video"], int(params["generation"]), params["captions"]
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/chapters.vtt",
        lambda playback, caller, params: playback.text_tracks.chapters(
            caller, params["video"], int(params["generation"])
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/storyboard.vtt",
        lambda playback, caller, params: playback.playlists.storyboard(
            caller, params["video"], int(params["generation"])
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/storyboard-{number}.jpg",
        lambda playback, caller, params: playback.segments.sheet(
            caller, params["video"], int(params["generation"]), int(params["number"])
        ),
    ),
    MediaRoute(
        "/{video}/{generation}/preview.mp4",
        lambda playback, caller, params: playback.segments.preview(caller, params["video"], int(params["generation"])),
    ),
    MediaRoute(
        "/{video}/original", lambda playback, caller, params: playback.segments.original(caller, params["video"])
    ),
)


_WRONG_METHOD = Problem(title="That did not work", status=405, detail="Media can only be read.", code="http_405")


class MediaApp:
    """ASGI application that answers GET and HEAD for all media URLs."""

    def __init__(self, playback: PlaybackServices, anonymous: Caller, *, shared_cache_s: int = 0) -> None:
        self._playback = playback
        self._anonymous = anonymous
        self._shared_cache_s = shared_cache_s
        self._table = [(route.pattern, route.resolve) for route in MEDIA_ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Answer one request; `scope["caller"]` is its caller."""
        try:
            await self._answer(scope, receive, send)
        except StreamtimeError as error:
            if isinstance(error, ObjectDamaged):
                _log.error("media_damaged", path=masked(scope["path"]))
            log_not_found(scope["path"], error)
            problem, headers = problem_of(error)
            await send_problem(scope, send, problem, headers)

    async def _answer(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await send_problem(scope, send, _WRONG_METHOD, {"allow": "GET, HEAD"})
            return
        resolve, params = self._route(scope["path"].removeprefix(MOUNT))
        found = await resolve(self._playback, scope["caller"], params)
        if isinstance(found, MediaRange | Mp4File):
            max_age_s = await self._shared_max_age_s(scope["caller"], params["video"])
            await send_media(scope, receive, send, found, self._playback, shared_cache_s=max_age_s)
        elif isinstance(found, WebVttFile):
            await send_text(scope, send, found.text, content_type="text/vtt; charset=utf-8", etag=found.etag)
        else:
            await _send_playlist(send, found)

    async def _shared_max_age_s(self, caller: Caller, video: str) -> int:
        """Return how many seconds shared caches may keep the media; 0 if it is not public."""
        if not self._shared_cache_s or caller.auth_method is AuthMethod.TICKET:
            return 0
        public = await self._playback.segments.is_public(self._anonymous, video)
        return self._shared_cache_s if public else 0

    def _route(self, path: str) -> tuple[MediaResolver, dict[str, str]]:
        for pattern, resolve in self._table:
            if match := pattern.fullmatch(path):
                return resolve, match.groupdict()
        raise NotFound(reason="no_such_url")


def log_not_found(path: str, error: StreamtimeError) -> None:
    """Log why a media URL is 404. The client gets the same answer for all reasons (docs/operations.md lists them)."""
    if isinstance(error, NotFound):
        _log.info("media_not_found", path=masked(path), reason=error.reason)


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
