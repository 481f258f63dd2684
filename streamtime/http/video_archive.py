"""The originals of several videos as one ZIP archive."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import PurePosixPath

from litestar.response import Stream

from streamtime.auth.access import Caller
from streamtime.clock import EpochMs
from streamtime.errors import Conflict, NotFound, StreamtimeError
from streamtime.http.server.connection import AbortResponse
from streamtime.http.services import PlaybackServices
from streamtime.http.zip_stream import ZipMember, zip_length, zip_stream
from streamtime.logging import get_logger
from streamtime.playback.media_reader import MediaRange
from streamtime.translation import gettext, number_text
from streamtime.videos.video import Video

MAX_FILES = 100
"""Files of one archive. A broken download has to be repeated from its beginning, which limits what is useful."""

_LEFT_OUT = "not in this archive.txt"

_log = get_logger("http")


async def archive_of(found: Sequence[Video], caller: Caller, playback: PlaybackServices) -> Stream:
    """Return the response with the originals of these videos. Those without one are named in a text file.

    Raises:
        Conflict: there are too many videos, or none of them has its original.
    """
    if len(found) > MAX_FILES:
        raise Conflict(
            gettext("At most %(most)s videos can be downloaded at once.", most=number_text(MAX_FILES)),
            code="too_many_files",
        )
    members: list[ZipMember] = []
    left_out: list[str] = []
    names: set[str] = set()
    for video in found:
        try:
            media = await playback.segments.original(caller, video.public_id)
        except NotFound:
            left_out.append(video.title)
            continue
        name = _unused(media.download_name or video.public_id, names)
        read = partial(_original, media, video.public_id, caller, playback)
        members.append(ZipMember(name, media.length, EpochMs(video.created_at_ms), read))
    if not members:
        raise Conflict("The originals of these videos were not kept.", code="no_original")
    if left_out:
        text = "".join(f"{title}\n" for title in ["The originals of these videos were not kept:", *left_out]).encode()
        members.append(ZipMember(_LEFT_OUT, len(text), members[0].modified_ms, partial(_text, text)))
    headers = {
        "Content-Length": str(zip_length(members)),
        "Content-Disposition": 'attachment; filename="videos.zip"',
        "Cache-Control": "no-store",
    }
    return Stream(_pieces(members), media_type="application/zip", headers=headers)


def _unused(name: str, names: set[str]) -> str:
    """Return a name that is safe in a folder and unlike the others, whatever their case; `names` gets it."""
    name = name.replace("/", "_").replace("\\", "_").lstrip(".") or "video"
    path, number = PurePosixPath(name), 1
    while name.casefold() in names:
        number += 1
        name = f"{path.stem} ({number}){path.suffix}"
    names.add(name.casefold())
    return name


async def _original(
    media: MediaRange, video: str, caller: Caller, playback: PlaybackServices
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of an original. Its turn may come late: the permission is checked again."""
    now = await playback.segments.original(caller, video)
    async with aclosing(playback.media_reader.stream(now, 0, media.length)) as pieces:
        async for piece in pieces:
            yield piece


async def _text(text: bytes) -> AsyncGenerator[bytes, None]:
    yield text


async def _pieces(members: Sequence[ZipMember]) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(zip_stream(members)) as pieces:
            async for piece in pieces:
                yield piece
    except (StreamtimeError, ValueError, OSError) as error:
        # A part has been sent: the client sees that the rest is missing.
        _log.warning("archive_aborted", error=error.message if isinstance(error, StreamtimeError) else repr(error))
        raise AbortResponse from error
