"""Whose name and picture somebody may see: everybody's with an account; else those of whom a video can be watched."""

from sqlalchemy import select

from streamtime.auth.access import VISIBLE_TO_ANONYMOUS, Caller, may_view_profile
from streamtime.auth.users import User
from streamtime.database.tables import videos
from streamtime.database.transaction import Database
from streamtime.errors import NotFound


class ProfileVisibility:
    """Knows who may know whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, caller: Caller, person: User) -> None:
        """Let pass, or raise.

        Raises:
            NotFound: the caller may not know that there is such a person.
        """
        if not may_view_profile(caller, shows_something=caller.signed_in or await self._shows_something(person)):
            raise NotFound

    async def _shows_something(self, person: User) -> bool:
        shown = [visibility.value for visibility in VISIBLE_TO_ANONYMOUS]
        theirs = select(videos.c.id).where(
            videos.c.owner_id == person.id, videos.c.deleted_at_ms.is_(None), videos.c.visibility.in_(shown)
        )
        async with self._database.read() as connection:
            return (await connection.execute(theirs.limit(1))).first() is not None
