"""An upload as a value, and its rows: found for its owner, its offset moved, its end noted.

The `Upload-Metadata` header of tus 1.0: keys, and values in base64.
"""

import base64
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath, PureWindowsPath

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.database.tables import objects, uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound, TooManyRequests
from streamtime.ids import public_id
from streamtime.videos.reservations import Reservations

MAX_HEADER = 8_192
MAX_NAME = 255
MAX_CLIENT_KEY = 200


def parse_metadata(header: str) -> dict[str, str]:
    """The pairs of the header; a key without a value has an empty one.

    Raises:
        Invalid: it is too long, a key stands twice, or a value is not base64 of UTF-8.
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
        except ValueError:  # no ASCII, no base64, or no UTF-8
            words = "Upload-Metadata holds a value that is not base64 of UTF-8."
            raise Invalid(words, field="Upload-Metadata") from None
    return pairs


def sanitize_file_name(text: str) -> str:
    """The last part of whatever path a browser sent, fit to be shown; never used as a path."""
    name = PureWindowsPath(PurePosixPath(text).name).name
    printable = "".join(character for character in name if character.isprintable()).strip()
    return printable[:MAX_NAME] or "video"


def clean_client_key(text: str | None) -> str | None:
    """A client's own name for an upload, or None where it gives none.

    Raises:
        Invalid: it is longer than a key needs to be, or has characters that are not plain ones.
    """
    if not text:
        return None
    if len(text) > MAX_CLIENT_KEY or not text.isascii() or not text.isprintable():
        words = f"A client key has 1 to {MAX_CLIENT_KEY} plain characters."
        raise Invalid(words, field="Idempotency-Key", code="client_key")
    return text


MAX_OPEN_UPLOADS = 1_000
"""Uploads of one person, or by one link for sending, that are open at once: each has a video, rows and a file."""

TOO_MANY_RETRY_S = 600


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes on their way in. `offset_bytes` of them are on disk."""

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
    """When it is given up unless more of it comes; None for one that is complete."""
    drop_id: int | None
    """The link for sending that it comes by."""
    reserved: bool
    """Whether room is reserved for what is still to come."""

    @property
    def asks_about_duplicates(self) -> bool:
        """Whether its client said that it will ask its owner what is to become of what is there already."""
        return self.drop_id is None and parse_metadata(self.metadata).get("duplicates") == "ask"


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What is written down of an upload before its first byte. `client_key` is its client's own name for it."""

    owner_id: int
    video_id: int
    object_id: int
    length_bytes: int
    metadata: str
    client_key: str | None
    drop_id: int | None = None


