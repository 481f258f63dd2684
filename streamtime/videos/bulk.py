"""Change many videos with one request: those named, those that a filter finds, or a batch in the trash.

The videos are changed in short transactions, so that other writers get their turn. A request that is repeated changes
nothing more: what is as it should be already is reported as unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

from sqlalchemy import ColumnElement, func, select

from streamtime.auth.access import Caller, Visibility
from streamtime.auth.audit import Actor
from streamtime.clock import EpochMs
from streamtime.database.tables.auth import users
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound, StreamtimeError
from streamtime.videos.editing import Editor, clean_tags
from streamtime.videos.grants import Grantee, Grants
from streamtime.videos.listing import (
    MAX_LIMIT,
    Listing,
    ListScope,
    NonNegative,
    Query,
    Sort,
    conditions,
    decode_cursor,
    encode_cursor,
)
from streamtime.videos.playlist_items import PlaylistItems
from streamtime.videos.playlists import Playlist
from streamtime.videos.trash import IN_TRASH, Trash
from streamtime.videos.video import Video, manageable, read_videos, select_videos
from streamtime.videos.video_jobs import VideoJobs

MAX_VIDEOS = 200
"""Videos of one request; the answer has a cursor for the next ones."""

MAX_COUNT = 10_000
"""Videos that are counted; further ones are reported as more."""

_TRANSACTION_VIDEOS = 10
"""Videos of one transaction, after which other writers get their turn: some tens of milliseconds."""


class BulkAction(StrEnum):
    """What is done with each video."""

    VISIBILITY = "visibility"
    ADD_TAGS = "add_tags"
    REMOVE_TAGS = "remove_tags"
    ADD_TO_PLAYLIST = "add_to_playlist"
    SHARE = "share"
    """With a person or a group."""
    DELETE = "delete"
    """Into the trash."""
    RESTORE = "restore"
    RETRY = "retry"
    """Prepare those again that failed."""
    REPROCESS = "reprocess"
    """Prepare everything again from the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """An action and what it needs: a visibility, tags, a playlist or a grantee, whose access was checked."""

    action: BulkAction
    visibility: Visibility | None = None
    tags: tuple[str, ...] = ()
    playlist: Playlist | None = None
    grantee: Grantee | None = None
    batch: str | None = None
    """The name of the videos that are deleted together."""


class Outcome(StrEnum):
    """What became of one video."""

    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """What became of one video; `error` says why it was refused."""

    public_id: str
    outcome: Outcome
    error: StreamtimeError | None = None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of each video, and the cursor of the next ones that a filter finds."""

    outcomes: list[VideoOutcome]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which videos: the first of these that is given."""

    ids: Sequence[str] = ()
    batch: str = ""
    """Those in the trash that were deleted together."""
    query: Query = field(default_factory=Query)
    """The caller's own videos that match; with the cursor of an earlier result, the next ones."""

    def after(self, cursor: str) -> "Selection":
        """The same selection after a result with this cursor. What is left of a batch needs none."""
        return self if self.batch else replace(self, query=replace(self.query, cursor=cursor))


