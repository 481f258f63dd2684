"""Report damaged objects to the owners of their videos, with what the owner can do about it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, literal, select, union_all

from streamtime.database.tables import storage as storage_tables
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.storage.objects.ledger import DamagedObject
from streamtime.videos.events import Timeline

DAMAGED = "damaged"
"""The timeline event."""


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """The video that an object belongs to. `name` is the rendition's name, or empty; `kind` is the object's kind."""

    object_id: int
    video_id: int
    public_id: str
    title: str
    kind: str
    name: str
    can_reencode: bool
    """Whether it was encoded from an original that still exists."""


class DamageReporter:
    """Writes damage into the timelines of videos."""

    def __init__(self, database: Database, timeline: Timeline) -> None:
        self._database = database
        self._timeline = timeline

    async def references(self, object_ids: Collection[int]) -> dict[int, ObjectReference]:
        """Return the references by object id; objects that belong to no video are omitted."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_references_query(object_ids))).mappings()
            return {
                row["object_id"]: ObjectReference(**{**row, "can_reencode": bool(row["can_reencode"])}) for row in rows
            }

    async def report(self, found: Collection[DamagedObject]) -> int:
        """Add timeline entries that are not there yet, and return their number."""
        references = await self.references([one.id for one in found])
        entries = [
            (reference, damage_message(reference, damaged.message))
            for damaged in found
            if (reference := references.get(damaged.id))
        ]

        async def body(tx: Transaction) -> int:
            added = 0
            for reference, message in entries:
                if not await _already_reported(tx, reference.video_id, message):
                    await self._timeline.add(tx, reference.video_id, DAMAGED, message)
                    added += 1
            return added

        return await self._database.write(body) if entries else 0


def damage_message(reference: ObjectReference, message: str) -> str:
    """Return a sentence for the owner: which part is damaged, why, and what they can do."""
    names = {"source": "The original", "poster": "The poster", "storyboard": "A storyboard sheet"}
    part = reference.name or names.get(reference.kind, "The preview")
    if reference.kind == "rendition":
        advice = "It can be made again from the original." if reference.can_reencode else "Prepare the video again."
    elif reference.kind == "source":
        advice = "What was made of it plays on, but nothing can be made of it again."
    else:
        advice = ""
    return f"{part} is damaged. {message} {advice}".strip()


async def _already_reported(tx: Transaction, video_id: int, message: str) -> bool:
    table = video_tables.timeline
    query = select(table.c.id).where(table.c.video_id == video_id, table.c.event == DAMAGED, table.c.message == message)
    return (await tx.execute(query.limit(1))).first() is not None


def _references_query(object_ids: Collection[int]) -> Select[Any]:
    parts, renditions, stills, objects = (
        video_tables.rendition_parts,
        video_tables.renditions,
        video_tables.stills,
        storage_tables.objects,
    )
    none, no = literal(""), literal(False)
    of_videos = [
        select(column.label("object_id"), videos.c.id.label("video_id"), none.label("name"), no.label("can_reencode"))
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    encoded = (
        (renditions.c.origin == "encode") & (renditions.c.kind == "video") & videos.c.source_object_id.is_not(None)
    )
    of_renditions = select(parts.c.object_id, videos.c.id, renditions.c.name, encoded).select_from(
        parts.join(renditions, parts.c.rendition_id == renditions.c.id).join(
            videos, renditions.c.video_id == videos.c.id
        )
    )
    of_stills = select(stills.c.object_id, stills.c.video_id, none, no)
    every = union_all(*of_videos, of_renditions, of_stills).subquery()
    columns = every.c.object_id, every.c.video_id, videos.c.public_id, videos.c.title, objects.c.kind
    return (
        select(*columns, every.c.name, every.c.can_reencode)
        .select_from(
            every.join(videos, every.c.video_id == videos.c.id).join(objects, every.c.object_id == objects.c.id)
        )
        .where(every.c.object_id.in_(object_ids), videos.c.deleted_at_ms.is_(None))
        .order_by(every.c.object_id)
    )
