"""Corrupts a valid file: in the structure of its container, in the units of its codec, or at random bytes.

The same random generator corrupts the same way.
"""

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.hostile.structures import PARSERS, Piece, start_codes

EDGES = (
    *(0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40),
    (1 << 63) - 1,
)
MOST_COPIES = 40
LONGEST_COPIED_BYTES = 4096


def mutated(name: str, films: dict[str, bytes], chance: random.Random) -> bytes:
    """Corrupt the seed of that name in one to four ways."""
    data = bytearray(films[name])
    for _ in range(chance.choice((1, 1, 2, 4))):
        way = chance.choice(WAYS)
        if data:
            way(data, name, films, chance)
    if name.endswith(".ogv") and chance.random() < 0.9:
        mend_pages(data)
    return bytes(data)


def pieces(data: bytearray, name: str) -> list[Piece]:
    return list(PARSERS[Path(name).suffix](bytes(data)))


def put(data: bytearray, at: int, width: int, value: int, *, little: bool) -> None:
    """Overwrite a number, truncated to its width."""
    width = min(width, len(data) - at)
    if width > 0:
        data[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little" if little else "big")


def a_length(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A chunk has a wrong length: by little, or extreme."""
    if found := pieces(data, name):
        piece = chance.choice(found)
        old = int.from_bytes(data[piece.field : piece.field + piece.width], "little" if piece.little else "big")
        value = chance.choice((old + 1, old - 1, old * 2, old // 2, old + 8, old - 8, chance.choice(EDGES)))
        put(data, piece.field, piece.width, value, little=piece.little)


def a_number(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A counter, size, offset or time inside a chunk becomes extreme."""
    # Short chunks contain numbers; long ones are video and audio data.
    if found := [piece for piece in pieces(data, name) if 0 < piece.end - piece.content <= 2048]:
        piece = chance.choice(found)
        width = chance.choice((1, 2, 4, 4, 4, 8))
        places = range(piece.content, max(piece.content + 1, piece.end - width + 1))
        for _ in range(chance.choice((1, 1, 1, 3))):
            put(data, chance.choice(places), width, chance.choice(EDGES), little=piece.little)


def a_name(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A chunk gets the type of another one."""
    if len(found := pieces(data, name)) > 1:
        one, other = chance.sample(found, 2)
        kind = bytes(data[other.begin : other.content])
        data[one.begin : one.begin + len(kind)] = kind


def gone(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A chunk is missing."""
    if found := pieces(data, name):
        piece = chance.choice(found)
        del data[piece.begin : piece.end]


def again(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A chunk is repeated."""
    if found := [piece for piece in pieces(data, name) if piece.end - piece.begin <= LONGEST_COPIED_BYTES]:
        piece = chance.choice(found)
        copy = bytes(data[piece.begin : piece.end])
        data[piece.end : piece.end] = copy * chance.choice((1, 2, MOST_COPIES))


def moved(data: bytearray, name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A chunk is moved to the position of another one, or into itself."""
    if len(found := pieces(data, name)) > 1:
        one, other = chance.sample(found, 2)
        data[other.begin : other.begin] = data[one.begin : min(one.end, one.begin + LONGEST_COPIED_BYTES)]


def a_unit(data: bytearray, _name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """The header of a codec unit changes: parameter sets and slices begin there."""
    if found := list(start_codes(bytes(data))):
        piece = chance.choice(found)
        for _ in range(chance.choice((1, 2, 8))):
            at = piece.begin + 3 + chance.randrange(24)
            if at < len(data):
                data[at] ^= 1 << chance.randrange(8)


def bits(data: bytearray, _name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """Some random bits are flipped."""
    for _ in range(chance.choice((1, 4, 32, 256))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data: bytearray, _name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """It ends early."""
    del data[1 + chance.randrange(len(data)) :]


def spliced(data: bytearray, name: str, films: dict[str, bytes], chance: random.Random) -> None:
    """It continues with another file, of the same container or not."""
    kin = [other for other in films if other != name and Path(other).suffix == Path(name).suffix]
    other = films[chance.choice(kin if kin and chance.random() < 0.6 else sorted(films))]
    begin = chance.randrange(len(other))
    data[chance.randrange(len(data)) :] = other[begin:]


def holes(data: bytearray, _name: str, _films: dict[str, bytes], chance: random.Random) -> None:
    """A range is zero, or noise."""
    begin = chance.randrange(len(data))
    length = min(chance.choice((16, 256, 4096)), len(data) - begin)
    data[begin : begin + length] = bytes(length) if chance.random() < 0.5 else chance.randbytes(length)


Way = Callable[[bytearray, str, dict[str, bytes], random.Random], None]
WAYS: tuple[Way, ...] = (
    *(a_length, a_length, a_number, a_number, a_number, a_name, gone, again, moved),
    *(a_unit, a_unit, bits, cut, spliced, holes),
)


def mend_pages(data: bytearray) -> None:
    """Correct the checksums of Ogg pages: otherwise a corrupted page is dropped before it is parsed."""
    for piece in pieces(data, "x.ogv"):
        if piece.end - piece.begin >= 27:
            data[piece.begin + 22 : piece.begin + 26] = bytes(4)
            checksum = ogg_checksum(bytes(data[piece.begin : piece.end]))
            struct.pack_into("<I", data, piece.begin + 22, checksum)


def ogg_checksum(page: bytes) -> int:
    """The checksum of Ogg: zlib's polynomial, but unreflected, with initial value 0 and no final inversion."""
    # zlib's is reflected: with mirrored bytes and a mirrored result it is the same.
    mirrored = page.translate(MIRROR)
    value = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)


MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
