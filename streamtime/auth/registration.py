"""How people make themselves an account: not at all, with an invitation, or by asking to be let in.

The first run: whoever can read the server's terminal may make the first admin, and nobody else.

Invitations: a link with which so many people may make themselves an account of that role, until then.

The link's secret is told once; here is its SHA-256. A use is counted in the transaction that makes the account.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.profiles import clean_display_name
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import NewUser, User, Users, require_name
from streamtime.clock import Clock
from streamtime.database.people_tables import invites, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import fingerprint, public_id, secret, setup_code


class Setup:
    """Holds the setup code for as long as the server has no account. A restart makes a new one."""

    def __init__(self, users: Users, rate_limiter: RateLimiter) -> None:
        self._users = users
        self._rate_limiter = rate_limiter
        self._done = False
        self.code = setup_code()

    async def needed(self) -> bool:
        """Whether the server still waits for its first account."""
        if not self._done:
            self._done = await self._users.any_exists()
        return not self._done

    async def finish(self, code: str, name: str, password: str, client: ClientInfo) -> User:
        """Make the first admin.

        Raises:
            Invalid: the code is wrong, or the name or the password will not do.
            Conflict: somebody was first.
            TooManyRequests: codes were tried too often from this address.
        """
        self._rate_limiter.consume({RateLimit.SETUP_CODE: client.network})
        typed = "".join(character for character in code.casefold() if character.isalnum())
        if not hmac.compare_digest(typed.encode(), self.code.replace("-", "").encode()):
            raise Invalid("That is not the code that the server printed when it started.", field="code", code="code")
        return await self._users.create_first(name, password, actor=Actor(None, "", client.address))


INVITES_CLOSED_MESSAGE = (
    "Nobody could use an invitation: accounts.registration is closed. Set it to invite and restart the server."
)
MAX_LABEL = 100
MAX_USES = 1000
MAX_DAYS = 365
DAY_MS = 86_400_000


class RegistrationMode(StrEnum):
    """Who may make themselves an account."""

    CLOSED = "closed"
    """Nobody: those who run the server make accounts."""
    INVITE = "invite"
    """Who has an invitation."""
    OPEN = "open"
    """Anybody, who then waits to be let in; and who has an invitation."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation. It is good while it has uses left, is not over, and nobody has revoked it."""

    id: int
    public_id: str
    made_by: str
    label: str
    role: Role
    max_uses: int
    uses: int
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None

    def is_valid(self, now_ms: int) -> bool:
        """Whether somebody may still come in with it."""
        return self.revoked_at_ms is None and self.uses < self.max_uses and now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class NewInvite:
    """What an invitation is to be."""

    role: Role
    uses: int
    days: int
    label: str = ""


