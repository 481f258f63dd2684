"""Uploads: their rows, the tus `Upload-Metadata` header, and the disk space reserved for them."""

import base64
import hashlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath, PureWindowsPath

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Caller, Visibility
from streamtime.clock import Clock
from streamtime.database.tables.storage import objects
from streamtime.database.tables.videos import uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NoSpace, NotFound, TooManyRequests
from streamtime.ids import public_id
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.uploads.checksums import Hasher
from streamtime.videos.quota import QuotaExceeded, Reservations, SpaceRequest, StorageUsage

MAX_HEADER = 8_192
MAX_NAME = 255
MAX_CLIENT_KEY = 200

MAX_OPEN_UPLOADS = 1_000
"""Open uploads of one person, or of one upload request; each has a video, rows and a file."""

TOO_MANY_RETRY_S = 600


def parse_metadata(header: str) -> dict[str, str]:
    """Parse an `Upload-Metadata` header (keys, and values in base64). A key without a value gets an empty string.

    Raises:
        Invalid: the header is too long, a key occurs twice, or a value is not base64 of UTF-8.
    """
    if len(header) > MAX_HEADER:
        raise Invalid(f"Upload-Metadata may have at most {MAX_HEADER} characters.", field="Upload-Metadata")
    pairs: dict[str, str] = {}
    for part in header.split(","):
        key, _, encoded = part.strip().partition(" ")
        if not key:
            continue
        if key in pairs:
            raise Invalid(f"Upload-Metadata has {key[:40]} twice.", field="Upload-Metadata")
        try:
            pairs[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except ValueError:  # not ASCII, base64 or UTF-8
            message = "Upload-Metadata holds a value that is not base64 of UTF-8."
            raise Invalid(message, field="Upload-Metadata") from None
    return pairs


def sanitize_file_name(text: str) -> str:
    """Return the base name of the path that a browser sent, printable. It is for display only, never a path."""
    name = PureWindowsPath(PurePosixPath(text).name).name
    printable = "".join(character for character in name if character.isprintable()).strip()
    return printable[:MAX_NAME] or "video"


def clean_client_key(text: str | None) -> str | None:
    """Validate a client's idempotency key; None if it sent none.

    Raises:
        Invalid: the key is too long, or not printable ASCII.
    """
    if not text:
        return None
    if len(text) > MAX_CLIENT_KEY or not text.isascii() or not text.isprintable():
        message = f"A client key has 1 to {MAX_CLIENT_KEY} printable ASCII characters."
        raise Invalid(message, field="Idempotency-Key", code="client_key")
    return text


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload. The first `offset_bytes` of its `length_bytes` are on disk."""

    id: int
    public_id: str
    owner_id: int
    video_id: int
    video_public_id: str
    object_id: int
    key: str
    length_bytes: int
    offset_bytes: int
    metadata: str
    client_key: str | None
    finished: bool
    expires_at_ms: int | None
    """When the upload expires unless more bytes arrive; None if it is complete."""
    drop_id: int | None
    """Row id of the upload request, if a guest uploads."""
    reserved: bool
    """Whether space is reserved for the remaining bytes."""

    @property
    def asks_about_duplicates(self) -> bool:
        """Whether the client lets its user decide about a duplicate before it is processed."""
        return self.drop_id is None and parse_metadata(self.metadata).get("duplicates") == "ask"


@dataclass(frozen=True, slots=True)
class NewUpload:
    """The row of a new upload. `client_key` is the client's idempotency key."""

    owner_id: int
    video_id: int
    length_bytes: int
    metadata: str
    client_key: str | None
    drop_id: int | None = None


class UploadRepository:
    """Rows of uploads. An upload expires `expire_after_ms` after its last byte."""

    def __init__(
        self, database: Database, ledger: Ledger, reservations: Reservations, clock: Clock, *, expire_after_ms: int
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._reservations = reservations
        self._clock = clock
        self.expire_after_ms = expire_after_ms

    async def add(self, tx: Transaction, new: NewUpload, key: str) -> str:
        """Insert a new upload, and the object `key` in the spool for its bytes; return its public id."""
        object_id = await self._ledger.stage(tx, key, kind="source", owner_id=new.owner_id)
        now, upload_id = self._clock.now_ms(), public_id()
        expires_at_ms = now + self.expire_after_ms
        values = {"public_id": upload_id, "created_at_ms": now, "reserved_at_ms": now, "expires_at_ms": expires_at_ms}
        await tx.execute(insert(uploads).values(**values, **asdict(new), object_id=object_id))
        return upload_id

    async def by_client_key(self, tx: Transaction, owner_id: int, client_key: str) -> RowMapping | None:
        """Return public id and length of the owner's upload with that client key, if there is one."""
        query = select(uploads.c.public_id, uploads.c.length_bytes).where(
            uploads.c.owner_id == owner_id, uploads.c.client_key == client_key
        )
        return (await tx.execute(query)).mappings().first()

    async def require_open_slot(self, tx: Transaction, owner_id: int, drop_id: int | None) -> None:
        """Limit the open uploads of one person, or of one upload request.

        Raises:
            TooManyRequests: there are `MAX_OPEN_UPLOADS`.
        """
        same_request = uploads.c.drop_id.is_(None) if drop_id is None else uploads.c.drop_id == drop_id
        unfinished = uploads.c.finished_at_ms.is_(None)
        query = select(func.count()).where(uploads.c.owner_id == owner_id, same_request, unfinished)
        if (await tx.execute(query)).scalar_one() >= MAX_OPEN_UPLOADS:
            message = f"{MAX_OPEN_UPLOADS:,} uploads are not complete. Finish or cancel some of them."
            raise TooManyRequests(message, retry_after_s=TOO_MANY_RETRY_S)

    async def expired(self) -> list[int]:
        """Return the row ids of videos with expired uploads, up to 100."""
        query = select(uploads.c.video_id).where(self._is_expired).order_by(uploads.c.expires_at_ms).limit(100)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def is_expired(self, tx: Transaction, video_id: int) -> bool:
        """Return whether the upload of that video has expired."""
        query = select(uploads.c.id).where(uploads.c.video_id == video_id, self._is_expired)
        return (await tx.execute(query)).first() is not None

    async def drop_id_of(self, tx: Transaction, video_id: int) -> int | None:
        """Return the row id of the upload request through which that video is uploaded, or None."""
        query = select(uploads.c.drop_id).where(uploads.c.video_id == video_id)
        found: int | None = (await tx.execute(query)).scalar()
        return found

    async def backfill_expiry(self, tx: Transaction) -> None:
        """Set an expiry on unfinished uploads from versions that had none."""
        expires_at_ms = self._clock.now_ms() + self.expire_after_ms
        without_expiry = uploads.c.finished_at_ms.is_(None) & uploads.c.expires_at_ms.is_(None)
        await tx.execute(update(uploads).where(without_expiry).values(expires_at_ms=expires_at_ms))

    @property
    def _is_expired(self) -> ColumnElement[bool]:
        return uploads.c.finished_at_ms.is_(None) & (uploads.c.expires_at_ms <= self._clock.now_ms())

    async def require(self, caller: Caller, public_id: str) -> Upload:
        """Return the caller's upload with that id.

        Raises:
            NotFound: there is none, or it belongs to another account.
        """
        owner_id = caller.user_id if caller.signed_in else -1
        own = uploads.c.owner_id == owner_id
        return await self._one(uploads.c.public_id == public_id, own, uploads.c.drop_id.is_(None))

    async def by_upload_request(self, drop_id: int, public_id: str) -> Upload:
        """Return the upload with that id, made through that upload request.

        Raises:
            NotFound: there is none.
        """
        return await self._one(uploads.c.public_id == public_id, uploads.c.drop_id == drop_id)

    async def by_id(self, upload_id: int) -> Upload:
        """Return the current state of an upload.

        Raises:
            NotFound: it was terminated.
        """
        return await self._one(uploads.c.id == upload_id)

    async def complete(self, tx: Transaction, upload: Upload, *, sha256: bytes | None) -> None:
        """Mark an upload and its object complete; `sha256` is None if it is not known.

        Raises:
            NotFound: the upload was terminated.
        """
        await self.set_offset(tx, upload.id, upload.length_bytes, complete=True)
        await self._ledger.complete(tx, upload.object_id, length_bytes=upload.length_bytes, sha256=sha256)

    async def set_offset(self, tx: Transaction, upload_id: int, offset_bytes: int, *, complete: bool = False) -> bool:
        """Save the offset; with `complete`, mark the upload complete.

        An active reservation is extended. Returns whether there is one.

        Raises:
            NotFound: the upload was terminated.
        """
        now = self._clock.now_ms()
        times = {
            "finished_at_ms": now if complete else None,
            "expires_at_ms": None if complete else now + self.expire_after_ms,
        }
        values = {"offset_bytes": offset_bytes, **times}
        statement = update(uploads).where(uploads.c.id == upload_id)
        with_reservation = statement.where(self._reservations.is_active())
        if (await tx.execute(with_reservation.values(**values, reserved_at_ms=now))).rowcount:
            return True
        if (await tx.execute(statement.values(**values))).rowcount == 0:
            raise NotFound
        return False

    async def reserve(self, tx: Transaction, upload_id: int) -> None:
        """Start a reservation now. The caller has checked in the same transaction that there is space."""
        statement = update(uploads).where(uploads.c.id == upload_id, uploads.c.finished_at_ms.is_(None))
        await tx.execute(statement.values(reserved_at_ms=self._clock.now_ms()))

    async def _one(self, *conditions: ColumnElement[bool]) -> Upload:
        shown = videos.alias("shown")  # the video, also if the upload is a hidden version of it
        query = (
            select(
                uploads,
                shown.c.public_id.label("video_public_id"),
                objects.c.key,
                self._reservations.is_active().label("reserved"),
            )
            .join_from(uploads, videos, uploads.c.video_id == videos.c.id)
            .join(shown, shown.c.id == func.coalesce(videos.c.version_of, videos.c.id))
            .join(objects, uploads.c.object_id == objects.c.id)
            .where(*conditions)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound
        return _upload(row)


def _upload(row: RowMapping) -> Upload:
    return Upload(
        id=row["id"],
        public_id=row["public_id"],
        owner_id=row["owner_id"],
        video_id=row["video_id"],
        video_public_id=row["video_public_id"],
        object_id=row["object_id"],
        key=row["key"],
        length_bytes=row["length_bytes"],
        offset_bytes=row["offset_bytes"],
        metadata=row["metadata"],
        client_key=row["client_key"],
        finished=row["finished_at_ms"] is not None,
        expires_at_ms=row["expires_at_ms"],
        drop_id=row["drop_id"],
        reserved=bool(row["reserved"]),
    )


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits and defaults for new uploads."""

    max_size_bytes: int
    minimum_free_bytes: int
    """Bytes of the disk that are never reserved."""
    chunk_size_bytes: int
    default_visibility: Visibility


class UploadSpace:
    """Reserves space for uploads against quota and disk."""

    def __init__(self, usage: StorageUsage, spool: Spool, rows: UploadRepository, limits: UploadLimits) -> None:
        self._usage = usage
        self._spool = spool
        self._rows = rows
        self.limits = limits

    async def require_available(self) -> None:
        """Check that the spool directory exists.

        Raises:
            Unavailable: it does not; the message names it.
        """
        await self._free_bytes()

    async def reserve(self, tx: Transaction, owner_id: int, length_bytes: int, *, via_upload_request: bool) -> None:
        """Check in this transaction that an upload of `length_bytes` fits.

        Raises:
            QuotaExceeded: it exceeds the owner's quota.
            NoSpace: it does not fit on the disk; for an upload request, either of the two.
        """
        try:
            await self._usage.reserve(tx, SpaceRequest(owner_id, length_bytes, via_upload_request), self._free_bytes)
        except (QuotaExceeded, NoSpace):
            if not via_upload_request:
                raise
            # Guests must not learn the owner's quota or the disk's free space.
            raise NoSpace("There is no room left for this file.") from None

    async def renew(self, tx: Transaction, upload: Upload, offset_bytes: int) -> None:
        """Reserve space for the remaining bytes of an upload with an expired reservation. Raises as `reserve`."""
        via_request = upload.drop_id is not None
        await self.reserve(tx, upload.owner_id, upload.length_bytes - offset_bytes, via_upload_request=via_request)
        await self._rows.reserve(tx, upload.id)

    async def _free_bytes(self) -> int:
        return await self._spool.free_bytes() - self.limits.minimum_free_bytes


MAX_HASHERS = 1_000
"""Number of running hashes kept; the least recently used are dropped."""


class RunningHashes:
    """SHA-256 hashers of unfinished uploads, each over the bytes that are on disk, in memory only.

    Where one is missing, for example after a restart, finalizing the object computes the hash.
    """

    def __init__(self) -> None:
        self._hashers: OrderedDict[int, tuple[int, Hasher]] = OrderedDict()

    def get(self, upload_id: int, offset: int) -> Hasher | None:
        """Return a copy of the hasher over the first `offset` bytes, or None if it is not known."""
        if offset == 0:
            return hashlib.sha256()
        hashed_bytes, hasher = self._hashers.get(upload_id, (-1, None))
        return hasher.copy() if hasher is not None and hashed_bytes == offset else None

    def put(self, upload_id: int, offset: int, hasher: Hasher) -> None:
        """Store a copy of the hasher over the first `offset` bytes."""
        self._hashers[upload_id] = offset, hasher.copy()
        self._hashers.move_to_end(upload_id)
        if len(self._hashers) > MAX_HASHERS:
            self._hashers.popitem(last=False)

    def discard(self, upload_id: int) -> None:
        """Drop the hasher of an upload, if there is one."""
        self._hashers.pop(upload_id, None)
