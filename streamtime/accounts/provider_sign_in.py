"""Signing in by a provider, in two halves: a browser is sent there, and comes back with its word.

A second factor of ours is not asked here: whoever vouches for somebody has asked what it asks.
"""

from dataclasses import dataclass

from streamtime.accounts.attempts import LASTS_S, Attempt, Attempts
from streamtime.accounts.failures import Failures
from streamtime.accounts.identities import Identities
from streamtime.accounts.limits import Limited, Limits
from streamtime.accounts.sign_in import NewSession, SignIn
from streamtime.accounts.visit import Visit
from streamtime.accounts.vouched import VouchedAccounts
from streamtime.errors import Forbidden, StreamtimeError, Unauthenticated
from streamtime.logging import get_logger
from streamtime.openid.terms import AuthorizationResponse, Identity, Provider, ProviderAway, ProviderMistrusted

_log = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class SentAway:
    """Where a browser is to go, and the note that it is to keep meanwhile."""

    address: str
    note: str
    lasts_s: int = LASTS_S


class ProviderSignIn:
    """Signs people in by the word of a provider. `identities` are what connects accounts with it."""

    def __init__(
        self,
        provider: Provider,
        identities: Identities,
        accounts: VouchedAccounts,
        attempts: Attempts,
        sign_in: SignIn,
        limits: Limits,
        failures: Failures,
        *,
        name: str,
    ) -> None:
        self.name = name
        self.identities = identities
        self._provider = provider
        self._accounts = accounts
        self._attempts = attempts
        self._sign_in = sign_in
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

    async def taken_back(self, note: str, state: str, visit: Visit) -> Attempt:
        """The attempt that a browser comes back from. Failures, here and below, are in the audit.

        Raises:
            Unauthenticated: it was not begun there, or is over.
            TooMany: it was tried too often from there.
        """
        self._limits.spend(_tries(visit))
        try:
            return self._attempts.take(note, state)
        except Unauthenticated as error:
            await self._failed(visit, error)
            raise

    async def identity(self, attempt: Attempt, response: AuthorizationResponse, visit: Visit) -> Identity:
        """Who came back.

        Raises:
            Unauthenticated: it was denied, or cannot be believed.
            ProviderAway: the provider does not answer as it should.
        """
        try:
            self._require_consent(response)
            return await self._provider.identity(attempt.request, response)
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
            user_id = await self._accounts.of(identity, visit)
            session = await self._sign_in.begin_vouched(user_id, visit, by=self.name)
        except (Unauthenticated, Forbidden) as error:
            await self._failed(visit, error)
            raise
        self.passed(visit)
        return session

    def passed(self, visit: Visit) -> None:
        """Give back the tries of somebody who went there and came back as who they are."""
        for _ in range(2):
            self._limits.give_back(_tries(visit))

    def _require_consent(self, response: AuthorizationResponse) -> None:
        if response.code and not response.error:
            return
        if response.error == "access_denied":
            words = f"{self.name} did not let you in, or you did not go on there."
            raise Unauthenticated(words, code="provider_denied")
        told = response.error if response.error.isascii() and response.error.isprintable() else "nothing that is known"
        words = f"{self.name} did not sign you in. It says: {told or 'nothing'}."
        raise Unauthenticated(words, code="provider_error")

    async def _failed(self, visit: Visit, error: StreamtimeError) -> None:
        await self._failures.note("", visit, by=self.name, reason=error.code)


def _tries(visit: Visit) -> dict[Limited, str]:
    return {Limited.SIGN_IN_PROVIDER: visit.network}
