"""Puts a version in the place of its video, in one transaction: content, captions, chapters, poster, positions.

The content of the two rows is exchanged. What then belongs to the version is deleted, or kept as the previous one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.videos import cuts, videos, watches
from streamtime.database.transaction import Transaction
from streamtime.videos.captions import unique_name
from streamtime.videos.chapters import Chapter, chapters_in, replace_chapters
from streamtime.videos.cuts import moved_time
from streamtime.videos.deletion import VideoDeletion
from streamtime.videos.events import Timeline
from streamtime.videos.job_kinds import PROCESSING, WorkQueue
from streamtime.videos.progress import VideoUpdater
from streamtime.videos.video import Video, VideoNotFound, select_videos, video_from_row
from streamtime.workers.cut_order import CutPart

_CONTENT = (
    "source_name", "source_facts", "source_object_id", "duration_ms", "damaged_after_ms", "width", "height", "rotation",
    "stills", "crashes", "wanted_rungs", "state", "playable", "progress", "stage", "failure_code", "failure_message",
)  # fmt: skip
"""Columns that belong to the content of a video and are exchanged with it."""

_POSTER = ("poster_object_id", "poster_ms", "poster_uploaded")
_RECORDED = ("recorded_at_ms", "recorded_offset_min")


class Adoption:
    """Exchanges the content of a video with that of a version."""

    def __init__(
        self, work_queue: WorkQueue, updater: VideoUpdater, deletion: VideoDeletion, timeline: Timeline
    ) -> None:
        self._work_queue = work_queue
        self._updater = updater
        self._deletion = deletion
        self._timeline = timeline

    async def version(self, tx: Transaction, video_id: int) -> Video:
        """Return a video or version by row id, without tags.

        Raises:
            VideoNotFound: it was deleted.
        """
        query = select_videos().where(videos.c.id == video_id, videos.c.deleted_at_ms.is_(None))
        row = (await tx.execute(query)).mappings().first()
        if row is None:
            raise VideoNotFound
        return video_from_row(row, ())

    async def adopt(self, tx: Transaction, version: Video) -> Video:
        """Put a version that is ready in the place of its video, and return the video.

        Raises:
            VideoNotFound: the video was deleted.
        """
        video = await self.version(tx, version.version_of or 0)
        kind = version.version_kind
        parts = await _parts_of(tx, version.id) if kind == "cut" else ()
        await self._exchange(tx, video, version)
        if kind == "cut":
            await _exchange_tracks(tx, video, version)
            await _move_positions(tx, video, parts)
        elif kind == "replace":
            await _take_tracks_of_file(tx, video, version)
        if kind == "rotate":
            await tx.execute(update(videos).where(videos.c.id == version.id).values(source_object_id=None))
        await self._keep_or_delete(tx, video, version, kind)
        await self._timeline.add(tx, video.id, "version_adopted", _ADOPTED[kind or ""])
        await self._finish(tx, video)
        return video

    async def restore(self, tx: Transaction, video: Video, previous: Video) -> None:
        """Put the previous version back; the present content is deleted."""
        await self._exchange(tx, video, previous)
        await _exchange_tracks(tx, video, previous)
        await self._deletion.purge(tx, previous)
        await self._timeline.add(tx, video.id, "version_restored", "The previous version was restored.")
        await self._finish(tx, video)

    async def _exchange(self, tx: Transaction, video: Video, version: Video) -> None:
        """Exchange the rows' content, their files, and their histories of preparation."""
        for one in (video, version):
            await self._work_queue.cancel(tx, one, kinds=PROCESSING)
        mine, other = [await _row(tx, one.id) for one in (video, version)]
        columns = [*_CONTENT, *(() if mine["poster_uploaded"] else _POSTER)]
        if not mine["recorded_chosen"] and version.version_kind in {"replace", "previous"}:
            columns += _RECORDED
        tables = [video_tables.renditions, video_tables.stills]
        if version.version_kind != "rotate":  # which has the same original
            tables.append(video_tables.uploads)
        for table in tables:
            await _exchange_rows(tx, table, video.id, version.id)
        # The prefix is unique: it is moved by way of one that no video has.
        await _set(tx, version.id, storage_prefix=f"{version.storage_prefix}#")
        versions = {"poster_version": videos.c.poster_version + 1, "stills_version": videos.c.stills_version + 1}
        await _set(tx, video.id, storage_prefix=other["storage_prefix"], **versions, **{c: other[c] for c in columns})
        await _set(tx, version.id, storage_prefix=mine["storage_prefix"], **{c: mine[c] for c in columns})
        table = video_tables.timeline
        await tx.execute(update(table).where(table.c.video_id == version.id).values(video_id=video.id))

    async def _keep_or_delete(self, tx: Transaction, video: Video, version: Video, kind: str | None) -> None:
        """Keep what was replaced as the previous version; of several cuts, only what was before the first one."""
        query = select(videos.c.id).where(
            videos.c.version_of == video.id, videos.c.version_kind == "previous", videos.c.deleted_at_ms.is_(None)
        )
        earlier: int | None = (await tx.execute(query)).scalar()
        current = await self.version(tx, version.id)
        if kind == "rotate" or (kind == "cut" and earlier is not None):
            await self._deletion.purge(tx, current)
            return
        if earlier is not None:
            await self._deletion.purge(tx, await self.version(tx, earlier))
        await _set(tx, version.id, version_kind="previous")

    async def _finish(self, tx: Transaction, video: Video) -> None:
        """Queue what the new content lacks, and tell everyone."""
        row = await _row(tx, video.id)
        if row["stills"] is None and row["playable"]:
            await self._work_queue.stills(tx, video)
        if row["poster_ms"] is not None and not row["poster_uploaded"]:
            await self._work_queue.poster(tx, video.subject)
        await self._updater.update(tx, video, title=row["title"])
        self._updater.clear_progress(tx, video)
        await tx.bump_epoch()


