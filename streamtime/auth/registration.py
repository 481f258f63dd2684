"""How accounts are created by their users: the first administrator at setup, by invitation, or by registration.

An invitation is a link that a number of people can use until it expires. Its secret is shown once and stored hashed
(SHA-256). A use is counted in the transaction that creates the account.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.engine import RowMapping

from streamtime.auth.access import Role
from streamtime.auth.audit import Actor, AuditEvent, AuditLog, ClientInfo
from streamtime.auth.notices import NewNotice, NoticeKind, Notices
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.profiles import clean_display_name
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import NewUser, User, Users, require_name
from streamtime.clock import Clock
from streamtime.database.tables.auth import invites, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.ids import fingerprint, public_id, secret, setup_code
from streamtime.translation import gettext, number_text


class Setup:
    """Setup at the first start: the setup code in the server's output permits creating the first administrator.

    The code is valid until there is an account; a restart generates a new one.
    """

    def __init__(self, users: Users, rate_limiter: RateLimiter) -> None:
        self._users = users
        self._rate_limiter = rate_limiter
        self._done = False
        self.code = setup_code()

    async def needed(self) -> bool:
        """Return whether the server has no account yet."""
        if not self._done:
            self._done = await self._users.any_exists()
        return not self._done

    async def finish(self, code: str, name: str, password: str, client: ClientInfo) -> User:
        """Create the first administrator.

        Raises:
            Invalid: the code is wrong, or the name or password is not allowed.
            Conflict: there is an account already.
            TooManyRequests: too many attempts from this network.
        """
        self._rate_limiter.consume({RateLimit.SETUP_CODE: client.network})
        typed = "".join(character for character in code.casefold() if character.isalnum())
        if not hmac.compare_digest(typed.encode(), self.code.replace("-", "").encode()):
            raise Invalid("That is not the code that the server printed when it started.", field="code", code="code")
        return await self._users.create_first(name, password, actor=Actor(None, "", client.address))


INVITES_CLOSED_MESSAGE = (
    "Nobody could use an invitation: accounts.registration is closed. Set it to invite (Administration, Settings)."
)
MAX_LABEL = 100
MAX_USES = 1000
MAX_DAYS = 365
DAY_MS = 86_400_000


class RegistrationMode(StrEnum):
    """Who may create an account for themselves."""

    CLOSED = "closed"
    """Nobody: administrators create all accounts."""
    INVITE = "invite"
    """People with an invitation."""
    OPEN = "open"
    """Anyone, subject to approval; and people with an invitation."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation. It is valid while it has uses left, has not expired and is not revoked."""

    id: int
    public_id: str
    creator_id: int
    made_by: str
    label: str
    role: Role
    max_uses: int
    uses: int
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None

    def is_valid(self, now_ms: int) -> bool:
        """Return whether it can be used."""
        return self.revoked_at_ms is None and self.uses < self.max_uses and now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class NewInvite:
    """The properties of an invitation to create."""

    role: Role
    uses: int
    days: int
    label: str = ""


