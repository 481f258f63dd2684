"""How people make themselves an account: not at all, with an invitation, or by asking to be let in."""

from dataclasses import dataclass

from streamtime.access.caller import Role
from streamtime.accounts.audit import Actor
from streamtime.accounts.invites import Invite, Invites, RegistrationMode
from streamtime.accounts.limits import RateLimit, RateLimiter
from streamtime.accounts.passwords import PasswordHashing
from streamtime.accounts.profiles import clean_display_name
from streamtime.accounts.users import NewUser, User, Users, require_name
from streamtime.accounts.visit import ClientInfo
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import NotFound

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
            TooMany: it was tried too often from there.
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
            TooMany: it was tried too often from there.
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
