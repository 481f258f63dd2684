"""Damaged objects as their owners know them: which part of which video it is, and what can be done about it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, literal, select, union_all

from streamtime.database import tables
from streamtime.database.tables import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.storage.objects.ledger import DamagedObject
from streamtime.videos.events import Timeline

DAMAGED = "damaged"
"""The event in a video's timeline."""


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """What an object is to a video. `name` is that of a rendition, else empty; `kind` that of the object."""

    object_id: int
    video_id: int
    public_id: str
    title: str
    kind: str
    name: str
    can_reencode: bool
    """Whether it was encoded from an original that is still there."""


class DamageReporter:
    """Tells owners what was found."""

    def __init__(self, database: Database, timeline: Timeline) -> None:
        self._database = database
        self._timeline = timeline

    async def references(self, object_ids: Collection[int]) -> dict[int, ObjectReference]:
        """What these objects are; those that no video holds any more are left out."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_references_query(object_ids))).mappings()
            return {
                row["object_id"]: ObjectReference(**{**row, "can_reencode": bool(row["can_reencode"])}) for row in rows
            }

    async def report(self, found: Collection[DamagedObject]) -> int:
        """Write into the timelines what is not the last word there already; of how many objects."""
        pieces = await self.references([one.id for one in found])
        telling = [(pieces[one.id], damage_message(pieces[one.id], one.message)) for one in found if one.id in pieces]

        async def body(tx: Transaction) -> int:
            told = 0
            for piece, words in telling:
                if not await _already_reported(tx, piece.video_id, words):
                    await self._timeline.add(tx, piece.video_id, DAMAGED, words)
                    told += 1
            return told

        return await self._database.write(body) if telling else 0


def damage_message(piece: ObjectReference, words: str) -> str:
    """What has happened to a part of a video, and what can be done."""
    names = {"source": "The original", "poster": "The poster", "storyboard": "A storyboard sheet"}
    what = piece.name or names.get(piece.kind, "The preview")
    if piece.kind == "rendition":
        hope = "It can be made again from the original." if piece.can_reencode else "Prepare the video again."
    elif piece.kind == "source":
        hope = "What was made of it plays on, but nothing can be made of it again."
    else:
        hope = ""
    return f"{what} is damaged. {words} {hope}".strip()


async def _already_reported(tx: Transaction, video_id: int, words: str) -> bool:
    table = tables.timeline
    query = select(table.c.id).where(table.c.video_id == video_id, table.c.event == DAMAGED, table.c.message == words)
    return (await tx.execute(query.limit(1))).first() is not None


def _references_query(object_ids: Collection[int]) -> Select[Any]:
    parts, renditions, stills, objects = tables.rendition_parts, tables.renditions, tables.stills, tables.objects
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
