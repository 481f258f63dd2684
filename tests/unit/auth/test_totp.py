"""Codes by time: those of the standard, near enough to now, and never one twice."""

import base64

import pyotp
import pytest

from streamtime.auth.mfa_codes import STEP_MS, generate_secret, matching_step, provisioning_uri
from streamtime.clock import EpochMs
from tests.fake_clock import FakeClock

RFC_KEY = base64.b32encode(b"12345678901234567890").decode()
STEP = FakeClock.now // STEP_MS
NOW = EpochMs(STEP * STEP_MS + STEP_MS - 1)
KEY = generate_secret()


def code(step: int) -> str:
    return pyotp.TOTP(KEY).generate_otp(step)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(second: int, expected: str) -> None:
    """RFC 6238, appendix B, the last six of its eight digits."""
    assert matching_step(RFC_KEY, expected, EpochMs(second * 1000), after=0) == second // 30


@pytest.mark.parametrize(("apart", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off_either_way(apart: int, good: bool) -> None:
    assert matching_step(KEY, code(STEP + apart), NOW, after=0) == (STEP + apart if good else None)


def test_no_code_is_good_twice_nor_after_a_later_one() -> None:
    assert matching_step(KEY, code(STEP), NOW, after=STEP - 1) == STEP
    assert matching_step(KEY, code(STEP), NOW, after=STEP) is None
    assert matching_step(KEY, code(STEP - 1), NOW, after=STEP) is None
    assert matching_step(KEY, code(STEP + 1), NOW, after=STEP) == STEP + 1


@pytest.mark.parametrize("typed", ["", "1", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 1000])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert matching_step(KEY, typed, NOW, after=0) is None


def test_keys_are_long_and_none_is_like_another() -> None:
    assert len(base64.b32decode(KEY)) * 8 == 160
    assert generate_secret() != KEY
    assert pyotp.parse_uri(provisioning_uri(KEY, "ann")).name == "ann"
