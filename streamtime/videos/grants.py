"""Share videos and playlists with named people and groups: add, list and remove grants.

`viewers.py` has the conditions by which grants allow watching. The callers of these methods check that the video or
playlist may be managed. Each change raises the epoch, so that players stop or start at their next request.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Select, Table, delete, func, insert, select, update

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.groups import Group
from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.playlists import playlists
from streamtime.database.tables.sharing import group_members, groups, playlist_grants, video_grants
from streamtime.database.tables.videos import videos
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.translation import gettext, number_text
from streamtime.videos.events import VideoEventPublisher
from streamtime.videos.playlists import Playlist
from streamtime.videos.video import Video
from streamtime.videos.viewers import in_playlist_of_owner, publish

MAX_GRANTS = 200
"""People and groups that one video or playlist is shared with."""


class GranteeKind(StrEnum):
    """Who something is shared with. The values are those in URLs."""

    PERSON = "people"
    GROUP = "groups"


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody that a video or playlist is shared with. `key` is the user name of a person or the id of a group."""

    kind: GranteeKind
    key: str
    text: str
    """The shown name of the person, or the name of the group."""
    public_id: str
    picture_version: int
    """Of a person; 0 without a picture."""
    members: int
    """People in the group; 1 for a person."""
    with_videos: bool
    """Of a playlist: whether its owner's videos in it are shared too."""
    granted_at_ms: int


Grantee = User | Group
Subject = Video | Playlist


class Grants:
    """Adds, lists and removes grants."""

    def __init__(
        self, database: Database, publisher: VideoEventPublisher, notices: Notices, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._notices = notices
        self._audit = audit
        self._clock = clock

    async def list(self, subject: Subject) -> list[Grant]:
        """Return who a video or playlist is shared with: groups, then people, by name."""
        table = _table(subject)
        members = select(func.count(group_members.c.user_id)).where(group_members.c.group_id == groups.c.id)
        of_person = users.c.name, users.c.display_name, users.c.public_id, users.c.picture_version
        columns = [column.label(f"user_{column.name}") for column in of_person]
        columns += [groups.c.public_id.label("group_public_id"), groups.c.name.label("group_name")]
        columns += [members.correlate(groups).scalar_subquery().label("members")]
        query = select(table, *columns).where(_subject_column(table) == subject.id)
        query = query.outerjoin(users, users.c.id == table.c.user_id).outerjoin(groups, groups.c.id == table.c.group_id)
        query = query.order_by(groups.c.name_folded.is_(None), groups.c.name_folded, users.c.name_folded)
        async with self._database.read() as connection:
            return [_grant(dict(row)) for row in (await connection.execute(query)).mappings()]

    async def add(self, subject: Subject, grantee: Grantee, by: Actor, *, with_videos: bool = False) -> None:
        """Share a video or playlist. One that is shared already stays so; `with_videos` is set again.

        Raises:
            Invalid: the person is the owner.
            NotFound: the video, the playlist or the group has been deleted meanwhile.
            Conflict: it is shared with too many.
        """
        await self._database.write(lambda tx: self.add_in(tx, subject, grantee, by, with_videos=with_videos))

    async def add_in(
        self, tx: Transaction, subject: Subject, grantee: Grantee, by: Actor, *, with_videos: bool = False
    ) -> bool:
        """Share as `add` does. Returns whether that is a change."""
        if isinstance(grantee, User) and grantee.id == subject.owner_id:
            raise Invalid("The owner sees it anyway.", field="person")
        table = _table(subject)
        await _require_both(tx, subject, grantee)
        extra = {"with_videos": with_videos} if isinstance(subject, Playlist) else {}
        here = _subject_column(table) == subject.id
        chosen = here, _grantee_column(table, grantee) == grantee.id
        before = (await tx.execute(select(table).where(*chosen))).mappings().first()
        if before is not None and all(bool(before[name]) == value for name, value in extra.items()):
            return False
        if before is not None:
            await tx.execute(update(table).where(*chosen).values(**extra))
        else:
            count = (await tx.execute(select(func.count()).select_from(table).where(here))).scalar_one()
            if count >= MAX_GRANTS:
                message = gettext("Share it with at most %(most)s people and groups.", most=number_text(MAX_GRANTS))
                raise Conflict(message, code="too_many_grants")
            values = {_subject_column(table).name: subject.id, _grantee_column(table, grantee).name: grantee.id}
            await tx.execute(insert(table).values(**values, **extra, granted_at_ms=self._clock.now_ms()))
            await self._notify(tx, subject, grantee, by)
        if isinstance(subject, Video):
            await publish(tx, videos.c.id == subject.id, self._clock.now_ms())
        elif with_videos:
            await publish(tx, in_playlist_of_owner(subject.id, subject.owner_id), self._clock.now_ms())
        await self._changed(tx, subject, AuditEvent.SHARED, grantee.name, by)
        return True

    async def remove(self, subject: Subject, kind: GranteeKind, key: str, by: Actor) -> None:
        """Stop sharing with the person of that name, or the group of that id.

        Raises:
            NotFound: it is not shared with them.
        """
        table = _table(subject)
        query: Select[*tuple[Any, ...]]
        if kind is GranteeKind.PERSON:
            query = select(table.c.id, users.c.name).join(users, users.c.id == table.c.user_id)
            query = query.where(users.c.name_folded == key.casefold())
        else:
            query = select(table.c.id, groups.c.name).join(groups, groups.c.id == table.c.group_id)
            query = query.where(groups.c.public_id == key)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(query.where(_subject_column(table) == subject.id))).mappings().first()
            if row is None:
                raise NotFound
            await tx.execute(delete(table).where(table.c.id == row["id"]))
            await self._changed(tx, subject, AuditEvent.UNSHARED, row["name"], by)

        await self._database.write(body)

    async def _notify(self, tx: Transaction, subject: Subject, grantee: Grantee, by: Actor) -> None:
        people = [grantee.id]
        if isinstance(grantee, Group):
            query = select(group_members.c.user_id).where(group_members.c.group_id == grantee.id)
            people = list((await tx.execute(query)).scalars())
        told = [each for each in people if each not in {by.user_id, subject.owner_id}]
        of_video = isinstance(subject, Video)
        new = NewNotice(
            NoticeKind.SHARED,
            f"{'video' if of_video else 'playlist'}:{subject.id}",
            video_id=subject.id if of_video else None,
            playlist_id=None if of_video else subject.id,
            person_id=by.user_id,
        )
        await self._notices.add(tx, told, new)

    async def _changed(self, tx: Transaction, subject: Subject, event: AuditEvent, name: str, by: Actor) -> None:
        titled = {"title" if isinstance(subject, Video) else "playlist": subject.title, "with": name}
        await self._audit.record(tx, by, event, subject.public_id, **titled)
        await tx.bump_epoch()
        if isinstance(subject, Video):
            self._publisher.publish_on_commit(tx, subject)


