"""Saved filters of an account: queries of its library page with a name."""

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from streamtime.clock import Clock
from streamtime.database.tables.videos import saved_filters
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import public_id
from streamtime.translation import gettext, number_text
from streamtime.videos.editing import clean_line

MAX_FILTERS = 20
"""Saved filters of one account."""

MAX_NAME = 60
MAX_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A name, and the query of the library's URL without the question mark."""

    public_id: str
    name: str
    query: str


class SavedFilters:
    """Adds, lists, changes and deletes saved filters. Each account reaches only its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, owner_id: int) -> list[SavedFilter]:
        """Return the filters of an account in the order of their names."""
        columns = saved_filters.c.public_id, saved_filters.c.name, saved_filters.c.query
        query = select(*columns).where(saved_filters.c.owner_id == owner_id).order_by(saved_filters.c.name_folded)
        async with self._database.read() as connection:
            return [SavedFilter(*row) for row in await connection.execute(query)]

    async def require(self, owner_id: int, filter_id: str) -> SavedFilter:
        """Return a filter of an account.

        Raises:
            NotFound: the account has no such filter.
        """
        found = next((each for each in await self.list(owner_id) if each.public_id == filter_id), None)
        if found is None:
            raise NotFound
        return found

    async def add(self, owner_id: int, name: str, query: str) -> SavedFilter:
        """Save a filter.

        Raises:
            Invalid: the name is empty or too long, or the query is too long.
            Conflict: the name is taken, or the account has too many filters.
        """
        name = _clean_name(name)
        _check_query(query)
        new = SavedFilter(public_id(), name, query)
        values = {
            "public_id": new.public_id,
            "owner_id": owner_id,
            "name": name,
            "name_folded": name.casefold(),
            "query": query,
            "created_at_ms": self._clock.now_ms(),
        }

        async def body(tx: Transaction) -> None:
            count = select(func.count()).select_from(saved_filters).where(saved_filters.c.owner_id == owner_id)
            if (await tx.execute(count)).scalar_one() >= MAX_FILTERS:
                raise Conflict(
                    gettext("An account has at most %(most)s saved filters.", most=number_text(MAX_FILTERS)),
                    code="too_many_filters",
                )
            try:
                await tx.execute(insert(saved_filters).values(**values))
            except IntegrityError:
                raise _taken(name) from None

        await self._database.write(body)
        return new

    async def change(self, owner_id: int, filter_id: str, *, name: str | None = None, query: str | None = None) -> None:
        """Rename a filter or replace its query; None leaves it.

        Raises:
            Invalid: the name is empty or too long, or the query is too long.
            NotFound: the account has no such filter.
            Conflict: the name is taken.
        """
        values: dict[str, object] = {}
        if name is not None:
            name = _clean_name(name)
            values = {"name": name, "name_folded": name.casefold()}
        if query is not None:
            _check_query(query)
            values["query"] = query
        await self.require(owner_id, filter_id)
        if not values:
            return
        own = saved_filters.c.owner_id == owner_id, saved_filters.c.public_id == filter_id

        async def body(tx: Transaction) -> None:
            try:
                done = await tx.execute(update(saved_filters).where(*own).values(**values))
            except IntegrityError:
                raise _taken(name or "") from None
            if done.rowcount == 0:
                raise NotFound

        await self._database.write(body)

    async def delete(self, owner_id: int, filter_id: str) -> None:
        """Delete a filter.

        Raises:
            NotFound: the account has no such filter.
        """
        own = saved_filters.c.owner_id == owner_id, saved_filters.c.public_id == filter_id

        async def body(tx: Transaction) -> None:
            if (await tx.execute(delete(saved_filters).where(*own))).rowcount == 0:
                raise NotFound

        await self._database.write(body)


def _clean_name(name: str) -> str:
    name = clean_line(name)
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(
            gettext("Give the filter a name of 1 to %(most)s characters.", most=number_text(MAX_NAME)), field="name"
        )
    return name


def _check_query(query: str) -> None:
    if len(query) > MAX_QUERY:
        raise Invalid("That filter is too long.", field="query")


def _taken(name: str) -> Conflict:
    return Conflict(gettext("You have a filter called “%(name)s” already.", name=name), code="name_taken")