class Invites:
    """All invitations."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, *, mode: RegistrationMode) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._mode = mode

    async def create(self, new: NewInvite, actor: Actor, *, by_user: int) -> tuple[Invite, str]:
        """Make one; its secret is known here and never again.

        Raises:
            Conflict: nobody could use it, since `accounts.registration` is `closed`.
            Invalid: too many uses, too long a time, or too long a label.
        """
        if self._mode is RegistrationMode.CLOSED:
            raise Conflict(INVITES_CLOSED_MESSAGE, code="registration_closed")
        _check(new)
        token, now = secret(), self._clock.now_ms()
        values = {
            "public_id": public_id(),
            "user_id": by_user,
            "token_sha256": fingerprint(token),
            "label": new.label.strip(),
            "role": new.role.value,
            "max_uses": new.uses,
            "created_at_ms": now,
            "expires_at_ms": now + new.days * DAY_MS,
        }

        async def body(tx: Transaction) -> Invite:
            await tx.execute(insert(invites).values(**values))
            row = (await tx.execute(_SELECTION.where(_is(token)))).mappings().one()
            detail = {"role": row["role"], "uses": str(row["max_uses"])}
            await self._audit.record(tx, actor, AuditEvent.INVITE_CREATED, row["label"] or row["public_id"], **detail)
            return _invite(row)

        return await self._database.write(body), token

    async def list_all(self) -> list[Invite]:
        """All of them, the newest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_SELECTION.order_by(invites.c.id.desc()))).mappings()
            return [_invite(row) for row in rows]

    async def revoke(self, invite_id: str, actor: Actor) -> None:
        """Let nobody in with it any more, by its public id.

        Raises:
            NotFound: there is none, or it is revoked already.
        """

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(_SELECTION.where(invites.c.public_id == invite_id))).mappings().first()
            if row is None or row["revoked_at_ms"] is not None:
                raise NotFound
            at = self._clock.now_ms()
            await tx.execute(update(invites).where(invites.c.id == row["id"]).values(revoked_at_ms=at))
            await self._audit.record(tx, actor, AuditEvent.INVITE_REVOKED, row["label"] or row["public_id"])

        await self._database.write(body)

    async def by_token(self, token: str) -> Invite | None:
        """The invitation behind a link, if it is good."""
        async with self._database.read() as connection:
            row = (await connection.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        return found if found and found.is_valid(self._clock.now_ms()) else None

    async def redeem(self, tx: Transaction, token: str) -> Invite | None:
        """Count one use of a good invitation; None where it is not good any more."""
        row = (await tx.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        if found is None or not found.is_valid(self._clock.now_ms()):
            return None
        await tx.execute(update(invites).where(invites.c.id == found.id).values(uses=invites.c.uses + 1))
        return found


_SELECTION = select(invites, users.c.name.label("made_by")).join_from(invites, users)


def _is(token: str) -> ColumnElement[bool]:
    return invites.c.token_sha256 == fingerprint(token)


def _check(new: NewInvite) -> None:
    if not 1 <= new.uses <= MAX_USES:
        raise Invalid(f"An invitation is for 1 to {MAX_USES} people.", field="uses")
    if not 1 <= new.days <= MAX_DAYS:
        raise Invalid(f"An invitation is good for 1 to {MAX_DAYS} days.", field="days")
    if len(new.label.strip()) > MAX_LABEL:
        raise Invalid(f"Choose a label of at most {MAX_LABEL} characters.", field="label")


def _invite(row: RowMapping) -> Invite:
    return Invite(
        id=row["id"],
        public_id=row["public_id"],
        made_by=row["made_by"],
        label=row["label"],
        role=Role(row["role"]),
        max_uses=row["max_uses"],
        uses=row["uses"],
        created_at_ms=row["created_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        revoked_at_ms=row["revoked_at_ms"],
    )


REGISTRATION_CLOSED_MESSAGE = "This server takes no new accounts at the moment. Ask the person who sent you this link."
INVALID_INVITE_MESSAGE = (
    "This invitation is not good any more: it was used, has run out, or was taken back. Ask for another one."
)


@dataclass(frozen=True, slots=True)
class Applicant:
    """What somebody typed who wants an account."""

    name: str
    display_name: str
    password: str


class Registration:
    """Makes accounts for people who have none."""

    def __init__(
        self,
        database: Database,
        users: Users,
        invites: Invites,
        passwords: PasswordHashing,
        rate_limiter: RateLimiter,
        *,
        mode: RegistrationMode,
    ) -> None:
        self._database = database
        self._users = users
        self._invites = invites
        self._passwords = passwords
        self._rate_limiter = rate_limiter
        self.mode = mode

    async def require_invite(self, token: str) -> Invite:
        """The invitation behind a link.

        Raises:
            NotFound: it is not good, or this server takes nobody.
        """
        if self.mode is RegistrationMode.CLOSED:
            raise NotFound(REGISTRATION_CLOSED_MESSAGE)
        found = await self._invites.by_token(token)
        if found is None:
            raise NotFound(INVALID_INVITE_MESSAGE)
        return found

    async def register_with_invite(self, token: str, applicant: Applicant, client: ClientInfo) -> User:
        """Make an account with an invitation, and count its use with that.

        Raises:
            NotFound: the invitation is not good, or not any more.
            Invalid: the name, the display name or the password will not do.
            Conflict: the name is taken; nothing is counted.
            TooManyRequests: it was tried too often from there.
        """
        await self.require_invite(token)
        new = await self._prepared(applicant, client)

        async def body(tx: Transaction) -> User:
            invite = await self._invites.redeem(tx, token)
            if invite is None:
                raise NotFound(INVALID_INVITE_MESSAGE)
            made = NewUser(new.name, new.password_hash, invite.role, new.display_name)
            return await self._users.add(
                tx, made, _anonymous_actor(client), invitation=invite.label or invite.public_id
            )

        return await self._database.write(body)

    async def register(self, applicant: Applicant, client: ClientInfo) -> User:
        """Make a member's account that waits to be let in.

        Raises:
            NotFound: this server does not take people that way.
            Invalid: the name, the display name or the password will not do.
            Conflict: the name is taken.
            TooManyRequests: it was tried too often from there.
        """
        if self.mode is not RegistrationMode.OPEN:
            raise NotFound
        new = await self._prepared(applicant, client)
        return await self._database.write(lambda tx: self._users.add(tx, new, _anonymous_actor(client)))

    async def _prepared(self, applicant: Applicant, client: ClientInfo) -> NewUser:
        require_name(applicant.name)
        display_name = clean_display_name(applicant.display_name) if applicant.display_name.strip() else ""
        self._rate_limiter.consume({RateLimit.REGISTRATION: client.network})
        hashed = await self._passwords.hash(applicant.password)
        return NewUser(applicant.name, hashed, Role.MEMBER, display_name, awaiting=True)


def _anonymous_actor(client: ClientInfo) -> Actor:
    return Actor(None, "", client.address)
