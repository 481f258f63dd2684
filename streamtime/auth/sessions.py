"""Sessions as their owner sees them: on which device, used when, and how they end. `sign_in.py` makes them.

What a client calls itself, in words that its owner knows it by: "Firefox on Linux". It guesses.
"""

from dataclasses import dataclass

from sqlalchemy import Select, delete, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.sign_in import NewSession, SessionKind
from streamtime.clock import Clock
from streamtime.database.people_tables import sessions, users
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
"""What marks a program, before the marks of those that it poses as."""

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
    """A program and a system; where neither is known, the first word it says of itself; empty where it says none."""
    program, system = _first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent)
    if program and system:
        return f"{program} on {system}"
    words = "".join(character for character in user_agent if character.isprintable()).split()
    return program or system or (words[0].replace("/", " ")[:MAX_UNKNOWN] if words else "")


def _first(marks: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in marks if mark in text), "")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in somewhere."""

    id: int
    public_id: str
    user_name: str
    kind: SessionKind
    device: str
    """A guess in words; empty where the client does not say what it is."""
    address: str
    created_at_ms: int
    last_used_at_ms: int
    expires_at_ms: int


class Sessions:
    """Lists them and ends them. What ends is refused from the next request on, also at a server beside this process."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def list_for_user(self, user_id: int) -> list[Session]:
        """Those of an account that are not over, the one used last first."""
        query = _selection().where(sessions.c.user_id == user_id, sessions.c.expires_at_ms > self._clock.now_ms())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            found = [_session(row) for row in rows]
        return sorted(found, key=lambda one: (one.last_used_at_ms, one.id), reverse=True)

    async def end(self, actor: Actor, session_id: str, *, of_user: int | None) -> Session:
        """End a session, by its public id: one of that account, or, with None, anybody's.

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
        """End all sessions of an account besides the one with that row id; how many."""

        async def body(tx: Transaction) -> int:
            count = await self.end_all(tx, user_id, except_id=except_id)
            if count:
                await self._audit.record(tx, actor, AuditEvent.SESSION_ENDED, actor.name, count=str(count))
            return count

        return await self._database.write(body)

    async def end_all(self, tx: Transaction, user_id: int, *, except_id: int | None = None) -> int:
        """The same, as a part of something else that says in the audit why: a new password, a closed account."""
        statement = delete(sessions).where(sessions.c.user_id == user_id)
        if except_id is not None:
            statement = statement.where(sessions.c.id != except_id)
        done = await tx.execute(statement)
        await tx.bump_epoch()
        return done.rowcount

    async def rotate_secret(self, tx: Transaction, session_id: int) -> NewSession:
        """Give a browser's session another secret, after its rights have changed: the one before is good no more.

        Raises:
            NotFound: it has ended.
        """
        value = secret()
        row = (await tx.execute(_selection().where(sessions.c.id == session_id))).mappings().first()
        if row is None or row["kind"] != SessionKind.BROWSER:
            raise NotFound("This session has ended.")
        changed = update(sessions).where(sessions.c.id == session_id).values(token_sha256=fingerprint(value))
        await tx.execute(changed)
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
