"""The account that a provider's word opens: found, or made where that was chosen; an administrator's if it says so.

A name for an account that nobody chose one for: like the one that a provider tells, within our rules, and free.

Which account a provider's word opens: one that its holder connected, or that was made for it.

Names are never matched. Whoever may choose a name or an e-mail address at a provider could otherwise open the account
of somebody else here.
"""

import re
import unicodedata
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select

from streamtime.auth.access import Role
from streamtime.auth.administration import Administration
from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.oidc.types import OidcIdentity
from streamtime.auth.profiles import clean_display_name
from streamtime.auth.users import NAME, NewUser, User, Users, is_inactive, require_user, user_from
from streamtime.clock import Clock
from streamtime.database.people_tables import identities, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, Invalid, NotFound
from streamtime.logging import get_logger

MAX_LENGTH = 32
FALLBACK_USERNAME = "user"

_DISALLOWED = re.compile(r"[^A-Za-z0-9._-]+")


def normalize_username(wanted: str) -> str:
    """A name that an account may have, as near to the wanted one as can be; what stands before an @ of an address."""
    plain = unicodedata.normalize("NFKD", wanted.partition("@")[0] or wanted).encode("ascii", "ignore").decode()
    name = _DISALLOWED.sub("-", plain).strip("._-")[:MAX_LENGTH].rstrip("._-")
    return name if NAME.fullmatch(name) else FALLBACK_USERNAME


async def unique_username(tx: Transaction, wanted: str) -> str:
    """The same, or with a number, where it is taken."""
    name = normalize_username(wanted)
    number = 1
    candidate = name
    while (await tx.execute(select(users.c.id).where(users.c.name_folded == candidate.casefold()))).first():
        number += 1
        candidate = f"{name[: MAX_LENGTH - len(str(number)) - 1].rstrip('._-')}-{number}"
    return candidate


def normalize_display_name(wanted: str) -> str:
    """What others read; empty where what the provider tells will not do."""
    try:
        return clean_display_name(wanted) if wanted.strip() else ""
    except Invalid:
        return ""


