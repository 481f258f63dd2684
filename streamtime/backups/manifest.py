"""What a backup says of itself: whose it is, how old, which schema, and which objects it needs or holds."""

import msgspec

from streamtime.errors import Invalid

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
