"""What a restored database has to be told of the world that it wakes up in: which bytes are there, and which are not.

Written into the copy before it takes its place, in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select, update

from streamtime.backups.manifest import BackupObject
from streamtime.database import tables
from streamtime.database.transaction import Transaction
from streamtime.objects.ledger import SPOOL
from streamtime.objects.reconcile import MISSING


@dataclass(slots=True)
class RestorePlan:
    """Where the objects of a backup are, and what of uploads that were under way has arrived."""

    listed: Mapping[str, Mapping[str, int]]
    """Keys and lengths of each store that answered."""
    moved: dict[int, str] = field(default_factory=dict)
    """Objects that are in another store than their row says."""
    to_restore: list[BackupObject] = field(default_factory=list)
    """Objects whose bytes come out of the backup."""
    missing: list[BackupObject] = field(default_factory=list)
    upload_offsets: dict[int, int] = field(default_factory=dict)
    """How far uploads can go on from, where that is less than their rows say; by object."""

    def locate(self, one: BackupObject) -> None:
        """Look for an object and note what has to be done about it. Keys never change: any store will do."""
        places = [name for name in (one.store, *self.listed) if self.listed.get(name, {}).get(one.key) == one.bytes]
        if one.state == "staging":
            self._find_upload(one)
        elif places:
            if places[0] != one.store:
                self.moved[one.id] = places[0]
        elif one.held:
            self.to_restore.append(one)
        else:
            self.missing.append(one)

    def _find_upload(self, one: BackupObject) -> None:
        there = self.listed.get(SPOOL, {}).get(one.key)
        if there is not None and there >= one.bytes:
            return
        if one.held:
            self.to_restore.append(one)
        else:
            self.upload_offsets[one.id] = there or 0


async def apply_plan(tx: Transaction, plan: RestorePlan, *, growing: Sequence[int]) -> None:
    """Write it down. `growing` are renditions in the making of which no byte is left: they are begun anew."""
    objects, uploads, renditions = tables.objects, tables.uploads, tables.renditions
    for object_id, store in plan.moved.items():
        await tx.execute(update(objects).where(objects.c.id == object_id).values(store=store))
    for one in plan.to_restore:
        if one.state == "live" and one.sha256 is not None:
            same = update(objects).where(objects.c.id == one.id)
            await tx.execute(same.values(sha256=bytes.fromhex(one.sha256), damage=None))
    for one in plan.missing:
        await tx.execute(update(objects).where(objects.c.id == one.id).values(damage=MISSING))
    for object_id, offset in plan.upload_offsets.items():
        await tx.execute(update(uploads).where(uploads.c.object_id == object_id).values(offset_bytes=offset))
    await tx.execute(update(renditions).where(renditions.c.id.in_(growing)).values(segment_index=None))
    for table in (tables.holds, tables.strays, tables.upkeep, tables.multiparts):
        await tx.execute(delete(table))  # they speak of stores as they were
    await tx.bump_epoch()


async def renditions_without_bytes(tx: Transaction, spooled: Mapping[str, int]) -> list[int]:
    """Renditions in the making whose bytes are not in the spool."""
    parts, renditions, objects = tables.rendition_parts, tables.renditions, tables.objects
    query = (
        select(renditions.c.id, objects.c.key)
        .select_from(
            renditions.join(parts, parts.c.rendition_id == renditions.c.id).join(
                objects, parts.c.object_id == objects.c.id
            )
        )
        .where(renditions.c.state == "growing")
    )
    return [row.id for row in await tx.execute(query) if row.key not in spooled]
