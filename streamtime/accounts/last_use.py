"""When sessions and tokens were last used: a soft fact, buffered and written every so often in one transaction."""

from sqlalchemy import bindparam, update

from streamtime.access.caller import AuthMethod
from streamtime.database.people_tables import api_tokens, sessions
from streamtime.database.transaction import Database, Transaction

_TABLES = {AuthMethod.COOKIE: sessions, AuthMethod.ACCESS: sessions, AuthMethod.BEARER: api_tokens}


class LastUsedTracker:
    """Remembers uses until they are flushed; a kill may lose the last minute's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: dict[tuple[AuthMethod, int], int] = {}

    def record(self, proof: AuthMethod, proof_id: int, now_ms: int) -> None:
        """The session or token with that id was used now."""
        self._uses[proof, proof_id] = now_ms

    async def flush(self) -> None:
        """Write what was noted since the last time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return

        async def body(tx: Transaction) -> None:
            for proof, table in _TABLES.items():
                statement = (
                    update(table).where(table.c.id == bindparam("row")).values(last_used_at_ms=bindparam("used"))
                )
                rows = [{"row": row, "used": used} for (kind, row), used in uses.items() if kind is proof]
                await tx.execute_many(statement, rows)

        try:
            await self._database.write(body)
        except Exception:
            self._uses = uses | self._uses
            raise
