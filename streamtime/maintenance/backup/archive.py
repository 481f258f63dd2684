"""The file of a backup: a tar that any tool can list, in this order.

    streamtime.db       the database, by VACUUM INTO
    objects/<key>       with `--with-objects`: the bytes of each object
    manifest.json       what there is, with hashes; it comes last, so a file that has it was written to its end

It is written under another name beside its own and renamed when it is whole and on disk. All of it blocks.
"""

import hashlib
import os
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from streamtime.errors import Conflict, Invalid

DATABASE = "streamtime.db"
OBJECTS = "objects/"
MANIFEST = "manifest.json"

CHUNK_BYTES = 1 << 20
_END_OF_ARCHIVE = b"\0" * tarfile.BLOCKSIZE * 2


FORMAT = 1
"""Raised when a backup of this version could not be read by the one before."""


class StoredFile(msgspec.Struct, frozen=True):
    """A file inside the backup, or the database: its length, and the SHA-256 of its bytes in hexadecimal."""

    bytes: int
    sha256: str


class BackupObject(msgspec.Struct, frozen=True):
    """An object that rows of the backed up database stand for. `sha256` is null where nobody has read it whole yet."""

    id: int
    store: str
    key: str
    kind: str
    state: str
    bytes: int
    sha256: str | None
    held: bool
    """Whether its bytes are in the backup."""


class Manifest(msgspec.Struct, frozen=True):
    """The last member of a backup: a file without it was broken off."""

    format: int
    version: str
    schema: str
    marker: str
    created_at_ms: int
    with_objects: bool
    database: StoredFile
    objects: list[BackupObject]

    def encode(self) -> bytes:
        """As JSON that a person can read."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        Invalid: it is none, or one of a newer version.
    """
    try:
        if (found := msgspec.json.decode(data, type=dict)).get("format") != FORMAT:
            raise Invalid(
                f"The backup has format {found.get('format')!r}; this version reads {FORMAT}. Use the Streamtime that "
                "made it, or a newer one."
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Invalid("The backup's manifest cannot be read: the file is damaged.") from error


class ArchiveWriter:
    """Appends members, one after another; the length of each is known beforehand."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = 0
        self._padding = 0
        self._open = False
        self._hash = hashlib.sha256()

    def begin(self, name: str, length_bytes: int, *, at_s: int) -> None:
        """A member of that length follows."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = length_bytes, 0o600, at_s
        self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        self._left, self._padding = length_bytes, -length_bytes % tarfile.BLOCKSIZE
        self._open, self._hash = True, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Some of its bytes; more than were announced raise Invalid."""
        if len(data) > self._left:
            raise Invalid("A file grew while it was copied.")
        self._left -= len(data)
        self._hash.update(data)
        self._file.write(data)

    def end(self) -> bytes:
        """All of it is written; its SHA-256. Raises `Invalid` where bytes are missing."""
        if self._left:
            raise Invalid(f"A file ended {self._left} bytes too early.")
        self._file.write(b"\0" * self._padding)
        self._open = False
        return self._hash.digest()

    def pad(self) -> None:
        """Make up with zeros for what could not be read, so that the next member can follow."""
        if self._open:
            while self._left:
                self.write(bytes(min(self._left, CHUNK_BYTES)))
            self.end()

    def add(self, name: str, path: Path, *, at_s: int) -> StoredFile:
        """A whole file."""
        size = path.stat().st_size
        self.begin(name, size, at_s=at_s)
        with path.open("rb") as source:
            while data := source.read(CHUNK_BYTES):
                self.write(data)
        return StoredFile(size, self.end().hex())

    def finish(self, manifest: Manifest) -> None:
        """The manifest, and the end."""
        data = manifest.encode()
        self.begin(MANIFEST, len(data), at_s=manifest.created_at_ms // 1000)
        self.write(data)
        self.end()
        self._file.write(_END_OF_ARCHIVE)


@contextmanager
def create_archive(path: Path, *, force: bool) -> Iterator[ArchiveWriter]:
    """The file at `path`, which appears whole when the block ends well, and not at all otherwise.

    Raises:
        Conflict: there is one already, and it is not to be replaced (`force`).
    """
    _check_free(path, force=force)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            yield ArchiveWriter(file)
            file.flush()
            os.fsync(file.fileno())
        _place(made, path, force=force)
    finally:
        made.unlink(missing_ok=True)


class ArchiveReader:
    """A backup, opened."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.manifest = self._manifest()
        self.schema = self.manifest.schema
        self.version = self.manifest.version

    def save_database(self, target: Path) -> None:
        """Copy the database to a new file; see `save`."""
        self.save(DATABASE, self.manifest.database, target)

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects that the backup needs or holds, as it was made."""
        del database
        return self.manifest.objects

    def save(self, name: str, expected: StoredFile, target: Path) -> None:
        """Copy a member to a new file, on disk when this returns.

        Raises:
            Invalid: its bytes are not those that were written.
        """
        digest, length = hashlib.sha256(), 0
        with target.open("xb") as file:
            for data in self.read(name):
                digest.update(data)
                length += len(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if (length, digest.hexdigest()) != (expected.bytes, expected.sha256):
            raise Invalid(f"{name} in the backup is not what was written: the file is damaged.")

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, in pieces. Raises `Invalid` where they are not there."""
        with _translate_errors():
            source = self._tar.extractfile(name)
        if source is None:
            raise Invalid(f"{name} is not in the backup: the file is damaged.")
        with source:
            while data := _read_chunk(source):
                yield data

    def _manifest(self) -> Manifest:
        with _translate_errors():
            names = self._tar.getnames()
        if not names or names[-1] != MANIFEST or names[0] != DATABASE:
            raise Invalid("The backup has no manifest at its end: it was broken off, or is no backup of Streamtime.")
        return decode_manifest(b"".join(self.read(MANIFEST)))


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open a backup.

    Raises:
        Invalid: it is no backup, was broken off, or is damaged.
    """
    with path.open("rb") as file:
        with _translate_errors():
            tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115  # closed below
        with tar:
            yield ArchiveReader(tar)


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, KeyError) as error:
        raise Invalid("The file is no backup of Streamtime, or it was broken off or damaged.") from error


def _read_chunk(source: IO[bytes]) -> bytes:
    with _translate_errors():
        return source.read(CHUNK_BYTES)


def _check_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise Conflict(f"{path} exists already. Choose another name, or say --force.")


def _place(made: Path, path: Path, *, force: bool) -> None:
    """Give the finished file its name, which nobody else may have taken meanwhile."""
    if force:
        made.replace(path)
    else:
        try:
            path.hardlink_to(made)
        except FileExistsError:
            _check_free(path, force=False)
        except OSError:  # a file system without second names
            _check_free(path, force=False)
            made.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems cannot sync a directory
            os.fsync(folder)
    finally:
        os.close(folder)