class Invites:
    """Creates, lists, redeems and revokes invitations."""

    def __init__(
        self, database: Database, notices: Notices, audit: AuditLog, clock: Clock, *, mode: RegistrationMode
    ) -> None:
        self._database = database
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self.mode = mode

    async def create(self, new: NewInvite, actor: Actor, *, by_user: int) -> tuple[Invite, str]:
        """Create an invitation and return it with its secret, which is not available later.

        Raises:
            Conflict: nobody could use it, since `accounts.registration` is `closed`.
            Invalid: the number of uses, the days or the label are out of bounds.
        """
        if self.mode is RegistrationMode.CLOSED:
            raise Conflict(INVITES_CLOSED_MESSAGE, code="registration_closed")
        _validate(new)
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
        """Return all invitations, newest first."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_SELECTION.order_by(invites.c.id.desc()))).mappings()
            return [_invite(row) for row in rows]

    async def revoke(self, invite_id: str, actor: Actor) -> None:
        """Revoke an invitation by its public id.

        Raises:
            NotFound: it does not exist or is revoked already.
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
        """Return the valid invitation of a link's secret, or None."""
        async with self._database.read() as connection:
            row = (await connection.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        return found if found and found.is_valid(self._clock.now_ms()) else None

    async def notify_creator(self, tx: Transaction, invite: Invite, guest: User) -> None:
        """Tell who created an invitation that someone has used it."""
        used = NewNotice(
            NoticeKind.INVITE_USED, guest.public_id, person_id=guest.id, detail={"invitation": invite.label}
        )
        await self._notices.add(tx, [invite.creator_id], used)

    async def redeem(self, tx: Transaction, token: str) -> Invite | None:
        """Count a use of a valid invitation and return it; None if it is not valid."""
        row = (await tx.execute(_SELECTION.where(_is(token)))).mappings().first()
        found = _invite(row) if row else None
        if found is None or not found.is_valid(self._clock.now_ms()):
            return None
        await tx.execute(update(invites).where(invites.c.id == found.id).values(uses=invites.c.uses + 1))
        return found


_SELECTION = select(invites, users.c.name.label("made_by")).join_from(invites, users)


def _is(token: str) -> ColumnElement[bool]:
    return invites.c.token_sha256 == fingerprint(token)


def _validate(new: NewInvite) -> None:
    if not 1 <= new.uses <= MAX_USES:
        raise Invalid(gettext("An invitation is for 1 to %(most)s people.", most=number_text(MAX_USES)), field="uses")
    if not 1 <= new.days <= MAX_DAYS:
        raise Invalid(
            gettext("An invitation is valid for 1 to %(most)s days.", most=number_text(MAX_DAYS)), field="days"
        )
    if len(new.label.strip()) > MAX_LABEL:
        raise Invalid(
            gettext("Choose a label of at most %(most)s characters.", most=number_text(MAX_LABEL)), field="label"
        )


def _invite(row: RowMapping) -> Invite:
    return Invite(
        id=row["id"],
        public_id=row["public_id"],
        creator_id=row["user_id"],
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
    "This invitation is no longer valid: it was used, has expired, or was revoked. Ask for another one."
)


@dataclass(frozen=True, slots=True)
class Applicant:
    """The data of a registration form."""

    name: str
    display_name: str
    password: str


class Registration:
    """Creates accounts for people who register."""

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
        """Return the valid invitation of a link's secret.

        Raises:
            NotFound: it is not valid, or registration is closed.
        """
        if self.mode is RegistrationMode.CLOSED:
            raise NotFound(REGISTRATION_CLOSED_MESSAGE)
        found = await self._invites.by_token(token)
        if found is None:
            raise NotFound(INVALID_INVITE_MESSAGE)
        return found

    async def register_with_invite(self, token: str, applicant: Applicant, client: ClientInfo) -> User:
        """Create an account with an invitation, and count the use.

        Raises:
            NotFound: the invitation is not valid.
            Invalid: the name, display name or password is not allowed.
            Conflict: the name is taken; no use is counted.
            TooManyRequests: too many attempts from this network.
        """
        await self.require_invite(token)
        new = await self._new_user(applicant, client)

        async def body(tx: Transaction) -> User:
            invite = await self._invites.redeem(tx, token)
            if invite is None:
                raise NotFound(INVALID_INVITE_MESSAGE)
            invited = NewUser(new.name, new.password_hash, invite.role, new.display_name)
            label = invite.label or invite.public_id
            guest = await self._users.add(tx, invited, _anonymous_actor(client), invitation=label)
            await self._invites.notify_creator(tx, invite, guest)
            return guest

        return await self._database.write(body)

    async def register(self, applicant: Applicant, client: ClientInfo) -> User:
        """Create a member's account that waits for approval.

        Raises:
            NotFound: registration is not open.
            Invalid: the name, display name or password is not allowed.
            Conflict: the name is taken.
            TooManyRequests: too many attempts from this network.
        """
        if self.mode is not RegistrationMode.OPEN:
            raise NotFound
        new = await self._new_user(applicant, client)
        return await self._database.write(lambda tx: self._users.add(tx, new, _anonymous_actor(client)))

    async def _new_user(self, applicant: Applicant, client: ClientInfo) -> NewUser:
        require_name(applicant.name)
        display_name = clean_display_name(applicant.display_name) if applicant.display_name.strip() else ""
        self._rate_limiter.consume({RateLimit.REGISTRATION: client.network})
        hashed = await self._passwords.hash(applicant.password)
        return NewUser(applicant.name, hashed, Role.MEMBER, display_name, awaiting=True)


def _anonymous_actor(client: ClientInfo) -> Actor:
    return Actor(None, "", client.address)
