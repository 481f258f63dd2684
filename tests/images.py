"""Makes still pictures on the spot, of four colours that tell which way up they lie, and looks at what they became."""

import io
import struct
import zlib
from pathlib import Path

import av

from tests.clips import run_ffmpeg

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
UPRIGHT = ["red", "green", "blue", "white"]
"""The quarters of every picture made here: above left and right, then below."""

SECRET = b"48 degrees north, at home"
"""What the pictures made here tell besides, and nobody is to learn."""

_NEAR = 40
_SIZES = ("-frames:v", "1", "-update", "1")


def make_picture(path: Path, *arguments: str, width: int = 120, height: int = 80) -> bytes:
    """A picture of four colours; the suffix of `path` chooses the kind, `arguments` are further ones of FFmpeg."""
    plain = path.with_suffix(".ppm")
    rows = [
        b"".join(bytes(COLOURS[UPRIGHT[(y >= height // 2) * 2 + (x >= width // 2)]]) for x in range(width))
        for y in range(height)
    ]
    plain.write_bytes(b"P6 %d %d 255\n" % (width, height) + b"".join(rows))
    run_ffmpeg("-i", str(plain), *arguments, *_SIZES, str(path))
    return path.read_bytes()


def quadrant_colours(jpeg: bytes) -> tuple[tuple[int, int], list[str]]:
    """The size of a picture, and the colours of its quarters by name."""
    with av.open(io.BytesIO(jpeg), "r") as container:
        (frame,) = container.decode(video=0)
    plain = frame.reformat(format="rgb24")
    plane = plain.planes[0]
    data, stride = bytes(plane), plane.line_size
    across, down = ((side // 4, side * 3 // 4) for side in (frame.width, frame.height))
    places = [(x, y) for y in down for x in across]
    seen = [tuple(data[y * stride + 3 * x : y * stride + 3 * x + 3]) for x, y in places]
    return (frame.width, frame.height), [_name(colour) for colour in seen]


def _name(seen: tuple[int, ...]) -> str:
    near = [
        name for name, colour in COLOURS.items() if all(abs(a - b) <= _NEAR for a, b in zip(seen, colour, strict=True))
    ]
    return near[0] if near else str(seen)


def exif(orientation: int, *, order: str = "<") -> bytes:
    """EXIF as cameras write it: which way up, and a text that is nobody's business."""
    directory = struct.pack(f"{order}H", 2)
    directory += struct.pack(f"{order}HHII", 0x010E, 2, len(SECRET), 38)
    directory += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", 8) + directory + struct.pack(f"{order}I", 0) + SECRET


def jpeg_with(data: bytes, told: bytes) -> bytes:
    """A JPEG that carries EXIF, and a comment."""
    parts = ((b"\xff\xe1", b"Exif\0\0" + told), (b"\xff\xfe", SECRET))
    return data[:2] + b"".join(mark + struct.pack(">H", len(part) + 2) + part for mark, part in parts) + data[2:]


def png_with(data: bytes, told: bytes) -> bytes:
    """A PNG that carries EXIF, and a text."""
    return data[:33] + _chunk(b"eXIf", told) + _chunk(b"tEXt", b"Comment\0" + SECRET) + data[33:]


def webp_with(data: bytes, told: bytes, *, width: int = 120, height: int = 80) -> bytes:
    """A WebP that carries EXIF: the extended kind, made of a plain one."""
    extended = struct.pack("<I", 8) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = data[12:] if data[12:16] != b"VP8X" else data[30:]
    told += b"\0" * (len(told) % 2)
    body = b"WEBPVP8X" + struct.pack("<I", len(extended)) + extended + chunks
    body += b"EXIF" + struct.pack("<I", len(told)) + told
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png_bomb(width: int, height: int) -> bytes:
    """A few bytes that claim so large a picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + pixels + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
