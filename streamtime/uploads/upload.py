"""An upload as a value, and its rows: found for its owner, its offset moved, its end noted."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.engine import RowMapping

from streamtime.access.caller import Caller
from streamtime.database.tables import objects, uploads, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes on their way in. `offset_bytes` of them are on disk."""

    id: int
    public_id: str
    video_id: int
    video_public_id: str
    object_id: int
    key: str
    length_bytes: int
    offset_bytes: int
    metadata: str
    finished: bool


class UploadRows:
    """All uploads, as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, public_id: str) -> Upload:
        """The caller's own upload of that id.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        owner_id = caller.user_id if caller.signed_in else -1
        return await self._one(uploads.c.public_id == public_id, uploads.c.owner_id == owner_id)

    async def by_id(self, upload_id: int) -> Upload:
        """The upload as it is now.

        Raises:
            NotFound: it was given up.
        """
        return await self._one(uploads.c.id == upload_id)

    async def move(self, tx: Transaction, upload_id: int, offset_bytes: int, *, finished_at_ms: int | None) -> None:
        """So much of it is on disk; with `finished_at_ms` that is all of it.

        Raises:
            NotFound: it was given up meanwhile.
        """
        statement = update(uploads).where(uploads.c.id == upload_id)
        done = await tx.execute(statement.values(offset_bytes=offset_bytes, finished_at_ms=finished_at_ms))
        if done.rowcount == 0:
            raise NotFound

    async def _one(self, *conditions: ColumnElement[bool]) -> Upload:
        query = (
            select(uploads, videos.c.public_id.label("video_public_id"), objects.c.key)
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
        video_id=row["video_id"],
        video_public_id=row["video_public_id"],
        object_id=row["object_id"],
        key=row["key"],
        length_bytes=row["length_bytes"],
        offset_bytes=row["offset_bytes"],
        metadata=row["metadata"],
        finished=row["finished_at_ms"] is not None,
    )
