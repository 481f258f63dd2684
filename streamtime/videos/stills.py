"""The pictures beside a video: the sheets of its storyboard and its preview, as rows. The poster is the video's own."""

from enum import StrEnum

import msgspec
from sqlalchemy import delete, insert, select

from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction
from streamtime.hls.storyboard import Storyboard
from streamtime.storage.objects.ledger import Ledger


class StillKind(StrEnum):
    """What an object shows; also the kind of the object."""

    SHEET = "storyboard"
    PREVIEW = "preview"


class StillsFacts(msgspec.Struct, frozen=True):
    """What a video's row says of its stills once they are made; `duration_ms` is what they were made of."""

    storyboard: Storyboard
    duration_ms: int


class StillRepository:
    """Which object shows which part of which video."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def replace(self, tx: Transaction, video_id: int, sheets: list[int], preview: int) -> None:
        """These objects, whole by now, are the video's stills; those it had before go."""
        await self.drop(tx, video_id)
        kinds = [(StillKind.SHEET, number, object_id) for number, object_id in enumerate(sheets)]
        rows = [
            {"video_id": video_id, "kind": kind.value, "number": number, "object_id": object_id}
            for kind, number, object_id in [*kinds, (StillKind.PREVIEW, 0, preview)]
        ]
        await tx.execute_many(insert(tables.stills), rows)

    async def drop(self, tx: Transaction, video_id: int) -> None:
        """Take a video's stills out, and doom their bytes."""
        table = tables.stills
        object_ids = list((await tx.execute(select(table.c.object_id).where(table.c.video_id == video_id))).scalars())
        await tx.execute(delete(table).where(table.c.video_id == video_id))
        await self._ledger.mark_for_deletion(tx, object_ids)

    async def find(self, video_id: int, kind: StillKind, number: int = 0) -> int | None:
        """The object that shows it, if there is one."""
        table = tables.stills
        query = select(table.c.object_id).where(
            table.c.video_id == video_id, table.c.kind == kind.value, table.c.number == number
        )
        async with self._database.read() as connection:
            found: int | None = (await connection.execute(query)).scalar_one_or_none()
            return found
