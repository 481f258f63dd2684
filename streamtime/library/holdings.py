"""Which objects belong to a video: its source, its poster, the parts of its renditions, its stills."""

from sqlalchemy import select, union

from streamtime.database.tables import rendition_parts, renditions, stills, videos
from streamtime.database.transaction import Database


async def object_ids_of(database: Database, video_id: int) -> list[int]:
    """The row ids of all objects of a video; none where it was deleted."""
    own = [
        select(column).where(videos.c.id == video_id, column.is_not(None))
        for column in (videos.c.source_object_id, videos.c.poster_object_id)
    ]
    parts = (
        select(rendition_parts.c.object_id)
        .join_from(rendition_parts, renditions)
        .where(renditions.c.video_id == video_id)
    )
    beside = select(stills.c.object_id).where(stills.c.video_id == video_id)
    async with database.read() as connection:
        return list((await connection.execute(union(*own, parts, beside))).scalars())
