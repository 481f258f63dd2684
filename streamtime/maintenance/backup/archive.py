"""The file format of a backup: a tar archive with these members, in this order.

    streamtime.db       the database, copied with VACUUM INTO
    objects/<key>       with `--with-objects`: the bytes of each object
    manifest.json       the contents, with hashes; it is the last member, so a file that has it is complete

An archive is written under a temporary name in the same folder, and renamed when it is complete and synced. All
functions block.
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
"""Incremented when the previous version could not read a backup of this version."""


class StoredFile(msgspec.Struct, frozen=True):
    """A member of the backup: its length, and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class BackupObject(msgspec.Struct, frozen=True):
    """An object of the database in the backup. `sha256` is null if the object was never read as a whole."""

    id: int
    store: str
    key: str
    kind: str
    state: str
    bytes: int
    sha256: str | None
    held: bool
    """Whether the backup contains its bytes."""


class Manifest(msgspec.Struct, frozen=True):
    """The last member of a backup: a file without it is incomplete."""

    format: int
    version: str
    schema: str
    marker: str
    created_at_ms: int
    with_objects: bool
    database: StoredFile
    objects: list[BackupObject]

    def encode(self) -> bytes:
        """The manifest as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode_manifest(data: bytes) -> Manifest:
    """Parse a manifest.

    Raises:
        Invalid: the data is not a manifest, or one of a newer version.
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
    """Writes members one after another; the length of each must be known in advance."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._remaining = 0
        self._padding = 0
        self._open = False
        self._hash = hashlib.sha256()

    def begin(self, name: str, length_bytes: int, *, at_s: int) -> None:
        """Begin a member of this length, with `at_s` as its modification time."""
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = length_bytes, 0o600, at_s
        self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        self._remaining, self._padding = length_bytes, -length_bytes % tarfile.BLOCKSIZE
        self._open, self._hash = True, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write a part of the member; raises `Invalid` if it gets longer than announced."""
        if len(data) > self._remaining:
            raise Invalid("A file grew while it was copied.")
        self._remaining -= len(data)
        self._hash.update(data)
        self._file.write(data)

    def end(self) -> bytes:
        """End the member; returns its SHA-256. Raises `Invalid` if it is shorter than announced."""
        if self._remaining:
            raise Invalid(f"A file ended {self._remaining} bytes too early.")
        self._file.write(b"\0" * self._padding)
        self._open = False
        return self._hash.digest()

    def pad(self) -> None:
        """Fill the rest of a member that could not be read with zeros, so that the next one can follow."""
        if self._open:
            while self._remaining:
                self.write(bytes(min(self._remaining, CHUNK_BYTES)))
            self.end()

    def add(self, name: str, path: Path, *, at_s: int) -> StoredFile:
        """Add a file as a member."""
        size = path.stat().st_size
        self.begin(name, size, at_s=at_s)
        with path.open("rb") as source:
            while data := source.read(CHUNK_BYTES):
                self.write(data)
        return StoredFile(size, self.end().hex())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and the end of the archive."""
        data = manifest.encode()
        self.begin(MANIFEST, len(data), at_s=manifest.created_at_ms // 1000)
        self.write(data)
        self.end()
        self._file.write(_END_OF_ARCHIVE)


@contextmanager
def create_archive(path: Path, *, force: bool) -> Iterator[ArchiveWriter]:
    """Create an archive at `path`, which appears only if the context ends without an error.

    Raises:
        Conflict: the file exists, and `force` is not set.
    """
    _check_free(path, force=force)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            yield ArchiveWriter(file)
            file.flush()
            os.fsync(file.fileno())
        _place(temporary, path, force=force)
    finally:
        temporary.unlink(missing_ok=True)


class ArchiveReader:
    """Reads a backup."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.manifest = self._manifest()
        self.schema = self.manifest.schema
        self.version = self.manifest.version

    def save_database(self, target: Path) -> None:
        """Copy the database to a new file; see `save`."""
        self.save(DATABASE, self.manifest.database, target)

    def objects(self, database: Path) -> list[BackupObject]:
        """The objects of the backup, according to its manifest."""
        del database
        return self.manifest.objects

    def save(self, name: str, expected: StoredFile, target: Path) -> None:
        """Copy a member to a new file, which is synced.

        Raises:
            Invalid: its bytes differ from the manifest.
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
        """Yield the bytes of a member in chunks. Raises `Invalid` if it is missing."""
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
        Invalid: the file is not a backup, is incomplete, or is damaged.
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


def _place(temporary: Path, path: Path, *, force: bool) -> None:
    """Rename the complete file; without `force` an existing file is not replaced."""
    if force:
        temporary.replace(path)
    else:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            _check_free(path, force=False)
        except OSError:  # a file system without hard links
            _check_free(path, force=False)
            temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems cannot sync a directory
            os.fsync(folder)
    finally:
        os.close(folder)
