"""The untrusted source file: reading it through a descriptor, and opening it with allowed containers and decoders only.

The name of the file is never used. Every container opened here reads with `pread`, so that several can share one
descriptor. FFmpeg guesses formats without a signature from the look of their packets; such guesses are checked here.

FFmpeg has six hundred decoders; those of old games and rare formats are where bugs live longest (CVE-2026-8461 was in
one). The allowed ones cover cameras, phones, recorders, discs and the web. Names are those of FFmpeg's decoders.
"""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import av
import av.container
import av.error
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from streamtime.media import order_errors

_VIDEO_DECODERS = (
    # Current formats and those of the web.
    "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "vvc", "theora", "mjpeg", "mjpegb",
    # Discs, broadcasts and older formats.
    "mpeg1video", "mpeg2video", "mpegvideo", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h261", "h263", "h263i",
    "h263p", "flv", "vp6", "vp6a", "vp6f", "vp7", "wmv1", "wmv2", "wmv3", "vc1", "svq1", "svq3", "rv30", "rv40",
    "cinepak", "indeo3", "indeo5", "msvideo1", "msrle", "qtrle", "rpza", "8bps", "rawvideo",
    # Cameras, studios and screen recorders.
    "prores", "dnxhd", "dvvideo", "cfhd", "jpeg2000", "ffv1", "huffyuv", "ffvhuff", "utvideo", "v210", "v410", "r210",
    "hap", "flashsv", "flashsv2", "mss2", "tscc2", "zmbv", "png", "gif", "apng",
)  # fmt: skip

_AUDIO_DECODERS = (
    "aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "eac3", "dca", "truehd", "mlp", "mp1", "mp1float", "mp2",
    "mp2float", "mp3", "mp3float", "mp3adu", "mp3adufloat", "opus", "libopus", "vorbis", "flac", "alac", "speex", "ape",
    "tta", "wavpack", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "amrnb", "amrwb", "libopencore_amrnb",
    "libopencore_amrwb", "cook", "qdm2", "nellymoser", "g726", "g722", "gsm", "gsm_ms", "dvaudio", "s302m",
    "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "adpcm_swf", "adpcm_yamaha",
    "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_s8",
    "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s64le", "pcm_u8", "pcm_u16be",
    "pcm_u16le", "pcm_u24le", "pcm_u32le",
)  # fmt: skip

_SUBTITLE_DECODERS = (
    "ass",
    "ssa",
    "srt",
    "subrip",
    "mov_text",
    "webvtt",
    "text",
    "cc_dec",
    "dvbsub",
    "dvdsub",
    "pgssub",
    "xsub",
)

_IMAGE_DECODERS = ("mjpeg", "png", "webp", "gif")

DECODERS = frozenset((*_VIDEO_DECODERS, *_AUDIO_DECODERS, *_SUBTITLE_DECODERS))
"""All allowed decoders."""

DECODER_WHITELIST = ",".join(sorted(DECODERS))
"""For FFmpeg's option `codec_whitelist`: opening any other decoder fails, inside a container or alone."""

IMAGE_DECODER_WHITELIST = ",".join(_IMAGE_DECODERS)
"""The same for profile pictures; some of these decoders are used nowhere else."""


HEAD_BYTES = 1 << 20