class OidcIdentities:
    """Those of one provider. `name` is what people call it."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, issuer: str, name: str) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._issuer = issuer
        self._name = name

    async def find_user_id(self, identity: OidcIdentity) -> int | None:
        """The row id of the account that it opens, or None."""
        query = select(identities.c.user_id).where(*_is(identity))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def find_user_id_in(self, tx: Transaction, identity: OidcIdentity) -> int | None:
        """The same, as a write transaction sees it."""
        return (await tx.execute(select(identities.c.user_id).where(*_is(identity)))).scalar_one_or_none()

    async def connected_at_ms(self, user_id: int) -> int | None:
        """Since when an account is connected; None where it is not."""
        query = select(identities.c.created_at_ms).where(*self._of(user_id))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalars().first()

    async def connect(self, user: User, identity: OidcIdentity, actor: Actor) -> None:
        """Let it open that account from now on.

        Raises:
            NotFound: the account has been deleted.
            Conflict: it opens another account already, or another identity this one.
        """

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            if await self.find_user_id_in(tx, identity) is not None:
                words = f"The account that you used at {self._name} signs somebody in here already."
                raise Conflict(words, code="identity_taken")
            if (await tx.execute(select(identities.c.user_id).where(*self._of(user.id)))).first() is not None:
                raise Conflict(f"Your account is connected with {self._name} already.", code="already_connected")
            await self.add(tx, user.id, identity)
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_CONNECTED, user.name, by=self._name)

        await self._database.write(body)

    async def add(self, tx: Transaction, user_id: int, identity: OidcIdentity) -> None:
        """The same, as a part of something else that says in the audit why: an account that is made for it."""
        values = {"issuer": identity.issuer, "subject": identity.subject, "user_id": user_id}
        await tx.execute(insert(identities).values(**values, created_at_ms=self._clock.now_ms()))

    async def disconnect(self, user: User, actor: Actor) -> None:
        """Let it open that account no more. Sessions that it began go on.

        Raises:
            NotFound: the account has been deleted, or is not connected.
            Conflict: there is no other way into the account.
        """

        async def body(tx: Transaction) -> None:
            row = await require_user(tx, user.id)
            if not row["password_hash"]:
                words = f"{self._name} is the only way into this account: it has no password."
                raise Conflict(words, code="only_way_in")
            if not (await tx.execute(delete(identities).where(*self._of(user.id)))).rowcount:
                raise NotFound(f"This account is not connected with {self._name}.")
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_DISCONNECTED, user.name, by=self._name)

        await self._database.write(body)

    def _of(self, user_id: int) -> tuple[ColumnElement[bool], ...]:
        # People lose the slash at the end of an issuer, or find it again; rows have what the provider itself says.
        same = func.rtrim(identities.c.issuer, "/") == self._issuer.rstrip("/")
        return (identities.c.user_id == user_id, same)


def _is(identity: OidcIdentity) -> tuple[ColumnElement[bool], ...]:
    return (identities.c.issuer == identity.issuer, identities.c.subject == identity.subject)


_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class OidcAccountPolicy:
    """What whoever runs the server chose about accounts for which a provider vouches."""

    name: str
    """What people call the provider."""
    create_accounts: bool
    role: Role
    """Of new accounts."""
    admin_group: str
    """Who is in it is an administrator; empty leaves roles alone."""


class OidcAccounts:
    """Finds them and makes them."""

    def __init__(
        self,
        database: Database,
        identities: OidcIdentities,
        users: Users,
        administration: Administration,
        *,
        policy: OidcAccountPolicy,
    ) -> None:
        self._database = database
        self._identities = identities
        self._users = users
        self._administration = administration
        self._policy = policy

    async def find_or_create(self, identity: OidcIdentity, client: ClientInfo) -> int:
        """The row id of the account that it opens. Whether that may come in is not looked at.

        Raises:
            Forbidden: there is none, and none is made.
        """
        found = await self._identities.find_user_id(identity)
        if found is None and not self._policy.create_accounts:
            raise Forbidden(
                f"{self._policy.name} knows you, but no account here is connected with it. Sign in with your password "
                "and connect it in your settings, or ask whoever runs this server for an account.",
                code="provider_unknown",
            )
        if found is None:
            return await self._database.write(lambda tx: self._make(tx, identity, client))
        await self._sync_admin_role(found, identity, client)
        return found

    async def _make(self, tx: Transaction, identity: OidcIdentity, client: ClientInfo) -> int:
        made_meanwhile = await self._identities.find_user_id_in(tx, identity)
        if made_meanwhile is not None:
            return made_meanwhile
        if (await tx.execute(select(users.c.id).limit(1))).first() is None:
            raise Forbidden("This server is not set up yet.", code="not_set_up")  # its first account runs it
        name = await unique_username(tx, identity.username)
        role = Role.ADMIN if self._in_group(identity) else self._policy.role
        new = NewUser(name, "", role, normalize_display_name(identity.display_name))
        user = await self._users.add(tx, new, Actor(None, "", client.address), by=self._policy.name)
        await self._identities.add(tx, user.id, identity)
        return user.id

    async def _sync_admin_role(self, user_id: int, identity: OidcIdentity, client: ClientInfo) -> None:
        if not self._policy.admin_group:
            return
        wanted = self._in_group(identity)
        actor = Actor(None, self._policy.name, client.address)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None or is_inactive(row) or (row["role"] == Role.ADMIN) == wanted:
                return
            role = Role.ADMIN if wanted else self._policy.role
            await self._administration.set_role(tx, user_from(row), role, actor)

        try:
            await self._database.write(body)
        except Conflict as error:  # the last administrator stays one
            _log.warning("role_kept", reason=error.code)

    def _in_group(self, identity: OidcIdentity) -> bool:
        return bool(self._policy.admin_group) and self._policy.admin_group in identity.groups
