"""What to watch after a video: its next episode, videos with the same tags, others of its owner, the newest ones.

The permission rule is part of each query. Each reads a bounded number of rows of one index, however large the library.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from streamtime.auth.access import Caller, listed_visibilities
from streamtime.database.tables.videos import video_tags, videos
from streamtime.database.transaction import Database
from streamtime.videos.episodes import find_episode, series_of
from streamtime.videos.video import Video, read_videos_in_order
from streamtime.videos.viewers import shared_videos

MAX_RELATED = 24
SHOWN_RELATED = 10

EPISODE_CANDIDATES = 60
"""Titles of a series that are read to find the next episode: it is among those that follow in order of the alphabet."""

TAGGED_CANDIDATES = 300
"""Videos of one tag that are looked at, the newest first."""

MOST_TAGS = 6
"""Tags of the video that are looked at, the first ones."""

_LAST_CHARACTER = "\U0010ffff"


class RelatedVideos:
    """Finds what to watch after a video."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, caller: Caller, video: Video, *, limit: int = SHOWN_RELATED) -> list[Video]:
        """Return playable videos that the caller may find, the best to go on with first, without the video itself."""
        async with self._database.read() as connection:
            episode = await _next_episode(connection, caller, video)
            ids = dict.fromkeys([] if episode is None else [episode])
            ranked = union_all(*(select(each.subquery()) for each in _ranked(caller, video, limit))).subquery()
            order = (ranked.c.kind, ranked.c.shared.desc(), ranked.c.date.desc(), ranked.c.id.desc())
            ids |= dict.fromkeys((await connection.execute(select(ranked.c.id).order_by(*order))).scalars())
            return await read_videos_in_order(connection, list(ids)[:limit])


def _ranked(caller: Caller, video: Video, limit: int) -> Iterator[Select[Any]]:
    """Select kind of relation, shared tags, date and row id of candidates, at most `limit` of each query."""
    is_other = videos.c.id != video.id
    if video.tags:
        tagged = union_all(*(_newest_with(tag) for tag in video.tags[:MOST_TAGS])).subquery()
        found = select(literal(0).label("kind"), func.count().label("shared"), videos.c.created_at_ms.label("date"))
        found = found.add_columns(videos.c.id).join_from(tagged, videos, videos.c.id == tagged.c.video_id)
        found = found.where(is_other, _findable(caller)).group_by(videos.c.id)
        yield found.order_by(func.count().desc(), videos.c.id.desc()).limit(limit)
    listed = [visibility.value for visibility in listed_visibilities(caller)]
    by_owner = videos.c.owner_id == video.owner_id
    if caller.user_id == video.owner_id:
        yield _newest(1, videos.c.created_at_ms, by_owner, is_other).limit(limit)
    else:
        for each in listed:
            published = videos.c.published_at_ms
            yield _newest(1, published, by_owner, videos.c.visibility == each, is_other).limit(limit)
        if caller.signed_in:
            yield _newest(1, videos.c.created_at_ms, by_owner, shared_videos(caller), is_other).limit(limit)
    for each in listed:
        yield _newest(2, videos.c.published_at_ms, videos.c.visibility == each, is_other).limit(limit)


def _newest(kind: int, date: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    chosen = select(literal(kind).label("kind"), literal(0).label("shared"), date.label("date"), videos.c.id)
    is_version = videos.c.version_of.is_not(None)
    chosen = chosen.where(*conditions, videos.c.playable, videos.c.deleted_at_ms.is_(None), ~is_version)
    return chosen.order_by(date.desc(), videos.c.id.desc())


def _newest_with(tag: str) -> Select[Any]:
    chosen = select(video_tags.c.video_id).where(video_tags.c.tag_folded == tag.casefold())
    return select(chosen.order_by(video_tags.c.video_id.desc()).limit(TAGGED_CANDIDATES).subquery())


async def _next_episode(connection: AsyncConnection, caller: Caller, video: Video) -> int | None:
    """Return the row id of the episode that follows in the series of the video's owner; None if there is none."""
    title = video.title.casefold()
    episode, series = find_episode(title), series_of(title)
    if episode is None or series is None:
        return None
    # "Part 10" is before "part 9" in the alphabet: the following number is looked up by itself.
    starts = (series.following, title)
    ends = (series.following + _LAST_CHARACTER, series.prefix + _LAST_CHARACTER)
    queries = [_titles(caller, video, start, end) for start, end in zip(starts, ends, strict=True)]
    rows = await connection.execute(union_all(*(select(each.subquery()) for each in queries)))
    return _first_after(((row[0], row[1]) for row in rows), title)


def _first_after(rows: Iterable[tuple[int, str]], title: str) -> int | None:
    now, series = find_episode(title), series_of(title)
    following = []
    for video_id, other in rows:
        episode, its_series = find_episode(other), series_of(other)
        if episode and now and its_series and series and its_series.prefix == series.prefix and episode > now:
            following.append((episode, video_id))
    return min(following)[1] if following else None


def _titles(caller: Caller, video: Video, start: str, end: str) -> Select[Any]:
    title = videos.c.title_folded
    chosen = select(videos.c.id, title).where(videos.c.owner_id == video.owner_id, title >= start, title < end)
    chosen = chosen.where(videos.c.id != video.id, _findable(caller))
    return chosen.order_by(title).limit(EPISODE_CANDIDATES)


def _findable(caller: Caller) -> ColumnElement[bool]:
    listed = videos.c.visibility.in_([visibility.value for visibility in listed_visibilities(caller)])
    allowed = or_(listed, videos.c.owner_id == caller.user_id, shared_videos(caller)) if caller.signed_in else listed
    return and_(videos.c.deleted_at_ms.is_(None), videos.c.version_of.is_(None), videos.c.playable, allowed)