class BulkChanges:
    """Applies one change to one video, within a transaction."""

    def __init__(self, editor: Editor, trash: Trash, jobs: VideoJobs, items: PlaylistItems, grants: Grants) -> None:
        self._editor = editor
        self._trash = trash
        self._jobs = jobs
        self._items = items
        self._grants = grants

    async def apply(self, tx: Transaction, video: Video, change: BulkChange, by: Actor) -> VideoOutcome:
        """Apply a change. A refused one has changed nothing."""
        try:
            done = await self._apply(tx, video, change, by)
        except NotFound:
            return VideoOutcome(video.public_id, Outcome.NOT_FOUND)
        except (Conflict, Invalid) as error:
            return VideoOutcome(video.public_id, Outcome.REFUSED, error)
        return VideoOutcome(video.public_id, Outcome.DONE if done else Outcome.UNCHANGED)

    async def _apply(self, tx: Transaction, video: Video, change: BulkChange, by: Actor) -> bool:
        """Return whether it was a change."""
        if video.deleted_at_ms is not None:
            return await self._apply_in_trash(tx, video, change, by)
        match change:
            case BulkChange(action=BulkAction.VISIBILITY | BulkAction.SHARE):
                return await self._change_access(tx, video, change, by)
            case BulkChange(action=BulkAction.ADD_TAGS | BulkAction.REMOVE_TAGS):
                added = change.tags if change.action is BulkAction.ADD_TAGS else ()
                return await self._editor.change_tags(tx, video, add=added, remove=() if added else change.tags)
            case BulkChange(action=BulkAction.ADD_TO_PLAYLIST, playlist=Playlist() as playlist):
                return await self._items.append(tx, playlist, video)
            case BulkChange(action=BulkAction.DELETE):
                await self._trash.soft_delete(tx, video, by, batch=change.batch)
            case BulkChange(action=BulkAction.RETRY):
                await self._jobs.retry(tx, video)
            case BulkChange(action=BulkAction.REPROCESS):
                await self._jobs.reprocess(tx, video, rungs=None)
            case _:
                return False  # it is not in the trash
        return True

    async def _change_access(self, tx: Transaction, video: Video, change: BulkChange, by: Actor) -> bool:
        if change.grantee is not None:
            return await self._grants.add_in(tx, video, change.grantee, by)
        return change.visibility is not None and await self._editor.set_visibility(tx, video, change.visibility, by)

    async def _apply_in_trash(self, tx: Transaction, video: Video, change: BulkChange, by: Actor) -> bool:
        if change.action is BulkAction.DELETE:
            return False
        if change.action is not BulkAction.RESTORE:
            raise NotFound
        await self._trash.restore(tx, video, by)
        return True


