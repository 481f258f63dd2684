"""Accounts of OpenID identities: finds the connected account, creates one if configured, and syncs the admin role.

Identities are matched by issuer and subject only, never by name: otherwise anyone who can choose a name or an e-mail
address at a provider could open another person's account. User names of new accounts are derived from the claims.
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
from streamtime.database.tables.auth import oidc_identities, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, Invalid, NotFound
from streamtime.logging import get_logger
from streamtime.translation import gettext

MAX_LENGTH = 32
FALLBACK_USERNAME = "user"

_DISALLOWED = re.compile(r"[^A-Za-z0-9._-]+")


def normalize_username(preferred: str) -> str:
    """Return an allowed user name close to the preferred one; of an e-mail address, the part before the @."""
    plain = unicodedata.normalize("NFKD", preferred.partition("@")[0] or preferred).encode("ascii", "ignore").decode()
    name = _DISALLOWED.sub("-", plain).strip("._-")[:MAX_LENGTH].rstrip("._-")
    return name if NAME.fullmatch(name) else FALLBACK_USERNAME


async def unique_username(tx: Transaction, preferred: str) -> str:
    """Return the normalized user name, with a number appended if it is taken."""
    name = normalize_username(preferred)
    number = 1
    candidate = name
    while (await tx.execute(select(users.c.id).where(users.c.name_folded == candidate.casefold()))).first():
        number += 1
        candidate = f"{name[: MAX_LENGTH - len(str(number)) - 1].rstrip('._-')}-{number}"
    return candidate


def normalize_display_name(preferred: str) -> str:
    """Return the provider's display name if it is allowed, else an empty text."""
    try:
        return clean_display_name(preferred) if preferred.strip() else ""
    except Invalid:
        return ""


class OidcIdentities:
    """Connections between accounts and identities of one provider. `name` is the provider's display name."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, issuer: str, name: str) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._issuer = issuer
        self._name = name

    async def find_user_id(self, identity: OidcIdentity) -> int | None:
        """Return the row id of the connected account, or None."""
        query = select(oidc_identities.c.user_id).where(*_matches(identity))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def find_user_id_in(self, tx: Transaction, identity: OidcIdentity) -> int | None:
        """Return the row id of the connected account, or None, in a write transaction."""
        return (await tx.execute(select(oidc_identities.c.user_id).where(*_matches(identity)))).scalar_one_or_none()

    async def connected_at_ms(self, user_id: int) -> int | None:
        """Return since when an account is connected; None if it is not."""
        query = select(oidc_identities.c.created_at_ms).where(*self._of(user_id))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalars().first()

    async def connect(self, user: User, identity: OidcIdentity, actor: Actor) -> None:
        """Connect an identity with an account.

        Raises:
            NotFound: the account has been deleted.
            Conflict: the identity is connected with another account, or the account with another identity.
        """

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            if await self.find_user_id_in(tx, identity) is not None:
                message = f"The account that you used at {self._name} is connected with another account already."
                raise Conflict(message, code="identity_taken")
            if (await tx.execute(select(oidc_identities.c.user_id).where(*self._of(user.id)))).first() is not None:
                raise Conflict(
                    gettext("Your account is connected with %(name)s already.", name=self._name),
                    code="already_connected",
                )
            await self.add(tx, user.id, identity)
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_CONNECTED, user.name, by=self._name)

        await self._database.write(body)

    async def add(self, tx: Transaction, user_id: int, identity: OidcIdentity) -> None:
        """Connect an identity as part of a transaction that writes its own audit entry, such as a new account."""
        values = {"issuer": identity.issuer, "subject": identity.subject, "user_id": user_id}
        await tx.execute(insert(oidc_identities).values(**values, created_at_ms=self._clock.now_ms()))

    async def disconnect(self, user: User, actor: Actor) -> None:
        """Disconnect an account from its identity. Existing sessions continue.

        Raises:
            NotFound: the account has been deleted, or is not connected.
            Conflict: the account has no password to sign in with.
        """

        async def body(tx: Transaction) -> None:
            row = await require_user(tx, user.id)
            if not row["password_hash"]:
                message = f"{self._name} is the only way into this account: it has no password."
                raise Conflict(message, code="only_way_in")
            if not (await tx.execute(delete(oidc_identities).where(*self._of(user.id)))).rowcount:
                raise NotFound(gettext("This account is not connected with %(name)s.", name=self._name))
            await self._audit.record(tx, actor, AuditEvent.IDENTITY_DISCONNECTED, user.name, by=self._name)

        await self._database.write(body)

    def _of(self, user_id: int) -> tuple[ColumnElement[bool], ...]:
        # A trailing slash is easily lost or added in the configuration; rows have the issuer as the provider states it.
        same_issuer = func.rtrim(oidc_identities.c.issuer, "/") == self._issuer.rstrip("/")
        return (oidc_identities.c.user_id == user_id, same_issuer)


def _matches(identity: OidcIdentity) -> tuple[ColumnElement[bool], ...]:
    return (oidc_identities.c.issuer == identity.issuer, oidc_identities.c.subject == identity.subject)


_log = get_logger("auth")


@dataclass(frozen=True, slots=True)
class OidcAccountPolicy:
    """The configuration of accounts for identities of a provider."""

    name: str
    """The provider's display name."""
    create_accounts: bool
    role: Role
    """The role of new accounts."""
    admin_group: str
    """The group of administrators; if it is empty, roles are not synchronized."""


