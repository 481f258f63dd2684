"""Signing in by a provider, in two halves: a browser is sent there, and comes back with its word.

A second factor of ours is not asked here: whoever vouches for somebody has asked what it asks.
"""

from dataclasses import dataclass

from sqlalchemy import select

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.attempts import LASTS_S, Attempt, Attempts
from streamtime.accounts.audit import Actor
from streamtime.accounts.failures import Failures
from streamtime.accounts.given_names import display_name_like, free_name
from streamtime.accounts.identities import Identities
from streamtime.accounts.limits import Limited, Limits
from streamtime.accounts.sign_in import NewSession, SignIn
from streamtime.accounts.users import NewUser, Users, shut_out, user_from
from streamtime.accounts.visit import Visit
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Conflict, Forbidden, StreamtimeError, Unauthenticated
from streamtime.logging import get_logger
from streamtime.openid.terms import (
    AuthorizationResponse,
    Identity,
    Provider,
    ProviderAway,
    ProviderMistrusted,
)

_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class ProviderTerms:
    """What whoever runs the server chose about it."""

    name: str
    """What people call the provider."""
    create_accounts: bool
    role: Role
    """Of new accounts."""
    admin_group: str
    """Who is in it is an administrator; empty leaves roles alone."""


@dataclass(frozen=True, slots=True)
class SentAway:
    """Where a browser is to go, and the note that it is to keep meanwhile."""

    address: str
    note: str
    lasts_s: int = LASTS_S


class ProviderSignIn:
    """Signs people in by the word of a provider, and connects accounts with it."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        identities: Identities,
        attempts: Attempts,
        users: Users,
        sign_in: SignIn,
        administration: Administration,
        limits: Limits,
        failures: Failures,
        *,
        terms: ProviderTerms,
    ) -> None:
        self.terms = terms
        self.identities = identities
        self._database = database
        self._provider = provider
        self._attempts = attempts
        self._users = users
        self._sign_in = sign_in
        self._administration = administration
        self._limits = limits
        self._failures = failures

    async def send(self, visit: Visit, redirect_uri: str, following: str, *, user_id: int | None = None) -> SentAway:
        """Begin a sign-in, or, with `user_id`, the connection of that account.

        Raises:
            ProviderAway: the provider does not answer as it should.
            TooMany: it was tried too often from there.
        """
        self._limits.spend(_tries(visit))
        attempt = self._attempts.begin(redirect_uri, following, user_id)
        try:
            address = await self._provider.authorization_address(attempt.request)
        except ProviderAway as error:
            _log.warning("provider_away", detail=error.detail)
            raise
        return SentAway(address, self._attempts.note(attempt))

    async def back(self, note: str, response: AuthorizationResponse, visit: Visit) -> tuple[Attempt, Identity]:
        """Who came back, and from what. Failures are in the audit.

        Raises:
            Unauthenticated: it was not begun here, is over, was denied, or cannot be believed.
            ProviderAway: the provider does not answer as it should.
            TooMany: it was tried too often from there.
        """
        self._limits.spend(_tries(visit))
        try:
            attempt = self._attempts.take(note, response.state)
            self._require_consent(response)
            return attempt, await self._provider.identity(attempt.request, response)
        except (ProviderAway, ProviderMistrusted) as error:
            _log.warning(error.code, detail=error.detail)
            await self._failed(visit, error)
            raise
        except Unauthenticated as error:
            await self._failed(visit, error)
            raise

    async def enter(self, identity: Identity, visit: Visit) -> NewSession:
        """Start a session for whoever it is; the account is made where it may be.

        Raises:
            Unauthenticated: the account is shut out.
            Forbidden: there is none, and none is made.
        """
        try:
            user_id = await self._account_of(identity, visit)
            await self._follow_group(user_id, identity, visit)
            session = await self._sign_in.begin_vouched(user_id, visit, by=self.terms.name)
        except (Unauthenticated, Forbidden) as error:
            await self._failed(visit, error)
            raise
        for _ in range(2):  # going there, and coming back
            self._limits.give_back(_tries(visit))
        return session

    async def _account_of(self, identity: Identity, visit: Visit) -> int:
        found = await self.identities.holder(identity)
        if found is not None:
            return found
        if not self.terms.create_accounts:
            raise Forbidden(
                f"{self.terms.name} knows you, but no account here is connected with it. Sign in with your password and "
                "connect it in your settings, or ask whoever runs this server for an account.",
                code="provider_unknown",
            )
        return await self._database.write(lambda tx: self._make(tx, identity, visit))

    async def _make(self, tx: Transaction, identity: Identity, visit: Visit) -> int:
        if (await tx.execute(select(users.c.id).limit(1))).first() is None:
            raise Forbidden("This server is not set up yet.", code="not_set_up")  # its first account runs it
        name = await free_name(tx, identity.username)
        role = Role.ADMIN if self._in_group(identity) else self.terms.role
        new = NewUser(name, "", role, display_name_like(identity.display_name))
        user = await self._users.add(tx, new, Actor(None, "", visit.address), by=self.terms.name)
        await self.identities.add(tx, user.id, identity)
        return user.id

    async def _follow_group(self, user_id: int, identity: Identity, visit: Visit) -> None:
        """Make an account an administrator's or take that back, as the provider's group says."""
        if not self.terms.admin_group:
            return
        wanted = self._in_group(identity)
        actor = Actor(None, self.terms.name, visit.address)

        async def body(tx: Transaction) -> None:
            row = (await tx.execute(select(users).where(users.c.id == user_id))).mappings().first()
            if row is None or shut_out(row) or (row["role"] == Role.ADMIN) == wanted:
                return
            role = Role.ADMIN if wanted else self.terms.role
            await self._administration.set_role(tx, user_from(row), role, actor)

        try:
            await self._database.write(body)
        except Conflict as error:  # the last administrator stays one
            _log.warning("role_kept", reason=error.code)

    def _in_group(self, identity: Identity) -> bool:
        return bool(self.terms.admin_group) and self.terms.admin_group in identity.groups

    def _require_consent(self, response: AuthorizationResponse) -> None:
        if not response.error and response.code:
            return
        name = self.terms.name
        if response.error == "access_denied":
            raise Unauthenticated(f"{name} did not let you in, or you did not go on there.", code="provider_denied")
        told = response.error if response.error.isascii() and response.error.isprintable() else "nothing that is known"
        raise Unauthenticated(f"{name} did not sign you in. It says: {told or 'nothing'}.", code="provider_error")

    async def _failed(self, visit: Visit, error: StreamtimeError) -> None:
        await self._failures.note("", visit, by=self.terms.name, reason=error.code)


def _tries(visit: Visit) -> dict[Limited, str]:
    return {Limited.SIGN_IN_PROVIDER: visit.network}
