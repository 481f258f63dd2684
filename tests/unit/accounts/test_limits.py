"""Buckets of tries: how many at once, how fast they fill, whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.accounts.limits import RULES, Limited, Limits, network_of
from streamtime.clock import EpochMs
from streamtime.errors import TooMany

PAIR = {Limited.SIGN_IN_PAIR: "ann 10.0.0.1"}
RULE = RULES[Limited.SIGN_IN_PAIR]


class Hands:
    now = 1000.0

    def now_ms(self) -> EpochMs:
        return EpochMs(round(self.now * 1000))

    def monotonic(self) -> float:
        return self.now


def refused(limits: Limits, tries: dict[Limited, str]) -> int:
    with pytest.raises(TooMany) as caught:
        limits.spend(tries)
    return caught.value.retry_after_s


def test_so_many_at_once_and_then_one_each_time_it_says() -> None:
    limits = Limits(hands := Hands())
    for _ in range(RULE.burst):
        limits.spend(PAIR)
    for _ in range(3):
        hands.now += refused(limits, PAIR)
        limits.spend(PAIR)


def test_what_is_refused_costs_nothing_and_others_are_not_kept_out() -> None:
    limits = Limits(Hands())
    both = {**PAIR, Limited.SIGN_IN_ADDRESS: "10.0.0.1"}
    for _ in range(RULE.burst):
        limits.spend(both)
    for _ in range(100):
        refused(limits, both)
    limits.spend({Limited.SIGN_IN_PAIR: "ann 10.0.0.2", Limited.SIGN_IN_ADDRESS: "10.0.0.1"})


def test_who_proves_themselves_gets_the_try_back() -> None:
    limits = Limits(Hands())
    for _ in range(10 * RULE.burst):
        limits.spend(PAIR)
        limits.give_back(PAIR)


@given(st.lists(st.floats(0, 300), max_size=200))
def test_never_more_than_the_burst_and_what_has_filled_since(pauses: list[float]) -> None:
    limits = Limits(hands := Hands())
    passed = 0
    for pause in pauses:
        hands.now += pause
        try:
            limits.spend(PAIR)
        except TooMany:
            continue
        passed += 1
    assert passed <= RULE.burst + (hands.now - Hands.now) / RULE.every_s + 1e-6


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
    assert network_of(address) == network
