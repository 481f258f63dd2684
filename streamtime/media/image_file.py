"""What a still picture's file says of itself before anything is decoded: its kind, its size, where its EXIF lies.

It knows bytes, nothing of decoders. The size is the file's own claim, good for words: decoders have their own bounds.
"""

import struct
from collections.abc import Iterator

_SIGNATURES = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif"}
_WEBP_AT = 8
_MAX_PARTS = 10_000
"""Segments or chunks that are looked at: a picture of ten megabytes has some hundred."""

_PNG_CHUNKS_AT, _RIFF_CHUNKS_AT = 8, 12
_ANMF_HEADER_BYTES = 16
_HAS_ALPHA = 0x10
"""How WebP keeps pictures that move (RFC 9649, section 2.7)."""

_EXIF_SEGMENT = 0xE1
_EXIF_MARK = b"Exif\0\0"
_MARKER = 0xFF
_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that are followed by the size (ITU-T T.81, table B.1); the three others define tables."""


def detect_image_format(data: bytes) -> str | None:
    """Name FFmpeg's decoder for a picture by how it begins; None where it is none that is read here."""
    if data.startswith(b"RIFF") and data[_WEBP_AT:].startswith(b"WEBP"):
        return "webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def claimed_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Tell width and height as the header has them; None where there is no such header."""
    try:
        return _SIZES[kind](data)
    except struct.error:  # it ends before that
        return None


def first_picture(kind: str, data: bytes) -> bytes:
    """Give the file, or of a WebP that moves its first picture as a file of its own, since decoders know no others."""
    if kind != "webp":
        return data
    start = next((start for name, start in _riff_chunks(data) if name == b"ANMF"), None)
    if start is None:
        return data
    length = int.from_bytes(data[start - 4 : start], "little")
    shape, chunks = data[start + 6 : start + 12], data[start + _ANMF_HEADER_BYTES : start + length]
    flags = _HAS_ALPHA if chunks.startswith(b"ALPH") else 0
    body = b"WEBPVP8X" + struct.pack("<II", len(shape) + 4, flags) + shape + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif_of(kind: str, data: bytes) -> bytes:
    """Give what stands in the file as EXIF, a TIFF of its own; nothing where there is none."""
    match kind:
        case "mjpeg":
            found = (data[start:] for marker, start in _jpeg_segments(data) if marker == _EXIF_SEGMENT)
            return next((part[len(_EXIF_MARK) :] for part in found if part.startswith(_EXIF_MARK)), b"")
        case "png":
            return next((data[start:] for name, start in _png_chunks(data) if name == b"eXIf"), b"")
        case "webp":
            return next((data[start:] for name, start in _riff_chunks(data) if name == b"EXIF"), b"")
        case _:
            return b""


def _size_of_png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _size_of_gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    """Three kinds of headers: lossy (RFC 6386, section 9.1), lossless, and that of files with more than a picture."""
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            low, middle, high = struct.unpack_from("<HHH", data, 24)
            return (low | (middle & 0xFF) << 16) + 1, (middle >> 8 | high << 8) + 1
        case _:
            return None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    for marker, start in _jpeg_segments(data):
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
    return None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Give the marker of each segment before the picture itself, and where its content starts."""
    position = 2
    for _ in range(_MAX_PARTS):
        if len(data) < position + 4 or data[position] != _MARKER or data[position + 1] == _START_OF_SCAN:
            return
        yield data[position + 1], position + 4
        position += 2 + int.from_bytes(data[position + 2 : position + 4])


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = _PNG_CHUNKS_AT
    for _ in range(_MAX_PARTS):
        if len(data) < position + 12:
            return
        yield data[position + 4 : position + 8], position + 8
        position += 12 + int.from_bytes(data[position : position + 4])


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = _RIFF_CHUNKS_AT
    for _ in range(_MAX_PARTS):
        if len(data) < position + 8:
            return
        yield data[position : position + 4], position + 8
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + length + length % 2


_SIZES = {"mjpeg": _size_of_jpeg, "png": _size_of_png, "gif": _size_of_gif, "webp": _size_of_webp}
