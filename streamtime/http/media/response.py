"""Sends a run of bytes as plain ASGI: HEAD, ranges, conditions, and one piece at a time where it is long."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from streamtime.errors import StreamtimeError
from streamtime.http.ranges import NotModified, SendRange, Unsatisfiable, evaluate_conditions
from streamtime.http.server.connection import AbortResponse
from streamtime.logging import get_logger
from streamtime.playback.media_reader import MediaRange, MediaReader

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
SendMessage = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_CONDITIONAL_HEADERS = {b"if-none-match": "if_none_match", b"range": "range_header", b"if-range": "if_range"}

# Only this browser may keep it: what was public can be hidden, and shared caches do not hear of that.
_IMMUTABLE = b"private, max-age=31536000, immutable"
_REVALIDATE = b"private, no-cache"

_log = get_logger("http")


async def send_media(
    scope: Scope,
    receive: Receive,
    send: SendMessage,
    media: MediaRange,
    reader: MediaReader,
    *,
    shared_cache_s: int = 0,
) -> None:
    """Answer a GET or HEAD for `media`; shared caches may keep what anybody may have for `shared_cache_s`."""
    asked: dict[str, str | None] = {"if_none_match": None, "range_header": None, "if_range": None}
    for name, value in scope["headers"]:
        if name in _CONDITIONAL_HEADERS:
            asked[_CONDITIONAL_HEADERS[name]] = value.decode("latin-1")
    if scope["method"] == "HEAD":
        asked["range_header"] = None  # RFC 9110, section 14.2: a range is of GET alone
    match evaluate_conditions(total=media.length, etag=media.etag, **asked):
        case NotModified():
            await _empty(send, 304, _common(media, shared_cache_s))
        case Unsatisfiable():
            content_range = (b"content-range", b"bytes */%d" % media.length)
            await _empty(send, 416, [*_common(media, shared_cache_s), content_range, (b"content-length", b"0")])
        case SendRange() as part:
            await _send(scope, receive, send, media, part, reader, shared_cache_s)


async def send_text(scope: Scope, send: SendMessage, text: str, *, content_type: str, etag: str) -> None:
    """Answer a GET for a small text that may change: asked for again each time, sent only when it is new.

    The body of a HEAD is dropped further out, where its compressed length is known.
    """
    body = text.encode()
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"if-none-match"), None)
    headers: Headers = [
        (b"etag", etag.encode()),
        (b"cache-control", _REVALIDATE),
        (b"vary", b"Cookie, Authorization"),
    ]
    if isinstance(
        evaluate_conditions(total=len(body), etag=etag, if_none_match=given, range_header=None, if_range=None),
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
    media: MediaRange,
    part: SendRange,
    reader: MediaReader,
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
    elif reader.reads_whole(media, part.length):
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
    """Send piece after piece, to the end or until the client leaves: nothing else would tell us that it has."""
    async with aclosing(pieces):
        first = await anext(pieces, b"")  # an error still has a status of its own here
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        left = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)  # pieces from memory and a client that is gone would never let others in
                if left.done():
                    return
        except Exception as error:  # whatever a store raises: the client has a part of the answer already
            _log.warning("media_broken_off", error=_words(error))
            raise AbortResponse from error
        finally:
            left.cancel()
            await asyncio.wait([left])
    await send({"type": "http.response.body", "body": b""})


def _words(error: Exception) -> str:
    return error.message if isinstance(error, StreamtimeError) else repr(error)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _empty(send: SendMessage, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _redirect_headers(url: str) -> Headers:
    """To another address, this once: it is signed for this moment."""
    return [(b"location", url.encode()), (b"cache-control", b"no-store"), (b"content-length", b"0")]


def _common(media: MediaRange, shared_cache_s: int) -> Headers:
    headers = [(b"etag", media.etag.encode()), (b"accept-ranges", b"bytes")]
    if shared_cache_s and media.immutable:
        # The same for everybody: with a Vary, a cache would keep it for each of them.
        return [*headers, (b"cache-control", b"public, max-age=%d" % shared_cache_s)]
    kept = _IMMUTABLE if media.immutable else _REVALIDATE
    return [*headers, (b"cache-control", kept), (b"vary", b"Cookie, Authorization")]


def _attachment(name: str) -> bytes:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()
