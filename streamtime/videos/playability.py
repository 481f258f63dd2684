"""Whether what is stored of a video plays: read in the very transaction that says so.

A whole picture plays if its index can be read, every segment holds bytes and lasts, and all those bytes are stored.
"""

from dataclasses import dataclass

from sqlalchemy import RowMapping, exists, func, or_, select, update

from streamtime.database import tables
from streamtime.database.tables import videos
from streamtime.database.transaction import Transaction
from streamtime.errors import MediaError
from streamtime.hls.segment_index import EMPTY_INDEX_BYTES, SegmentIndex
from streamtime.videos.events import Timeline
from streamtime.videos.video import VideoState

UNPLAYABLE = "unplayable"
UNPLAYABLE_MESSAGE = "Nothing that plays has come of this video."

_SHORT_MS, _SHORT_SHARE = 2000, 0.05
"""By how much a picture may be shorter than the sound that is heard with it."""


class NoPlayableRendition(MediaError):
    """A video is not ready: no whole picture of it plays. `copied` where one that was copied does not."""

    def __init__(self, *, copied: bool) -> None:
        super().__init__(UNPLAYABLE_MESSAGE, code=UNPLAYABLE)
        self.copied = copied


@dataclass(frozen=True, slots=True)
class VideoRenditionStatus:
    """A whole picture of a video. `plays` says whether a player can show it from beginning to end."""

    id: int
    name: str
    copied: bool
    outdated: bool
    playable: bool


async def complete_video_renditions(
    tx: Transaction, video_id: int, *, full_length: bool = False
) -> list[VideoRenditionStatus]:
    """Judge all of a video's whole pictures; with `to_the_end` they have to be as long as its sound."""
    table, parts, stored = tables.renditions, tables.rendition_parts, tables.objects
    query = (
        select(table, stored.c.bytes, stored.c.state.label("stored"))
        .outerjoin_from(table, parts, (parts.c.rendition_id == table.c.id) & (parts.c.part == 0))
        .outerjoin(stored, parts.c.object_id == stored.c.id)
        .where(table.c.video_id == video_id, table.c.state == "whole")
    )
    rows = list((await tx.execute(query)).mappings())
    heard_ms = _default_audio_ms(rows) if full_length and not await _is_damaged(tx, video_id) else 0
    least_ms = max(0, heard_ms - max(_SHORT_MS, heard_ms * _SHORT_SHARE))
    return [
        VideoRenditionStatus(
            row["id"],
            row["name"],
            row["origin"] == "copy",
            bool(row["outdated"]),
            playable=_duration_ms(row) > least_ms,
        )
        for row in rows
        if row["kind"] == "video"
    ]


async def is_playable(tx: Transaction, video_id: int) -> bool:
    """Whether a whole picture of the video plays."""
    return any(picture.playable for picture in await complete_video_renditions(tx, video_id))


async def has_growing_rendition(tx: Transaction, video_id: int) -> bool:
    """Whether a picture of the video is in the making, which may be watched as it grows."""
    table = tables.renditions
    growing = (table.c.video_id == video_id) & (table.c.kind == "video") & (table.c.state == "growing")
    return (await tx.execute(select(table.c.id).where(growing).limit(1))).first() is not None


async def recheck_all(tx: Transaction, timeline: Timeline) -> None:
    """Once, at the start: no video is called ready or playable that has nothing to play.

    What an earlier version, or a hand in the database, left like that has failed, and can be tried again.
    """
    table = tables.renditions
    stored = func.length(table.c.segment_index) > EMPTY_INDEX_BYTES
    of_video = (table.c.video_id == videos.c.id) & (table.c.kind == "video") & stored
    whole = exists().where(of_video, table.c.state == "whole")
    ready = select(videos.c.id).where(videos.c.state == VideoState.READY, videos.c.deleted_at_ms.is_(None), ~whole)
    for video_id in list((await tx.execute(ready)).scalars()):
        await fail_unplayable(tx, timeline, video_id)
    nothing = ~exists().where(of_video, or_(table.c.state == "whole", table.c.state == "growing"))
    await tx.execute(update(videos).where(videos.c.playable, nothing).values(playable=False))


async def fail_unplayable(tx: Transaction, timeline: Timeline, video_id: int) -> None:
    """Say that a video that was called ready has nothing to play: it can be tried again from its original."""
    values = {"failure_code": UNPLAYABLE, "failure_message": UNPLAYABLE_MESSAGE, "playable": False, "stage": ""}
    await tx.execute(update(videos).where(videos.c.id == video_id).values(state=VideoState.FAILED.value, **values))
    await timeline.add(tx, video_id, "failed", UNPLAYABLE_MESSAGE, code=UNPLAYABLE)
    await tx.bump_epoch()


def _default_audio_ms(rows: list[RowMapping]) -> int:
    """How long the sound lasts that is heard first; 0 without any."""
    sounds = (row for row in rows if row["kind"] == "audio" and row["is_default"] and not row["outdated"])
    return max(map(_duration_ms, sounds), default=0)


def _duration_ms(row: RowMapping) -> int:
    """How long a whole rendition plays; 0 where it does not."""
    try:
        index = SegmentIndex.from_blob(row["segment_index"] or b"")
    except ValueError:
        return 0
    is_stored = row["stored"] == "live" and row["bytes"] >= index.bytes_total
    return max(1, index.duration_ms) if index.plays and is_stored else 0


async def _is_damaged(tx: Transaction, video_id: int) -> bool:
    query = select(videos.c.damaged_after_ms).where(videos.c.id == video_id)
    return (await tx.execute(query)).scalar() is not None