_ADOPTED = {
    "rotate": "The rotated version took its place.",
    "replace": "The new file took its place.",
    "cut": "The cut version took its place.",
}


async def _row(tx: Transaction, video_id: int) -> RowMapping:
    return (await tx.execute(select(videos).where(videos.c.id == video_id))).mappings().one()


async def _set(tx: Transaction, video_id: int, **values: object) -> None:
    await tx.execute(update(videos).where(videos.c.id == video_id).values(**values))


async def _exchange_rows(tx: Transaction, table: Table, first: int, second: int) -> None:
    """Exchange the rows of two videos, which have unique keys among those of their video."""
    of = {}
    for video_id in (first, second):
        found = await tx.execute(select(table).where(table.c.video_id == video_id))
        of[video_id] = [dict(row) for row in found.mappings()]
    if "id" in table.c:  # other rows refer to these, so they are changed in place
        for video_id, rows in ((second, of[first]), (first, of[second])):
            ids = [row["id"] for row in rows]
            await tx.execute(update(table).where(table.c.id.in_(ids)).values(video_id=video_id))
        return
    await tx.execute(delete(table).where(table.c.video_id.in_([first, second])))
    rows = [{**row, "video_id": second} for row in of[first]] + [{**row, "video_id": first} for row in of[second]]
    await tx.execute_many(insert(table), rows)


async def _exchange_tracks(tx: Transaction, video: Video, version: Video) -> None:
    """Exchange captions and chapters, which belong to the times of the content."""
    captions = video_tables.captions
    of = [
        list((await tx.execute(select(captions.c.id).where(captions.c.video_id == one.id))).scalars())
        for one in (video, version)
    ]
    # Names are unique within a video: those of one side are changed meanwhile.
    renamed = update(captions).where(captions.c.id.in_(of[0]))
    await tx.execute(renamed.values(video_id=version.id, name=captions.c.name + "#"))
    await tx.execute(update(captions).where(captions.c.id.in_(of[1])).values(video_id=video.id))
    await tx.execute(renamed.values(name=func.rtrim(captions.c.name, "#")))
    await _exchange_rows(tx, video_tables.chapters, video.id, version.id)
    mine, other = [(await _row(tx, one.id))["chapters_chosen"] for one in (video, version)]
    await _set(tx, video.id, chapters_chosen=other)
    await _set(tx, version.id, chapters_chosen=mine)


async def _take_tracks_of_file(tx: Transaction, video: Video, version: Video) -> None:
    """Take the captions of the new file in place of those of the old one; those that the owner added stay.

    Chapters that the owner wrote stay as far as they begin within the new file.
    """
    captions = video_tables.captions
    of_file = captions.c.stream.is_not(None)
    old = list((await tx.execute(select(captions.c.id).where(captions.c.video_id == video.id, of_file))).scalars())
    new = list((await tx.execute(select(captions.c.id).where(captions.c.video_id == version.id))).scalars())
    renamed = update(captions).where(captions.c.id.in_(old))
    await tx.execute(renamed.values(video_id=version.id, name=captions.c.name + "#"))
    taken = set((await tx.execute(select(captions.c.name).where(captions.c.video_id == video.id))).scalars())
    of_new = select(captions.c.id, captions.c.name).where(captions.c.id.in_(new))
    for row in (await tx.execute(of_new)).mappings().all():
        name = unique_name(row["name"], taken, "-")
        taken.add(name)
        await tx.execute(update(captions).where(captions.c.id == row["id"]).values(video_id=video.id, name=name))
    await tx.execute(renamed.values(name=func.rtrim(captions.c.name, "#")))
    row = await _row(tx, video.id)
    if not row["chapters_chosen"]:
        await _exchange_rows(tx, video_tables.chapters, video.id, version.id)
        return
    end_ms = row["duration_ms"] or 0
    kept = [chapter for chapter in await chapters_in(tx, video.id) if chapter.start_ms < end_ms]
    ends = [*(chapter.start_ms for chapter in kept[1:]), end_ms]
    await replace_chapters(
        tx, video.id, [Chapter(one.start_ms, end, one.title) for one, end in zip(kept, ends, strict=True)]
    )


async def _parts_of(tx: Transaction, version_id: int) -> Sequence[CutPart]:
    text: str | None = (await tx.execute(select(cuts.c.parts).where(cuts.c.video_id == version_id))).scalar()
    return () if text is None else msgspec.json.decode(text, type=list[CutPart])


async def _move_positions(tx: Transaction, video: Video, parts: Sequence[CutPart]) -> None:
    """Move everyone's position to the same moment of the cut video; in what was cut out, to where it was."""
    query = select(watches.c.user_id, watches.c.position_ms).where(
        watches.c.video_id == video.id, watches.c.position_ms > 0
    )
    rows: Sequence[Any] = (await tx.execute(query)).all()
    for user_id, position_ms in rows:
        of_user = (watches.c.video_id == video.id) & (watches.c.user_id == user_id)
        await tx.execute(update(watches).where(of_user).values(position_ms=moved_time(parts, position_ms)))