_SIGNATURES = (
    (b".RMF", "a RealMedia file"),
    (b".ra\xfd", "a RealAudio file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a bitmap picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"MThd", "a MIDI file"),
    (b"#EXTM3U", "a playlist"),
    (b"wvpk", "a WavPack file"),
    (b"MAC ", "a Monkey's Audio file"),
    (b"DKIF", "an IVF file"),
    (b"SMK2", "a Smacker video"),
    (b"BIK", "a Bink video"),
    (b"NUT", "a NUT file"),
    (b"YUV4MPEG2", "a raw YUV4MPEG video"),
)
_WEBP_AT = 8
_START_CODES = (b"\0\0\1", b"\0\0\0\1")
_PARAMETER_SETS = {"h264": (0x1F, 0, {7, 8}), "hevc": (0x7E, 1, {32, 33, 34})}
"""By format: mask and shift that give the type of a NAL unit, and the types of the required parameter sets (ITU-T
H.264 table 7-1, H.265 table 7-1)."""

_FORBIDDEN_BIT = 0x80
_SYNC, _SYNC_MASK = 0xFFE0, 0xFFE0


def describe_file_type(head: bytes) -> str | None:
    """Return the common name of a file type by its first bytes; None if unknown."""
    if head.startswith(b"RIFF") and head[_WEBP_AT:].startswith(b"WEBP"):
        return "a WebP picture"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def is_plausible(container: str, head: bytes) -> bool:
    """Check the start of a container that was guessed; only formats without a signature need this.

    The beginning of a raw stream may be missing: `head` must extend to its first keyframe.
    """
    if container in _PARAMETER_SETS:
        return head.startswith(_START_CODES) or (
            describe_file_type(head) is None and _has_parameter_sets(container, head)
        )
    if container in {"mp3", "aac"}:
        stripped = head.lstrip(b"\0")
        return head.startswith(b"ID3") or int.from_bytes(stripped[:2], "big") & _SYNC_MASK == _SYNC
    return True


def _has_parameter_sets(container: str, head: bytes) -> bool:
    """Return whether all parameter sets are found, and no invalid NAL unit before them."""
    bits, shift, missing = _PARAMETER_SETS[container]
    missing = set(missing)
    at = head.find(_START_CODES[0])
    while 0 <= at < len(head) - len(_START_CODES[0]) and missing:
        header = head[at + len(_START_CODES[0])]
        if header & _FORBIDDEN_BIT:
            return False
        missing.discard((header & bits) >> shift)
        at = head.find(_START_CODES[0], at + 1)
    return not missing


if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

    AnyPacket: TypeAlias = Packet[Stream] | Packet[VideoStream] | Packet[AudioStream]
else:
    AnyPacket = Packet

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,h264,hevc,gif,apng,mp3,flac,wav,aac,aiff,caf"
)
"""FFmpeg's demuxer names. No playlist, list of files or network session is among them (CVE-2016-1897)."""

MAX_PIXELS = 8192 * 4352
"""8K with a reserve at the sides; a small file can declare much more (a decompression bomb)."""

_MAX_STREAMS = 64
_BUFFER_BYTES = 256 << 10
_IO_TIMEOUT_S = 30.0
_BROADCAST_CONTAINERS = {"mpegts", "mpeg"}
_WRAP_S = Fraction(1 << 33, 90_000)
"""Times of MPEG-TS and MPEG-PS wrap around after 26.5 hours (ISO/IEC 13818-1, 2.4.3.7)."""

_DEEP_PROBE_BYTES = 64 << 20
_DEEP_PROBE_OPTIONS = {"probesize": str(_DEEP_PROBE_BYTES), "analyzeduration": "60000000"}
"""How far to look for audio that starts later than the video, in bytes and microseconds."""

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


