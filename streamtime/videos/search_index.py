"""The full-text index of videos (SQLite FTS5), and the task that keeps it.

Triggers of the database mark a video in `search_pending` whenever something searchable of it changes, so no change is
missed. The indexer then writes the folded text of marked videos to `videos_fts`, whose row ids are those of videos.
"""

import asyncio
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Join, Select, column, delete, func, insert, literal, select, table
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from streamtime.captions.formats import read_webvtt
from streamtime.database.tables import videos as video_tables
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import search_pending, videos
from streamtime.database.transaction import Database, Transaction
from streamtime.periodic import every
from streamtime.videos.search_text import SearchQuery, fold, inner_words

POLL_INTERVAL_S = 5.0
"""Changes by commands, which are other processes, are found after this time at the latest."""

SETTLE_TIMEOUT_S = 2.0
"""How long a search waits for the index of changes before it."""

BATCH_VIDEOS = 200
BATCH_CHARACTERS = 300_000
"""Text of one write transaction: some 30 ms for the index, in which nothing else can be written."""

COMPRESSION = 3
"""Compressed captions are about three times longer as text."""

MAX_CAPTIONS = 2_000_000
"""Indexed characters of captions of a video; a three-hour film has about 100,000 in each language."""

TITLE = "title"
NAMES = "title tags owner chapters word_endings"
"""Short texts about a video."""

TEXTS = f"{NAMES} description"
PUBLIC = f"{TEXTS} captions"
"""Everything that may be found by all who may see the video."""

OWNER_ONLY = "owner_only"
"""The name of the file and of the guest who uploaded it are found by the owner only."""

ALL = f"{PUBLIC} {OWNER_ONLY}"

videos_fts = table("videos_fts", column("rowid"), *(column(name) for name in ALL.split()))


class IndexFirst(Join):
    """A join of the index with `videos` in which the index is read first.

    Otherwise SQLite may look each video up in the index, which takes minutes with many of them. It does not change the
    order of tables around a CROSS JOIN: https://sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join.
    """

    inherit_cache = True


