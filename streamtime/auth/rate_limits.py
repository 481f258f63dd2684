"""How often somebody may try: at passwords, codes and links, and at what costs the server much.

Each limit is a bucket of tries that fills again steadily (the generic cell rate algorithm: one moment a bucket). It is
kept in memory alone: a restart forgives everybody, and no try costs a write. It knows no request and no account.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from streamtime.clock import Clock
from streamtime.errors import TooManyRequests

MAX_BUCKETS = 50_000
"""Buckets kept, each some 200 bytes; the one not touched for longest goes first."""


class RateLimit(StrEnum):
    """What is limited, and by what."""

    SIGN_IN_ACCOUNT = "sign_in_account"
    """Tries at one account from anywhere: many, since whoever reaches it keeps the owner out as well."""
    SIGN_IN_PAIR = "sign_in_pair"
    """Tries at one account from one address."""
    SIGN_IN_ADDRESS = "sign_in_address"
    FACTOR_ACCOUNT = "factor_account"
    """Codes of one account from anywhere: only who knows its password comes that far."""
    FACTOR_PAIR = "factor_pair"
    """Codes of one account from one address."""
    SIGN_IN_PROVIDER = "sign_in_provider"
    """Going to a provider and coming back, from one address."""
    SETUP_CODE = "setup_code"
    REGISTRATION = "registration"
    REFRESH = "refresh"
    SHARE_PASSWORD = "share_password"  # noqa: S105  # the name of a limit
    DROP = "drop"
    UPLOAD_CREATION = "upload_creation"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many tries at once, and one more each time so many seconds have passed."""

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
"""A person who mistypes never meets these; who guesses gets some 1,500 tries a day at one account from one address.

Of codes, three in a million are right at any time. Who knows the password and guesses at them, from wherever, has 288
tries a day: a chance of one in four after a whole year, with all of it in the audit.
"""


class RateLimiter:
    """All buckets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: OrderedDict[tuple[RateLimit, str], float] = OrderedDict()

    def consume(self, keys: dict[RateLimit, str]) -> None:
        """Take one try from the bucket of each limit for that key; from none where one is empty.

        Raises:
            TooManyRequests: one is empty; it says when there is another try.
        """
        now = self._clock.monotonic()
        waits = [self._wait_s(limited, key, now) for limited, key in keys.items()]
        if max(waits) > 0:
            seconds = int(max(waits)) + 1
            raise TooManyRequests(f"That was tried too often. Try again in {_words(seconds)}.", retry_after_s=seconds)
        for limited, key in keys.items():
            full_at = max(now, self._full_at.get((limited, key), now))
            self._store(limited, key, full_at + RATES[limited].every_s)

    def refund(self, keys: dict[RateLimit, str]) -> None:
        """Undo a `spend`: who has proved themselves was not guessing."""
        for limited, key in keys.items():
            full_at = self._full_at.get((limited, key))
            if full_at is not None:
                self._full_at[limited, key] = full_at - RATES[limited].every_s

    def _wait_s(self, limited: RateLimit, key: str, now: float) -> float:
        rule = RATES[limited]
        taken_s = max(0.0, self._full_at.get((limited, key), now) - now)
        return max(0.0, taken_s + rule.every_s - rule.burst * rule.every_s)

    def _store(self, limited: RateLimit, key: str, full_at: float) -> None:
        self._full_at[limited, key] = full_at
        self._full_at.move_to_end((limited, key))
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at.popitem(last=False)


def client_network(address: str) -> str:
    """What counts as one place to try from: an IPv4 address, or an IPv6 network of 64 bits, which one client owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004  # the version's own name
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _words(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds} seconds" if seconds > 1 else "a second"
    minutes = -(-seconds // 60)
    return f"{minutes} minutes" if minutes > 1 else "a minute"
