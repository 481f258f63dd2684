"""A ZIP archive of stored files as a stream whose length is known before the first byte.

Nothing is compressed, so the length follows from those of the files; checksums follow each file in a data descriptor.
ZIP64 fields are used only where a size needs them. The format: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 and 4.5.3.
"""

import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import pack

from streamtime.clock import EpochMs

_LIMIT = 0xFFFFFFFF
_FLAGS = 0x0808
"""The checksum follows the data, and names are UTF-8."""

_UNIX_FILE = 0o100644 << 16
_MADE_BY_UNIX = 3 << 8
_EARLIEST_YEAR = 1980


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file of the archive; `read` yields exactly `length` bytes."""

    name: str
    length: int
    modified_ms: EpochMs
    read: Callable[[], AsyncGenerator[bytes, None]]

    @property
    def is_large(self) -> bool:
        """Whether its length needs ZIP64."""
        return self.length >= _LIMIT

    @property
    def dos_time(self) -> tuple[int, int]:
        """Time and date as in the headers, in UTC; two seconds are the finest step."""
        at = datetime.fromtimestamp(self.modified_ms / 1000, UTC)
        date = (max(at.year, _EARLIEST_YEAR) - _EARLIEST_YEAR) << 9 | at.month << 5 | at.day
        return at.hour << 11 | at.minute << 5 | at.second // 2, date


def zip_length(members: Sequence[ZipMember]) -> int:
    """Return the length of the archive in bytes."""
    offsets, end = _offsets(members)
    return end + len(_directory(members, offsets, [0] * len(members), end))


async def zip_stream(members: Sequence[ZipMember]) -> AsyncGenerator[bytes, None]:
    """Yield the archive.

    Raises:
        ValueError: a member has another length than announced.
    """
    checksums: list[int] = []
    for member in members:
        yield _local_header(member)
        checksum = length = 0
        async with aclosing(member.read()) as pieces:
            async for piece in pieces:
                checksum, length = zlib.crc32(piece, checksum), length + len(piece)
                yield piece
        if length != member.length:
            raise ValueError(f"A file of {length} bytes was announced with {member.length}.")
        checksums.append(checksum)
        yield _descriptor(member, checksum)
    offsets, end = _offsets(members)
    yield _directory(members, offsets, checksums, end)


def _offsets(members: Sequence[ZipMember]) -> tuple[list[int], int]:
    """Return where each member begins, and where the last one ends."""
    offsets, at = [], 0
    for member in members:
        offsets.append(at)
        at += len(_local_header(member)) + member.length + len(_descriptor(member, 0))
    return offsets, at


def _local_header(member: ZipMember) -> bytes:
    name, extra = member.name.encode(), pack("<HHQQ", 1, 16, 0, 0) if member.is_large else b""
    size, version = (_LIMIT, 45) if member.is_large else (0, 20)
    fields = version, _FLAGS, 0, *member.dos_time, 0, size, size, len(name), len(extra)
    return pack("<4sHHHHHIIIHH", b"PK\x03\x04", *fields) + name + extra


def _descriptor(member: ZipMember, checksum: int) -> bytes:
    sizes = "QQ" if member.is_large else "II"
    return pack(f"<4sI{sizes}", b"PK\x07\x08", checksum, member.length, member.length)


def _directory(members: Sequence[ZipMember], offsets: Sequence[int], checksums: Sequence[int], start: int) -> bytes:
    """Return the central directory and the records of its end."""
    entries = b"".join(map(_entry, members, offsets, checksums))
    count, size = len(members), len(entries)
    end = b""
    if start >= _LIMIT or size >= _LIMIT:
        end += pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, _MADE_BY_UNIX | 45, 45, 0, 0, count, count, size, start)
        end += pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    fields = 0, 0, count, count, min(size, _LIMIT), min(start, _LIMIT), 0
    return entries + end + pack("<4sHHHHIIH", b"PK\x05\x06", *fields)


def _entry(member: ZipMember, offset: int, checksum: int) -> bytes:
    large = [value for value in (member.length, member.length, offset) if value >= _LIMIT]
    extra = pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    name, version, size = member.name.encode(), 45 if large else 20, min(member.length, _LIMIT)
    fields = _MADE_BY_UNIX | version, version, _FLAGS, 0, *member.dos_time, checksum, size, size
    lengths = len(name), len(extra), 0, 0, 0, _UNIX_FILE, min(offset, _LIMIT)
    return pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", *fields, *lengths) + name + extra