class Bulk:
    """Finds the videos of a request and changes them."""

    def __init__(self, database: Database, listing: Listing, changes: BulkChanges) -> None:
        self._database = database
        self._listing = listing
        self._changes = changes

    async def count(self, caller: Caller, query: Query) -> int:
        """Return how many of the caller's own videos match, at most `MAX_COUNT` + 1."""
        matching = select(videos.c.id).join(users, videos.c.owner_id == users.c.id)
        matching = matching.where(*conditions(caller, replace(query, scope=ListScope.OWN))).limit(MAX_COUNT + 1)
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(matching.subquery()))).scalar_one())

    async def find(self, caller: Caller, selection: Selection, *, limit: int) -> list[Video]:
        """Return the videos of a selection that are not in the trash, up to `limit` of those of a filter.

        Raises:
            NotFound: the caller may not manage a video that is named.
        """
        if not selection.ids:
            query = replace(selection.query, scope=ListScope.OWN, limit=min(limit, MAX_LIMIT))
            return (await self._listing.page(caller, query)).items
        in_order = list(dict.fromkeys(selection.ids))[: MAX_VIDEOS + 1]
        read = await self._read(caller, videos.c.public_id.in_(in_order), videos.c.deleted_at_ms.is_(None))
        found = {video.public_id: video for video in read}
        if len(found) < len(in_order):
            raise NotFound
        return [found[each] for each in in_order]

    async def run(self, caller: Caller, selection: Selection, change: BulkChange, by: Actor) -> BulkResult:
        """Change up to `MAX_VIDEOS` videos.

        Raises:
            Invalid: the change lacks what its action needs, there are too many ids, or the cursor is invalid.
        """
        change = _checked(change)
        if selection.ids:
            return await self._run_ids(caller, selection.ids, change, by)
        if selection.batch:
            in_batch = (IN_TRASH, videos.c.deletion_batch == selection.batch)
            found = await self._read(caller, *in_batch)
            more = selection.batch if len(found) > MAX_VIDEOS else None
            return BulkResult(await self._apply(found[:MAX_VIDEOS], change, by), more)
        return await self._run_query(caller, selection.query, change, by)

    async def _run_ids(self, caller: Caller, ids: Sequence[str], change: BulkChange, by: Actor) -> BulkResult:
        if len(ids) > MAX_VIDEOS:
            raise Invalid(f"Name at most {MAX_VIDEOS} videos at a time.", field="videos")
        in_order = list(dict.fromkeys(ids))
        read = await self._read(caller, videos.c.public_id.in_(in_order), videos.c.purged_at_ms.is_(None))
        found = {video.public_id: video for video in read}
        outcomes = await self._apply([found[each] for each in in_order if each in found], change, by)
        missing = [VideoOutcome(each, Outcome.NOT_FOUND) for each in in_order if each not in found]
        return BulkResult([*outcomes, *missing])

    async def _run_query(self, caller: Caller, query: Query, change: BulkChange, by: Actor) -> BulkResult:
        """Go through the pages of a list. Its order does not depend on what the change may alter."""
        until_ms, cursor = await self._continued(caller, query.cursor)
        bounds = [each for each in (query.filters.before_ms, until_ms) if each is not None]
        sort = Sort.NEW if query.sort is Sort.RELEVANCE else query.sort
        filters = replace(query.filters, before_ms=EpochMs(min(bounds)))
        query = replace(query, scope=ListScope.OWN, sort=sort, filters=filters, limit=MAX_LIMIT, cursor=cursor)
        outcomes: list[VideoOutcome] = []
        while True:
            page = await self._listing.page(caller, query)
            outcomes += await self._apply(page.items, change, by)
            if page.next is None:
                return BulkResult(outcomes)
            if len(outcomes) + MAX_LIMIT > MAX_VIDEOS:
                return BulkResult(outcomes, encode_cursor([until_ms, page.next]))
            query = replace(query, cursor=page.next)

    async def _continued(self, caller: Caller, cursor: str) -> tuple[int, str]:
        """Return the time before which the videos were created, and the cursor of their list.

        Videos that arrive after the first request of a series are left alone.
        """
        if cursor:
            until_ms, inner = decode_cursor(cursor, (NonNegative, str))
            return int(until_ms), str(inner)
        newest = select(func.max(videos.c.created_at_ms)).where(videos.c.owner_id == caller.user_id)
        async with self._database.read() as connection:
            return ((await connection.execute(newest)).scalar_one() or 0) + 1, ""

    async def _read(self, caller: Caller, *wanted: ColumnElement[bool]) -> list[Video]:
        """Return the videos that the caller may manage, also those in the trash; one more than a request has."""
        query = select_videos().where(manageable(caller), *wanted).order_by(videos.c.id).limit(MAX_VIDEOS + 1)
        async with self._database.read() as connection:
            return await read_videos(connection, query)

    async def _apply(self, found: Sequence[Video], change: BulkChange, by: Actor) -> list[VideoOutcome]:
        outcomes: list[VideoOutcome] = []
        for start in range(0, len(found), _TRANSACTION_VIDEOS):
            part = found[start : start + _TRANSACTION_VIDEOS]
            outcomes += await self._database.write(partial(self._apply_together, part=part, change=change, by=by))
        return outcomes

    async def _apply_together(
        self, tx: Transaction, part: Sequence[Video], change: BulkChange, by: Actor
    ) -> list[VideoOutcome]:
        return [await self._changes.apply(tx, video, change, by) for video in part]


def _checked(change: BulkChange) -> BulkChange:
    """Return the change with clean tags.

    Raises:
        Invalid: it lacks what its action needs.
    """
    match change.action:
        case BulkAction.VISIBILITY if change.visibility is None:
            raise Invalid("Choose a visibility.", field="visibility")
        case BulkAction.ADD_TO_PLAYLIST if change.playlist is None:
            raise Invalid("Choose a playlist.", field="playlist")
        case BulkAction.SHARE if change.grantee is None:
            raise Invalid("Choose a person or a group.", field="person")
        case BulkAction.ADD_TAGS | BulkAction.REMOVE_TAGS:
            tags = clean_tags(change.tags)
            if not tags:
                raise Invalid("Enter at least one tag.", field="tags")
            return replace(change, tags=tags)
        case _:
            return change
