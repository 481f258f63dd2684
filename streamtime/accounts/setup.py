"""The first run: whoever can read the server's terminal may make the first admin, and nobody else."""

import hmac

from streamtime.accounts.audit import Actor
from streamtime.accounts.limits import RateLimit, RateLimiter
from streamtime.accounts.users import User, Users
from streamtime.accounts.visit import ClientInfo
from streamtime.errors import Invalid
from streamtime.ids import setup_code


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
            TooMany: codes were tried too often from this address.
        """
        self._rate_limiter.consume({RateLimit.SETUP_CODE: client.network})
        typed = "".join(character for character in code.casefold() if character.isalnum())
        if not hmac.compare_digest(typed.encode(), self.code.replace("-", "").encode()):
            raise Invalid("That is not the code that the server printed when it started.", field="code", code="code")
        return await self._users.create_first(name, password, actor=Actor(None, "", client.address))