def _table(subject: Subject) -> Table:
    return video_grants if isinstance(subject, Video) else playlist_grants


def _subject_column(table: Table) -> Column[int]:
    return table.c.video_id if table is video_grants else table.c.playlist_id


def _grantee_column(table: Table, grantee: Grantee) -> Column[int]:
    return table.c.user_id if isinstance(grantee, User) else table.c.group_id


async def _require_both(tx: Transaction, subject: Subject, grantee: Grantee) -> None:
    if isinstance(subject, Video):
        found = select(videos.c.id).where(videos.c.id == subject.id, videos.c.deleted_at_ms.is_(None))
    else:
        found = select(playlists.c.id).where(playlists.c.id == subject.id)
    if isinstance(grantee, User):
        there = select(users.c.id).where(users.c.id == grantee.id, users.c.deleted_at_ms.is_(None))
    else:
        there = select(groups.c.id).where(groups.c.id == grantee.id)
    if (await tx.execute(found.where(there.exists()))).first() is None:
        raise NotFound


def _grant(row: dict[str, Any]) -> Grant:
    person = row["user_id"] is not None
    return Grant(
        kind=GranteeKind.PERSON if person else GranteeKind.GROUP,
        key=row["user_name"] if person else row["group_public_id"],
        text=(row["user_display_name"] or row["user_name"]) if person else row["group_name"],
        public_id=row["user_public_id"] if person else row["group_public_id"],
        picture_version=row["user_picture_version"] if person else 0,
        members=1 if person else row["members"],
        with_videos=bool(row.get("with_videos", False)),
        granted_at_ms=row["granted_at_ms"],
    )
