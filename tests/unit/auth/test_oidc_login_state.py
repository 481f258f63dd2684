"""The OIDC login state: a signed cookie that only the browser that began the sign-in can use, once."""

import pytest

from streamtime.auth.oidc.sign_in import MAX_STATE_TOKEN, STATE_LIFETIME_S, OidcLoginStates
from streamtime.errors import Unauthenticated
from tests.fake_clock import FakeClock

BACK = "https://video.example.org/login/oidc/callback"


def refused(attempts: OidcLoginStates, note: str, state: str) -> bool:
    with pytest.raises(Unauthenticated) as error:
        attempts.consume(note, state)
    return error.value.code == "provider_state"


def test_a_note_is_good_once() -> None:
    attempts = OidcLoginStates(FakeClock())
    begun = attempts.create(BACK, "/upload", 7)
    note = attempts.encode(begun)
    assert attempts.consume(note, begun.request.state) == begun
    assert (begun.request.redirect_uri, begun.next_path, begun.user_id) == (BACK, "/upload", 7)
    assert refused(attempts, note, begun.request.state)


def test_a_note_ends() -> None:
    hands = FakeClock()
    attempts = OidcLoginStates(hands)
    begun = attempts.create(BACK, "/", None)
    note = attempts.encode(begun)
    hands.now += STATE_LIFETIME_S * 1000
    assert refused(attempts, note, begun.request.state)


def test_a_note_is_of_one_process_and_one_state() -> None:
    attempts, others = OidcLoginStates(FakeClock()), OidcLoginStates(FakeClock())
    begun, other = attempts.create(BACK, "/", None), attempts.create(BACK, "/", None)
    note = attempts.encode(begun)
    assert refused(attempts, note, other.request.state)
    assert refused(attempts, note, "")
    assert refused(others, note, begun.request.state)
    for changed in ("", ".", "a.b", "é.é", note + "A", "A" + note, note.partition(".")[0], note.replace(".", "..")):
        assert refused(attempts, changed, begun.request.state)
    assert attempts.consume(note, begun.request.state) == begun


def test_a_note_fits_a_cookie_whatever_one_was_going_to() -> None:
    attempts = OidcLoginStates(FakeClock())
    for following in ("/" + "x" * 999, "/" + '"' * 999, "/" + "é" * 499):
        begun = attempts.create("https://" + "v" * 255 + ":65535/login/oidc/callback", following, 2**60)
        note = attempts.encode(begun)
        assert len(note) <= MAX_STATE_TOKEN
        assert attempts.consume(note, begun.request.state).next_path == following
    assert attempts.create(BACK, "/" + "x" * 1000, None).next_path == "/library"
