"""The file that a stranger gave, as an open descriptor: reading it, and opening it as a container.

It knows which containers are let in, never the file's name or suffix. Every container opened here reads for
itself (`pread`), so that several may read one descriptor at once.
"""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import av
import av.container
import av.error
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from streamtime.media import refusal
from streamtime.media.decoders import WHITELIST
from streamtime.media.disguises import HEAD_BYTES, is_plausible, kind_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

    AnyPacket: TypeAlias = Packet[Stream] | Packet[VideoStream] | Packet[AudioStream]
else:
    AnyPacket = Packet

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,h264,hevc,gif,apng,mp3,flac,wav,aac,aiff,caf"
)
"""FFmpeg's demuxer names. A playlist, a list of files or a network session is none of them (CVE-2016-1897)."""

MOST_PIXELS = 8192 * 4352
"""8K with room to the side; a small file can claim much more (a dimension bomb)."""

_MOST_STREAMS = 64
_BUFFER_BYTES = 256 << 10
_IO_TIMEOUT_S = 30.0
_MAY_BEGIN_LATE = {"mpegts", "mpeg"}
_FAR = {"probesize": str(64 << 20), "analyzeduration": "60000000"}
"""How far to look for sound that does not begin with the picture: in bytes, and in microseconds."""

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


class SourceBytes:
    """A file object with a position of its own over a shared descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self._length = os.fstat(descriptor).st_size

    def read(self, length: int) -> bytes:
        """Give the next bytes, none at the end."""
        data = os.pread(self._descriptor, length, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and give it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Give the position."""
        return self._position

    @property
    def length(self) -> int:
        """Bytes in the file."""
        return self._length


def open_source(descriptor: int) -> InputContainer:
    """Open the file as what it is, whatever it is called.

    Raises:
        Refusal: if it is empty, no video file, or cut off before it can be understood.
    """
    if SourceBytes(descriptor).length == 0:
        raise refusal.empty()
    try:
        container = _opened(descriptor, {})
        if container_name(container) in _MAY_BEGIN_LATE and any(map(_is_unknown, container.streams.audio)):
            container.close()
            container = _opened(descriptor, _FAR)
    except (av.error.FFmpegError, ValueError) as error:
        raise _refused(descriptor) from error
    if not is_plausible(container_name(container), os.pread(descriptor, HEAD_BYTES, 0)):
        container.close()
        raise _refused(descriptor)
    return container


def _is_unknown(stream: "AudioStream") -> bool:
    """Tell whether it was announced, but no packet of it was near enough to tell what it is like."""
    context: CodecContext | None = stream.codec_context
    return context is not None and not stream.codec_context.sample_rate


def _opened(descriptor: int, options: dict[str, str]) -> InputContainer:
    return av.open(
        SourceBytes(descriptor),
        "r",
        options={"max_pixels": str(MOST_PIXELS)},
        container_options={
            "format_whitelist": _CONTAINERS,
            # A file object lifts FFmpeg's own list of protocols: without this a file could name other files.
            "protocol_whitelist": "none",
            "codec_whitelist": WHITELIST,
            "max_streams": str(_MOST_STREAMS),
            **options,
        },
        metadata_errors="replace",
        buffer_size=_BUFFER_BYTES,
        timeout=_IO_TIMEOUT_S,
    )


def packets_of(container: InputContainer, streams: Sequence[Stream]) -> Iterator[AnyPacket]:
    """Read the packets of these streams, in the order of the file; an empty one for each stream ends it.

    Raises:
        FFmpegError: where the file breaks off.
    """
    try:
        yield from container.demux(list(streams))
    except IndexError:
        # The library stumbles at the very end over streams that only came up on the way; all packets were given.
        return


def _refused(descriptor: int) -> refusal.Refusal:
    head = os.pread(descriptor, HEAD_BYTES, 0)
    return refusal.incomplete() if head[4:8] in _MP4_BOXES else refusal.not_media(kind_of(head))


def container_name(container: InputContainer) -> str:
    """Name the kind of container in one word, as people know it."""
    names = container.format.name.split(",")
    return {"mov": "mp4", "matroska": "matroska", "mpegts": "mpegts"}.get(names[0], names[0])
