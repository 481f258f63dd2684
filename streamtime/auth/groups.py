"""Groups of people that videos and playlists are shared with. A group belongs to the account that made it.

Only that account and administrators see a group, share with it and decide who is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.users import User, require_user, user_from
from streamtime.clock import Clock
from streamtime.database.tables.auth import users
from streamtime.database.tables.sharing import group_members, groups
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.translation import gettext, number_text

MAX_GROUPS = 100
"""Groups of one account."""

MAX_MEMBERS = 500
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Group:
    """A group, and the number of its members."""

    id: int
    public_id: str
    owner_id: int
    owner_name: str
    name: str
    members: int
    created_at_ms: int


class Groups:
    """Creates, finds, changes and deletes groups."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def list_for_owner(self, owner_id: int) -> list[Group]:
        """Return the groups of an account in the order of their names."""
        return await self._read(_select_groups().where(groups.c.owner_id == owner_id).order_by(groups.c.name_folded))

    async def list_all(self) -> list[Group]:
        """Return the groups of all accounts in the order of their names. The caller must be an administrator."""
        return await self._read(_select_groups().order_by(groups.c.name_folded, groups.c.id))

    async def require(self, caller: Caller, group: str) -> Group:
        """Return the group with that public id.

        Raises:
            NotFound: there is none, or it is another account's and the caller is no administrator.
        """
        found = await self._read(_select_groups().where(groups.c.public_id == group))
        if not found or not (caller.is_admin or found[0].owner_id == caller.user_id):
            raise NotFound
        return found[0]

    async def members(self, group: Group) -> Sequence[User]:
        """Return the members in the order of their names."""
        query = select(users).join(group_members, group_members.c.user_id == users.c.id)
        query = query.where(group_members.c.group_id == group.id, users.c.deleted_at_ms.is_(None))
        query = query.order_by(users.c.name_folded)
        async with self._database.read() as connection:
            return [user_from(row) for row in (await connection.execute(query)).mappings()]

    async def create(self, owner_id: int, name: str) -> str:
        """Create an empty group and return its public id.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: the account has a group of that name, or too many.
        """
        values = {"public_id": public_id(), "owner_id": owner_id, "created_at_ms": self._clock.now_ms(), **_named(name)}

        async def body(tx: Transaction) -> None:
            count = select(func.count()).select_from(groups).where(groups.c.owner_id == owner_id)
            if (await tx.execute(count)).scalar_one() >= MAX_GROUPS:
                message = gettext("An account has at most %(most)s groups.", most=number_text(MAX_GROUPS))
                raise Conflict(message, code="too_many_groups")
            try:
                await tx.execute(insert(groups).values(**values))
            except IntegrityError:
                raise _taken(str(values["name"])) from None

        await self._database.write(body)
        return str(values["public_id"])

    async def rename(self, group: Group, name: str) -> None:
        """Rename a group.

        Raises:
            Invalid: the name is empty or too long.
            Conflict: its owner has another group of that name.
            NotFound: it has been deleted meanwhile.
        """
        values = _named(name)

        async def body(tx: Transaction) -> None:
            try:
                done = await tx.execute(update(groups).where(groups.c.id == group.id).values(**values))
            except IntegrityError:
                raise _taken(values["name"]) from None
            if done.rowcount == 0:
                raise NotFound

        await self._database.write(body)

    async def delete(self, group: Group, by: Actor) -> None:
        """Delete a group: nothing is shared with its members through it any more.

        Raises:
            NotFound: it has been deleted already.
        """

        async def body(tx: Transaction) -> None:
            if (await tx.execute(delete(groups).where(groups.c.id == group.id))).rowcount == 0:
                raise NotFound
            await self._audit.record(tx, by, AuditEvent.GROUP_DELETED, group.public_id, name=group.name)
            await tx.bump_epoch()

        await self._database.write(body)

    async def add_member(self, group: Group, person: User, by: Actor) -> None:
        """Add a person, who from now on may watch what is shared with the group. Without effect if they are in it.

        Raises:
            NotFound: the group or the account has been deleted meanwhile.
            Conflict: the group is full.
        """

        async def body(tx: Transaction) -> None:
            await require_user(tx, person.id)
            count = select(func.count(group_members.c.user_id)).where(group_members.c.group_id == groups.c.id)
            query = select(count.scalar_subquery()).where(groups.c.id == group.id)
            members = (await tx.execute(query)).scalar_one_or_none()
            if members is None:
                raise NotFound
            if members >= MAX_MEMBERS:
                message = gettext("A group has at most %(most)s members.", most=number_text(MAX_MEMBERS))
                raise Conflict(message, code="group_full")
            values = {"group_id": group.id, "user_id": person.id, "added_at_ms": self._clock.now_ms()}
            done = await tx.execute(upsert(group_members).values(**values).on_conflict_do_nothing())
            if done.rowcount:
                await self._audit.record(tx, by, AuditEvent.GROUP_JOINED, person.name, group=group.name)
                await tx.bump_epoch()

        await self._database.write(body)

    async def remove_member(self, group: Group, person: User, by: Actor) -> None:
        """Remove a person. What was shared with them through the group alone stops playing.

        Raises:
            NotFound: they are not in the group.
        """
        chosen = group_members.c.group_id == group.id, group_members.c.user_id == person.id

        async def body(tx: Transaction) -> None:
            if (await tx.execute(delete(group_members).where(*chosen))).rowcount == 0:
                raise NotFound
            await self._audit.record(tx, by, AuditEvent.GROUP_LEFT, person.name, group=group.name)
            await tx.bump_epoch()

        await self._database.write(body)

    async def _read(self, query: Select[Any]) -> list[Group]:
        async with self._database.read() as connection:
            return [_group(row) for row in (await connection.execute(query)).mappings()]


def _select_groups() -> Select[Any]:
    members = select(func.count(group_members.c.user_id)).where(group_members.c.group_id == groups.c.id)
    counted = members.correlate(groups).scalar_subquery().label("members")
    return select(groups, users.c.name.label("owner_name"), counted).join(users, users.c.id == groups.c.owner_id)


def _group(row: RowMapping) -> Group:
    names = ("id", "public_id", "owner_id", "owner_name", "name", "members", "created_at_ms")
    return Group(**{name: row[name] for name in names})


def _named(name: str) -> dict[str, str]:
    clean = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    if not 1 <= len(clean) <= MAX_NAME:
        raise Invalid(gettext("Give the group a name of 1 to %(most)s characters.", most=MAX_NAME), field="name")
    return {"name": clean, "name_folded": clean.casefold()}


def _taken(name: str) -> Conflict:
    return Conflict(gettext("You have a group called “%(name)s” already.", name=name), code="name_taken")
