"""Rate limits: how many attempts at once, how fast they are refilled, and for which key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.auth.rate_limits import RATES, RateLimit, RateLimiter, client_network
from streamtime.clock import EpochMs
from streamtime.errors import TooManyRequests

PAIR = {RateLimit.SIGN_IN_PAIR: "ann 10.0.0.1"}
RULE = RATES[RateLimit.SIGN_IN_PAIR]


class FakeClock:
    now = 1000.0

    def now_ms(self) -> EpochMs:
        return EpochMs(round(self.now * 1000))

    def monotonic(self) -> float:
        return self.now


def refused(limits: RateLimiter, tries: dict[RateLimit, str]) -> int:
    with pytest.raises(TooManyRequests) as caught:
        limits.consume(tries)
    return caught.value.retry_after_s


def test_so_many_at_once_and_then_one_each_time_it_says() -> None:
    limits = RateLimiter(hands := FakeClock())
    for _ in range(RULE.burst):
        limits.consume(PAIR)
    for _ in range(3):
        hands.now += refused(limits, PAIR)
        limits.consume(PAIR)


def test_what_is_refused_costs_nothing_and_others_are_not_kept_out() -> None:
    limits = RateLimiter(FakeClock())
    both = {**PAIR, RateLimit.SIGN_IN_ADDRESS: "10.0.0.1"}
    for _ in range(RULE.burst):
        limits.consume(both)
    for _ in range(100):
        refused(limits, both)
    limits.consume({RateLimit.SIGN_IN_PAIR: "ann 10.0.0.2", RateLimit.SIGN_IN_ADDRESS: "10.0.0.1"})


def test_who_proves_themselves_gets_the_try_back() -> None:
    limits = RateLimiter(FakeClock())
    for _ in range(10 * RULE.burst):
        limits.consume(PAIR)
        limits.refund(PAIR)


@given(st.lists(st.floats(0, 300), max_size=200))
def test_never_more_than_the_burst_and_what_has_filled_since(pauses: list[float]) -> None:
    limits = RateLimiter(hands := FakeClock())
    passed = 0
    for pause in pauses:
        hands.now += pause
        try:
            limits.consume(PAIR)
        except TooManyRequests:
            continue
        passed += 1
    assert passed <= RULE.burst + (hands.now - FakeClock.now) / RULE.every_s + 1e-6


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_counts_as_one_place(address: str, network: str) -> None:
    assert client_network(address) == network
