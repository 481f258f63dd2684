"""Sessions as their owner sees them: device, last use, and how to end them. `sign_in.py` creates sessions."""

from dataclasses import dataclass

from sqlalchemy import Select, delete, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.sign_in import NewSession, SessionKind
from streamtime.clock import Clock
from streamtime.database.tables.auth import sessions, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound
from streamtime.ids import fingerprint, secret

MAX_UNKNOWN = 40

_PROGRAMS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
)
"""User-Agent tokens and names of browsers. A browser that also sends another browser's token comes before it."""

_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Web0S", "a TV"),
    ("Tizen", "a TV"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """Return a description of a User-Agent such as "Firefox on Linux".

    If neither browser nor system is known, it is the first word of the User-Agent; empty if there is none.
    """
    program, system = _first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent)
    if program and system:
        return f"{program} on {system}"
    words = "".join(character for character in user_agent if character.isprintable()).split()
    return program or system or (words[0].replace("/", " ")[:MAX_UNKNOWN] if words else "")


def _first(tokens: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for token, name in tokens if token in user_agent), "")


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a browser or an API client."""

    id: int
    public_id: str
    user_name: str
    kind: SessionKind
    device: str
    """A guess from the User-Agent; empty without one."""
    address: str
    created_at_ms: int
    last_used_at_ms: int
    expires_at_ms: int


class Sessions:
    """Lists and ends sessions. An ended session is rejected from the next request on, also by other processes."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def list_for_user(self, user_id: int) -> list[Session]:
        """Return the unexpired sessions of an account, last used first."""
        query = _selection().where(sessions.c.user_id == user_id, sessions.c.expires_at_ms > self._clock.now_ms())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            found = [_session(row) for row in rows]
        return sorted(found, key=lambda session: (session.last_used_at_ms, session.id), reverse=True)

    async def end(self, actor: Actor, session_id: str, *, of_user: int | None) -> Session:
        """End a session by its public id. `of_user` limits it to one account's sessions.

        Raises:
            NotFound: there is no such session.
        """
        query = _selection().where(sessions.c.public_id == session_id)
        if of_user is not None:
            query = query.where(sessions.c.user_id == of_user)

        async def body(tx: Transaction) -> Session:
            row = (await tx.execute(query)).mappings().first()
            if row is None:
                raise NotFound(f"There is no session {session_id}.")
            await tx.execute(delete(sessions).where(sessions.c.id == row["id"]))
            found = _session(row)
            await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, found.user_name, device=found.device)
            await tx.bump_epoch()
            return found

        return await self._database.write(body)

    async def end_others(self, actor: Actor, user_id: int, *, except_id: int | None) -> int:
        """End all sessions of an account except the one with that row id; return how many."""

        async def body(tx: Transaction) -> int:
            count = await self.end_all(tx, user_id, except_id=except_id)
            if count:
                await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, actor.name, count=str(count))
            return count

        return await self._database.write(body)

    async def end_all(self, tx: Transaction, user_id: int, *, except_id: int | None = None) -> int:
        """End the sessions as part of a transaction that writes its own audit entry, such as a new password."""
        statement = delete(sessions).where(sessions.c.user_id == user_id)
        if except_id is not None:
            statement = statement.where(sessions.c.id != except_id)
        result = await tx.execute(statement)
        await tx.bump_epoch()
        return result.rowcount

    async def rotate_secret(self, tx: Transaction, session_id: int) -> NewSession:
        """Replace the secret of a browser session after its rights have changed.

        Raises:
            NotFound: the session has ended.
        """
        value = secret()
        row = (await tx.execute(_selection().where(sessions.c.id == session_id))).mappings().first()
        if row is None or row["kind"] != SessionKind.BROWSER:
            raise NotFound("This session has ended.")
        statement = update(sessions).where(sessions.c.id == session_id).values(token_sha256=fingerprint(value))
        await tx.execute(statement)
        await tx.bump_epoch()
        left_s = max(1, (row["expires_at_ms"] - self._clock.now_ms()) // 1000)
        return NewSession(value, left_s, row["public_id"], row["user_public_id"])


def _selection() -> Select[tuple[object, ...]]:
    table = sessions
    return select(
        table.c.id,
        table.c.public_id,
        table.c.kind,
        table.c.user_agent,
        table.c.address,
        table.c.created_at_ms,
        table.c.last_used_at_ms,
        table.c.expires_at_ms,
        users.c.name.label("user_name"),
        users.c.public_id.label("user_public_id"),
    ).join_from(table, users)


def _session(row: RowMapping) -> Session:
    return Session(
        id=row["id"],
        public_id=row["public_id"],
        user_name=row["user_name"],
        kind=SessionKind(row["kind"]),
        device=device_of(row["user_agent"]),
        address=row["address"],
        created_at_ms=row["created_at_ms"],
        last_used_at_ms=row["last_used_at_ms"],
        expires_at_ms=row["expires_at_ms"],
    )
