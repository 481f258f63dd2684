"""Decide whether the stored renditions of a video play, within the transaction that depends on it.

A complete video rendition plays if its index is readable, every segment has bytes and a duration, and all bytes are
stored.
"""

from dataclasses import dataclass

from sqlalchemy import RowMapping, exists, func, or_, select, update

from streamtime.database.tables import storage as storage_tables
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Transaction
from streamtime.errors import MediaError
from streamtime.hls.segment_index import EMPTY_INDEX_BYTES, SegmentIndex
from streamtime.videos.events import Timeline
from streamtime.videos.video import VideoState

UNPLAYABLE = "unplayable"
UNPLAYABLE_MESSAGE = "This video has no rendition that plays."

_SHORT_MS, _SHORT_FRACTION = 2000, 0.05
"""How much shorter than the default audio track a video rendition may be: milliseconds, or a fraction if longer."""


class NoPlayableRendition(MediaError):
    """A video can't become ready: no video rendition plays, or (`copied`) a copied one does not."""

    def __init__(self, *, copied: bool) -> None:
        super().__init__(UNPLAYABLE_MESSAGE, code=UNPLAYABLE)
        self.copied = copied


@dataclass(frozen=True, slots=True)
class VideoRenditionStatus:
    """A complete video rendition. `playable` says whether it plays from beginning to end."""

    id: int
    name: str
    copied: bool
    outdated: bool
    playable: bool


async def complete_video_renditions(
    tx: Transaction, video_id: int, *, full_length: bool = False
) -> list[VideoRenditionStatus]:
    """Check all complete video renditions; with `full_length`, also that they are as long as the audio."""
    table, parts, stored = video_tables.renditions, video_tables.rendition_parts, storage_tables.objects
    query = (
        select(table, stored.c.bytes, stored.c.state.label("stored"))
        .outerjoin_from(table, parts, (parts.c.rendition_id == table.c.id) & (parts.c.part == 0))
        .outerjoin(stored, parts.c.object_id == stored.c.id)
        .where(table.c.video_id == video_id, table.c.state == "whole")
    )
    rows = list((await tx.execute(query)).mappings())
    audio_ms = _default_audio_ms(rows) if full_length and not await _is_damaged(tx, video_id) else 0
    min_ms = max(0, audio_ms - max(_SHORT_MS, audio_ms * _SHORT_FRACTION))
    return [
        VideoRenditionStatus(
            row["id"],
            row["name"],
            row["origin"] == "copy",
            bool(row["outdated"]),
            playable=_duration_ms(row) > min_ms,
        )
        for row in rows
        if row["kind"] == "video"
    ]


async def is_playable(tx: Transaction, video_id: int) -> bool:
    """Return whether a complete video rendition plays."""
    return any(status.playable for status in await complete_video_renditions(tx, video_id))


async def has_growing_rendition(tx: Transaction, video_id: int) -> bool:
    """Return whether a video rendition is growing, and may be playable meanwhile."""
    table = video_tables.renditions
    growing = (table.c.video_id == video_id) & (table.c.kind == "video") & (table.c.state == "growing")
    return (await tx.execute(select(table.c.id).where(growing).limit(1))).first() is not None


async def recheck_all(tx: Transaction, timeline: Timeline) -> None:
    """Correct all videos that are ready or playable without a rendition to play; called once at startup.

    Earlier versions, or manual changes of the database, may have left such rows. Ready videos become failed and can be
    retried.
    """
    table = video_tables.renditions
    stored = func.length(table.c.segment_index) > EMPTY_INDEX_BYTES
    of_video = (table.c.video_id == videos.c.id) & (table.c.kind == "video") & stored
    complete = exists().where(of_video, table.c.state == "whole")
    ready = select(videos.c.id).where(videos.c.state == VideoState.READY, videos.c.deleted_at_ms.is_(None), ~complete)
    for video_id in list((await tx.execute(ready)).scalars()):
        await fail_unplayable(tx, timeline, video_id)
    nothing = ~exists().where(of_video, or_(table.c.state == "whole", table.c.state == "growing"))
    await tx.execute(update(videos).where(videos.c.playable, nothing).values(playable=False))


async def fail_unplayable(tx: Transaction, timeline: Timeline, video_id: int) -> None:
    """Set a ready video without a playable rendition to failed, so that it can be retried."""
    values = {"failure_code": UNPLAYABLE, "failure_message": UNPLAYABLE_MESSAGE, "playable": False, "stage": ""}
    await tx.execute(update(videos).where(videos.c.id == video_id).values(state=VideoState.FAILED.value, **values))
    await timeline.add(tx, video_id, "failed", UNPLAYABLE_MESSAGE, code=UNPLAYABLE)
    await tx.bump_epoch()


def _default_audio_ms(rows: list[RowMapping]) -> int:
    """Return the duration of the default audio track; 0 without any."""
    tracks = (row for row in rows if row["kind"] == "audio" and row["is_default"] and not row["outdated"])
    return max(map(_duration_ms, tracks), default=0)


def _duration_ms(row: RowMapping) -> int:
    """Return the duration of a complete rendition; 0 if it does not play."""
    try:
        index = SegmentIndex.from_blob(row["segment_index"] or b"")
    except ValueError:
        return 0
    is_stored = row["stored"] == "live" and row["bytes"] >= index.bytes_total
    return max(1, index.duration_ms) if index.plays and is_stored else 0


async def _is_damaged(tx: Transaction, video_id: int) -> bool:
    query = select(videos.c.damaged_after_ms).where(videos.c.id == video_id)
    return (await tx.execute(query)).scalar() is not None