@compiles(IndexFirst, "sqlite")
def _cross_join(join: IndexFirst, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  # SQLAlchemy's
    of_table = {**options, "asfrom": True}
    left, right = compiler.process(join.left, **of_table), compiler.process(join.right, **of_table)
    return f"{left} CROSS JOIN {right} ON {compiler.process(join.onclause, **options)}"  # type: ignore[arg-type]  # it has one


def matching(query: SearchQuery, columns: str) -> Select[Any]:
    """Return a query of the row ids of videos with a match in these columns, by the index alone.

    It does not check permissions: use it as a condition beside them.
    """
    return select(videos_fts.c.rowid).where(matches(query.expression(columns)))


def matches(expression: str) -> ColumnElement[bool]:
    """Return the condition of an FTS5 expression."""
    return column("videos_fts").op("MATCH", is_comparison=True)(literal(expression))


@dataclass(slots=True)
class _Document:
    video_id: int
    texts: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ALL.split()})
    captions: list[bytes] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the folded texts. Call it in a thread: long captions take some tenths of a second."""
        names = "\n".join([*self.texts["title"], *self.texts["tags"], *self.texts["chapters"]])
        folded = {name: fold("\n".join(texts)) for name, texts in self.texts.items()}
        return folded | {
            "rowid": self.video_id,
            "word_endings": inner_words(names),
            "captions": fold("\n".join(self._spoken())),
        }

    def _spoken(self) -> Iterator[str]:
        remaining = MAX_CAPTIONS
        for webvtt in self.captions:
            for _, text in caption_lines(webvtt):
                remaining -= len(text)
                if remaining < 0:
                    return
                yield text


def caption_lines(webvtt: bytes) -> Iterator[tuple[int, str]]:
    """Yield start in milliseconds and text of the cues of a stored caption track."""
    return ((cue.start_ms, cue.text) for cue in read_webvtt(zlib.decompress(webvtt).decode()))


class SearchIndexer:
    """Indexes marked videos."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def wake(self, _event: object = None) -> None:
        """Index soon: something may have changed."""
        self._settled.clear()
        self._woken.set()

    async def settle(self) -> None:
        """Wait until earlier changes are indexed, but at most `SETTLE_TIMEOUT_S`."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                await self._settled.wait()
        except TimeoutError:
            return

    async def run_forever(self) -> None:
        """Index whenever videos change, until the task is cancelled."""
        self._woken.set()
        await every(0, self._wait_and_index, "search-index")

    async def _wait_and_index(self) -> None:
        try:
            async with asyncio.timeout(POLL_INTERVAL_S):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
        while await self.index_batch():
            # A backlog, as after an upgrade, must not make searches wait.
            self._settle_unless_woken()
        self._settle_unless_woken()

    def _settle_unless_woken(self) -> None:
        if not self._woken.is_set():
            self._settled.set()

    async def index_batch(self) -> int:
        """Index some marked videos, the last changed first; returns how many."""
        async with self._database.read() as connection:
            marked = select(search_pending.c.video_id, search_pending.c.id).order_by(search_pending.c.id.desc())
            marks = {row[0]: row[1] for row in await connection.execute(marked.limit(BATCH_VIDEOS))}
            if not marks:
                return 0
            chosen = await _within_limit(connection, list(marks))
            documents = await _read_documents(connection, chosen)
        rows = await asyncio.to_thread(lambda: [document.row() for document in documents])
        await self._database.write(lambda tx: _write(tx, rows, chosen, [marks[each] for each in chosen]))
        return len(chosen)


async def _within_limit(connection: AsyncConnection, ids: list[int]) -> list[int]:
    """Return the first videos whose captions together are within the limit of a batch; at least one."""
    size = func.sum(func.length(video_tables.captions.c.webvtt))
    query = select(video_tables.captions.c.video_id, size).where(video_tables.captions.c.video_id.in_(ids))
    sizes = {row[0]: row[1] or 0 for row in await connection.execute(query.group_by(video_tables.captions.c.video_id))}
    total = 0
    for count, video_id in enumerate(ids):
        total += sizes.get(video_id, 0) * COMPRESSION
        if count and total > BATCH_CHARACTERS:
            return ids[:count]
    return ids


async def _read_documents(connection: AsyncConnection, ids: Collection[int]) -> list[_Document]:
    """Read what is indexed of videos; those that were deleted for good are omitted."""
    columns = [videos.c[name] for name in ("id", "title", "description", "source_name", "guest_name")]
    query = select(*columns, users.c.name, users.c.display_name).join(users, videos.c.owner_id == users.c.id)
    found: dict[int, _Document] = {}
    for row in await connection.execute(query.where(videos.c.id.in_(ids), videos.c.purged_at_ms.is_(None))):
        document = found[row.id] = _Document(row.id)
        document.texts["title"].append(row.title)
        document.texts["description"].append(row.description)
        document.texts["owner"] += [row.name, row.display_name or ""]
        document.texts["owner_only"] += [row.source_name, row.guest_name or ""]
    for name, read in (("tags", video_tables.video_tags.c.tag), ("chapters", video_tables.chapters.c.title)):
        rows = await connection.execute(select(read.table.c.video_id, read).where(read.table.c.video_id.in_(found)))
        for video_id, text in rows:
            found[video_id].texts[name].append(text)
    captions = video_tables.captions
    rows = await connection.execute(
        select(captions.c.video_id, captions.c.webvtt).where(
            captions.c.video_id.in_(found), captions.c.webvtt.is_not(None)
        )
    )
    for video_id, webvtt in rows:
        found[video_id].captions.append(webvtt)
    return list(found.values())


async def _write(tx: Transaction, rows: list[dict[str, Any]], ids: Collection[int], marks: Collection[int]) -> None:
    await tx.execute(delete(videos_fts).where(videos_fts.c.rowid.in_(ids)))
    await tx.execute_many(insert(videos_fts), rows)
    # A video that has changed meanwhile has a new mark, and is indexed again.
    await tx.execute(delete(search_pending).where(search_pending.c.id.in_(marks)))
