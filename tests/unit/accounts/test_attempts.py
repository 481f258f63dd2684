"""A sign-in on its way: whose note it is, for how long, and how often it is good."""

import pytest

from streamtime.accounts.attempts import LASTS_S, MAX_NOTE, Attempts
from streamtime.errors import Unauthenticated
from tests.hands import Hands

BACK = "https://video.example.org/login/oidc/callback"


def refused(attempts: Attempts, note: str, state: str) -> bool:
    with pytest.raises(Unauthenticated) as error:
        attempts.take(note, state)
    return error.value.code == "provider_state"


def test_a_note_is_good_once() -> None:
    attempts = Attempts(Hands())
    begun = attempts.begin(BACK, "/upload", 7)
    note = attempts.note(begun)
    assert attempts.take(note, begun.request.state) == begun
    assert (begun.request.redirect_uri, begun.following, begun.user_id) == (BACK, "/upload", 7)
    assert refused(attempts, note, begun.request.state)


def test_a_note_ends() -> None:
    hands = Hands()
    attempts = Attempts(hands)
    begun = attempts.begin(BACK, "/", None)
    note = attempts.note(begun)
    hands.now += LASTS_S * 1000
    assert refused(attempts, note, begun.request.state)


def test_a_note_is_of_one_process_and_one_state() -> None:
    attempts, others = Attempts(Hands()), Attempts(Hands())
    begun, other = attempts.begin(BACK, "/", None), attempts.begin(BACK, "/", None)
    note = attempts.note(begun)
    assert refused(attempts, note, other.request.state)
    assert refused(attempts, note, "")
    assert refused(others, note, begun.request.state)
    for changed in ("", ".", "a.b", "é.é", note + "A", "A" + note, note.partition(".")[0], note.replace(".", "..")):
        assert refused(attempts, changed, begun.request.state)
    assert attempts.take(note, begun.request.state) == begun


def test_a_note_fits_a_cookie_whatever_one_was_going_to() -> None:
    attempts = Attempts(Hands())
    for following in ("/" + "x" * 999, "/" + '"' * 999, "/" + "é" * 499):
        begun = attempts.begin("https://" + "v" * 255 + ":65535/login/oidc/callback", following, 2**60)
        note = attempts.note(begun)
        assert len(note) <= MAX_NOTE
        assert attempts.take(note, begun.request.state).following == following
    assert attempts.begin(BACK, "/" + "x" * 1000, None).following == "/library"