class OidcAccounts:
    """Finds and creates accounts for identities."""

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
        self.identities = identities
        self._users = users
        self._administration = administration
        self.policy = policy

    async def find_or_create(self, identity: OidcIdentity, client: ClientInfo) -> int:
        """Return the row id of the account for an identity. Whether the account is active is not checked.

        Raises:
            Forbidden: there is none, and none may be created.
        """
        found = await self.identities.find_user_id(identity)
        if found is None and not self.policy.create_accounts:
            raise Forbidden(
                gettext(
                    "%(name)s knows you, but no account here is connected with it. Sign in with your password and"
                    " connect it in your settings, or ask an administrator for an account.",
                    name=self.policy.name,
                ),
                code="provider_unknown",
            )
        if found is None:
            return await self._database.write(lambda tx: self._create(tx, identity, client))
        await self._sync_admin_role(found, identity, client)
        return found

    async def _create(self, tx: Transaction, identity: OidcIdentity, client: ClientInfo) -> int:
        existing = await self.identities.find_user_id_in(tx, identity)
        if existing is not None:  # created by a concurrent sign-in
            return existing
        if (await tx.execute(select(users.c.id).limit(1))).first() is None:
            raise Forbidden("This server is not set up yet.", code="not_set_up")  # needs the setup code
        name = await unique_username(tx, identity.username)
        role = Role.ADMIN if self._in_group(identity) else self.policy.role
        new = NewUser(name, "", role, normalize_display_name(identity.display_name))
        user = await self._users.add(tx, new, Actor(None, "", client.address), by=self.policy.name)
        await self.identities.add(tx, user.id, identity)
        return user.id

    async def _sync_admin_role(self, user_id: int, identity: OidcIdentity, client: ClientInfo) -> None:
        if not self.policy.admin_group:
            return
        should_be_admin = self._in_group(identity)
        actor = Actor(None, self.policy.name, client.address)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None or is_inactive(row) or (row["role"] == Role.ADMIN) == should_be_admin:
                return
            role = Role.ADMIN if should_be_admin else self.policy.role
            await self._administration.set_role(tx, user_from(row), role, actor)

        try:
            await self._database.write(body)
        except Conflict as error:  # the last administrator keeps the role
            _log.warning("role_kept", reason=error.code)

    def _in_group(self, identity: OidcIdentity) -> bool:
        return bool(self.policy.admin_group) and self.policy.admin_group in identity.groups
