"""Names for accounts that nobody chose one for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.auth.oidc.accounts import normalize_display_name, normalize_username
from streamtime.auth.users import require_name


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("ada", "ada"),
        ("Ada.Lovelace", "Ada.Lovelace"),
        ("ada@example.org", "ada"),
        ("Zoë Müller", "Zoe-Muller"),
        ("  ada  ", "ada"),
        ("DOMAIN\\ada", "DOMAIN-ada"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 40, "x" * 32),
        ("x" * 31 + " y", "x" * 31),
        ("", "user"),
        ("@", "user"),
        ("李", "user"),
        ("---", "user"),
    ],
)
def test_a_name_is_as_near_as_can_be(wanted: str, name: str) -> None:
    assert normalize_username(wanted) == name


@given(st.text())
def test_whatever_a_provider_tells_an_account_may_be_called_so(wanted: str) -> None:
    require_name(normalize_username(wanted))


@pytest.mark.parametrize(
    ("wanted", "shown"), [("Ada Lovelace", "Ada Lovelace"), ("", ""), ("  ", ""), ("A\u202eB", ""), ("x" * 61, "")]
)
def test_a_display_name_that_will_not_do_is_none(wanted: str, shown: str) -> None:
    assert normalize_display_name(wanted) == shown