class SourceBytes:
    """A file object with its own position on a shared descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self._length = os.fstat(descriptor).st_size

    def read(self, length: int) -> bytes:
        """Return the next bytes; empty at the end."""
        data = os.pread(self._descriptor, length, self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    @property
    def length(self) -> int:
        """Bytes in the file."""
        return self._length


def open_source(descriptor: int) -> InputContainer:
    """Open the file by its content, whatever its name.

    Raises:
        OrderError: if it is empty, no video file, or truncated before its header ends.
    """
    if SourceBytes(descriptor).length == 0:
        raise order_errors.empty()
    try:
        container = _open(descriptor, {})
        if container_name(container) in _BROADCAST_CONTAINERS and any(map(_lacks_format, container.streams.audio)):
            container.close()
            container = _open(descriptor, _DEEP_PROBE_OPTIONS)
    except (av.error.FFmpegError, ValueError) as error:
        raise _open_error(descriptor) from error
    if not is_plausible(container_name(container), os.pread(descriptor, HEAD_BYTES, 0)):
        container.close()
        raise _open_error(descriptor)
    return container


def _lacks_format(stream: "AudioStream") -> bool:
    """Return whether the stream was declared, but no packet of it was near enough to tell its format."""
    context: CodecContext | None = stream.codec_context
    return context is not None and not stream.codec_context.sample_rate


def _open(descriptor: int, options: dict[str, str]) -> InputContainer:
    return av.open(
        SourceBytes(descriptor),
        "r",
        options={"max_pixels": str(MAX_PIXELS)},
        container_options={
            "format_whitelist": _CONTAINERS,
            # A file object disables FFmpeg's own protocol list: without this, a file could refer to other files.
            "protocol_whitelist": "none",
            "codec_whitelist": DECODER_WHITELIST,
            "max_streams": str(_MAX_STREAMS),
            **options,
        },
        metadata_errors="replace",
        buffer_size=_BUFFER_BYTES,
        timeout=_IO_TIMEOUT_S,
    )


def packets_of(container: InputContainer, streams: Sequence[Stream]) -> Iterator[AnyPacket]:
    """Read the packets of these streams in file order; each stream ends with an empty one.

    Raises:
        FFmpegError: if the file is broken or truncated.
    """
    wrap = _WrapCorrection(container)
    try:
        for packet in container.demux(list(streams)):
            wrap.correct(packet)
            yield packet
    except IndexError:
        # PyAV fails at the very end for streams that appeared late; all packets were returned.
        return


def start_of(container: InputContainer, stream: Stream) -> int | None:
    """Return the first time of a stream in its ticks, as in `packets_of`; None if unknown."""
    return (
        None
        if stream.start_time is None
        else stream.start_time - _WrapCorrection(container).ticks_late(stream, stream.start_time)
    )


def wraps_around(container: InputContainer) -> bool:
    """Return whether some streams start before their times wrap around, and others after it: the length is unknown."""
    return any(start_of(container, stream) != stream.start_time for stream in container.streams)


class _WrapCorrection:
    """Undoes a wrap-around of timestamps between the first packets of a broadcast's streams.

    FFmpeg takes the first packet of the file for the earliest. A stream that seems to start 13 hours after it starts
    shortly before it.
    """

    def __init__(self, container: InputContainer) -> None:
        self._applies = container_name(container) in _BROADCAST_CONTAINERS
        self._latest_s = Fraction(container.start_time or 0, av.time_base) + _WRAP_S / 2
        self._done: set[int] = set()
        """Streams that have passed the wrap-around."""

    def ticks_late(self, stream: Stream, time: int) -> int:
        """Return by how many ticks the first time of a stream is too late."""
        tick = stream.time_base
        return round(_WRAP_S / tick) if self._applies and tick and time * tick > self._latest_s else 0

    def correct(self, packet: AnyPacket) -> None:
        """Correct the times of a packet."""
        time = packet.dts if packet.dts is not None else packet.pts
        if not self._applies or time is None or packet.stream_index in self._done:
            return
        # A recording may be longer than 13 hours: only packets near the beginning are corrected.
        ticks = self.ticks_late(packet.stream, time) if (packet.pos or 0) < _DEEP_PROBE_BYTES else 0
        if not ticks:
            self._done.add(packet.stream_index)
            return
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks


def _open_error(descriptor: int) -> order_errors.OrderError:
    head = os.pread(descriptor, HEAD_BYTES, 0)
    return order_errors.incomplete() if head[4:8] in _MP4_BOXES else order_errors.not_media(describe_file_type(head))


def container_name(container: InputContainer) -> str:
    """Return a common one-word name of the container."""
    names = container.format.name.split(",")
    return {"mov": "mp4", "matroska": "matroska", "mpegts": "mpegts"}.get(names[0], names[0])