class UploadRepository:
    """All uploads, as rows. One that nobody goes on with for `expire_after_ms` is to be given up."""

    def __init__(self, database: Database, reservations: Reservations, clock: Clock, *, expire_after_ms: int) -> None:
        self._database = database
        self._reservations = reservations
        self._clock = clock
        self._expire_after_ms = expire_after_ms

    async def add(self, tx: Transaction, new: NewUpload) -> str:
        """Write a new upload down; its public id."""
        now, name = self._clock.now_ms(), public_id()
        expires = now + self._expire_after_ms
        values = {"public_id": name, "created_at_ms": now, "reserved_at_ms": now, "expires_at_ms": expires}
        await tx.execute(insert(uploads).values(**values, **asdict(new)))
        return name

    async def by_client_key(self, tx: Transaction, owner_id: int, client_key: str) -> RowMapping | None:
        """The upload that its client has called so: public id and length."""
        query = select(uploads.c.public_id, uploads.c.length_bytes).where(
            uploads.c.owner_id == owner_id, uploads.c.client_key == client_key
        )
        return (await tx.execute(query)).mappings().first()

    async def require_open_slot(self, tx: Transaction, owner_id: int, drop_id: int | None) -> None:
        """Bound how many uploads of one person, or by one link for sending, are open at once.

        Raises:
            TooMany: there are `MOST_OPEN`.
        """
        of_link = uploads.c.drop_id.is_(None) if drop_id is None else uploads.c.drop_id == drop_id
        query = select(func.count()).where(uploads.c.owner_id == owner_id, of_link, uploads.c.finished_at_ms.is_(None))
        if (await tx.execute(query)).scalar_one() >= MAX_OPEN_UPLOADS:
            words = f"{MAX_OPEN_UPLOADS:,} uploads are not complete. Finish some of them, or give them up."
            raise TooManyRequests(words, retry_after_s=TOO_MANY_RETRY_S)

    async def expired(self) -> list[int]:
        """The videos whose uploads nobody went on with for too long, some of them, by row id."""
        query = select(uploads.c.video_id).where(self._is_expired).order_by(uploads.c.expires_at_ms).limit(100)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def is_expired(self, tx: Transaction, video_id: int) -> bool:
        """Whether nobody has gone on with the upload of that video, as the transaction sees it."""
        query = select(uploads.c.id).where(uploads.c.video_id == video_id, self._is_expired)
        return (await tx.execute(query)).first() is not None

    async def drop_id_of(self, tx: Transaction, video_id: int) -> int | None:
        """The link for sending by which that video comes, by row id; None where it comes by none."""
        query = select(uploads.c.drop_id).where(uploads.c.video_id == video_id)
        found: int | None = (await tx.execute(query)).scalar()
        return found

    async def backfill_expiry(self, tx: Transaction) -> None:
        """Uploads from before there was an end to them get theirs now."""
        ends = self._clock.now_ms() + self._expire_after_ms
        without = uploads.c.finished_at_ms.is_(None) & uploads.c.expires_at_ms.is_(None)
        await tx.execute(update(uploads).where(without).values(expires_at_ms=ends))

    @property
    def _is_expired(self) -> ColumnElement[bool]:
        return uploads.c.finished_at_ms.is_(None) & (uploads.c.expires_at_ms <= self._clock.now_ms())

    async def require(self, caller: Caller, public_id: str) -> Upload:
        """The caller's own upload of that id.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        owner_id = caller.user_id if caller.signed_in else -1
        own = uploads.c.owner_id == owner_id
        return await self._one(uploads.c.public_id == public_id, own, uploads.c.drop_id.is_(None))

    async def by_upload_request(self, drop_id: int, public_id: str) -> Upload:
        """The upload of that id which comes by that link for sending.

        Raises:
            NotFound: there is none.
        """
        return await self._one(uploads.c.public_id == public_id, uploads.c.drop_id == drop_id)

    async def by_id(self, upload_id: int) -> Upload:
        """The upload as it is now.

        Raises:
            NotFound: it was given up.
        """
        return await self._one(uploads.c.id == upload_id)

    async def set_offset(
        self, tx: Transaction, upload_id: int, offset_bytes: int, *, finished_at_ms: int | None
    ) -> bool:
        """So much of it is on disk; with `finished_at_ms` that is all of it.

        A reservation in force lasts on from now; whether there is one is the answer.

        Raises:
            NotFound: it was given up meanwhile.
        """
        now = self._clock.now_ms()
        expires = now + self._expire_after_ms if finished_at_ms is None else None
        values = {"offset_bytes": offset_bytes, "finished_at_ms": finished_at_ms, "expires_at_ms": expires}
        statement = update(uploads).where(uploads.c.id == upload_id)
        in_force = statement.where(self._reservations.is_active())
        if (await tx.execute(in_force.values(**values, reserved_at_ms=now))).rowcount:
            return True
        if (await tx.execute(statement.values(**values))).rowcount == 0:
            raise NotFound
        return False

    async def reserve(self, tx: Transaction, upload_id: int) -> None:
        """Note that room is reserved for it from now on; that there is enough was found in the same transaction."""
        statement = update(uploads).where(uploads.c.id == upload_id, uploads.c.finished_at_ms.is_(None))
        await tx.execute(statement.values(reserved_at_ms=self._clock.now_ms()))

    async def _one(self, *conditions: ColumnElement[bool]) -> Upload:
        query = (
            select(
                uploads,
                videos.c.public_id.label("video_public_id"),
                objects.c.key,
                self._reservations.is_active().label("reserved"),
            )
            .join_from(uploads, videos, uploads.c.video_id == videos.c.id)
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
