"""Rate limits for attempts at passwords, codes and links, and for expensive requests.

Each limit is a token bucket that refills steadily, kept as one timestamp (generic cell rate algorithm). Buckets are in
memory only: a restart resets them, and an attempt costs no write.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from streamtime.clock import Clock
from streamtime.errors import TooManyRequests
from streamtime.translation import gettext, ngettext

MAX_BUCKETS = 50_000
"""Buckets in memory, each about 200 bytes; the least recently used one is dropped first."""


class RateLimit(StrEnum):
    """The rate limits; `RATES` has their values."""

    SIGN_IN_ACCOUNT = "sign_in_account"
    """Attempts at one account from anywhere: a high limit, since reaching it also locks out the owner."""
    SIGN_IN_PAIR = "sign_in_pair"
    """Attempts at one account from one network."""
    SIGN_IN_ADDRESS = "sign_in_address"
    FACTOR_ACCOUNT = "factor_account"
    """Codes for one account from anywhere; an attempt requires the password."""
    FACTOR_PAIR = "factor_pair"
    """Codes for one account from one network."""
    SIGN_IN_PROVIDER = "sign_in_provider"
    """Sign-ins with an OpenID provider from one network: the redirect and the callback."""
    SETUP_CODE = "setup_code"
    REGISTRATION = "registration"
    REFRESH = "refresh"
    SHARE_PASSWORD = "share_password"  # noqa: S105  # the name of a limit
    DROP = "drop"
    UPLOAD_CREATION = "upload_creation"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Rate:
    """The size of a burst, and the seconds until one more attempt is allowed."""

    burst: int
    every_s: float


RATES: dict[RateLimit, Rate] = {
    RateLimit.SIGN_IN_ACCOUNT: Rate(100, 30),
    RateLimit.SIGN_IN_PAIR: Rate(10, 60),
    RateLimit.SIGN_IN_ADDRESS: Rate(30, 20),
    RateLimit.FACTOR_ACCOUNT: Rate(30, 300),
    RateLimit.FACTOR_PAIR: Rate(10, 600),
    RateLimit.SIGN_IN_PROVIDER: Rate(60, 10),
    RateLimit.SETUP_CODE: Rate(20, 30),
    RateLimit.REGISTRATION: Rate(10, 360),
    RateLimit.REFRESH: Rate(60, 5),
    RateLimit.SHARE_PASSWORD: Rate(10, 60),
    RateLimit.DROP: Rate(60, 10),
    RateLimit.UPLOAD_CREATION: Rate(500, 1),
    RateLimit.PICTURE: Rate(20, 30),
}
"""A person who mistypes does not reach these limits; an attacker gets about 1,500 attempts per day at one account from
one network.

At any time three in a million codes are valid. An attacker who knows the password has 288 attempts per day at the code:
a chance of one in four after a year, with all attempts in the audit log.
"""


class RateLimiter:
    """The buckets of all limits and keys."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: OrderedDict[tuple[RateLimit, str], float] = OrderedDict()

    def consume(self, keys: dict[RateLimit, str]) -> None:
        """Take one attempt from the bucket of each limit and key; from none if one of them is empty.

        Raises:
            TooManyRequests: a bucket is empty; the error says when to try again.
        """
        now = self._clock.monotonic()
        waits = [self._wait_s(limit, key, now) for limit, key in keys.items()]
        if max(waits) > 0:
            wait_s = int(max(waits)) + 1
            raise TooManyRequests(
                gettext("That was tried too often. Try again in %(time)s.", time=_wait_text(wait_s)),
                retry_after_s=wait_s,
            )
        for limit, key in keys.items():
            full_at = max(now, self._full_at.get((limit, key), now))
            self._store(limit, key, full_at + RATES[limit].every_s)

    def refund(self, keys: dict[RateLimit, str]) -> None:
        """Undo a `consume` after a successful authentication."""
        for limit, key in keys.items():
            full_at = self._full_at.get((limit, key))
            if full_at is not None:
                self._full_at[limit, key] = full_at - RATES[limit].every_s

    def _wait_s(self, limit: RateLimit, key: str, now: float) -> float:
        rate = RATES[limit]
        used_s = max(0.0, self._full_at.get((limit, key), now) - now)
        return max(0.0, used_s + rate.every_s - rate.burst * rate.every_s)

    def _store(self, limit: RateLimit, key: str, full_at: float) -> None:
        self._full_at[limit, key] = full_at
        self._full_at.move_to_end((limit, key))
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at.popitem(last=False)


def client_network(address: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # the version's own name
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _wait_text(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004  # a minute
        return ngettext("a second", "%(num)s seconds", seconds)
    return ngettext("a minute", "%(num)s minutes", -(-seconds // 60))
