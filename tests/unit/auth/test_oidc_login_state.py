"""The OIDC login state: a signed cookie that only the browser that began the sign-in can use, once."""

import pytest

from streamtime.auth.oidc.sign_in import STATE_LIFETIME_S, OidcLoginStates
from streamtime.auth.signed_tokens import MAX_LENGTH
from streamtime.errors import Unauthenticated
from tests.fake_clock import FakeClock

BACK = "https://video.example.org/login/oidc/callback"


async def refused(attempts: OidcLoginStates, note: str, state: str) -> bool:
    with pytest.raises(Unauthenticated) as error:
        await attempts.consume(note, state)
    return error.value.code == "provider_state"


async def test_a_note_is_good_once() -> None:
    attempts = OidcLoginStates(FakeClock())
    begun = attempts.create(BACK, "/upload", 7)
    note = await attempts.encode(begun)
    assert await attempts.consume(note, begun.request.state) == begun
    assert (begun.request.redirect_uri, begun.next_path, begun.user_id) == (BACK, "/upload", 7)
    assert await refused(attempts, note, begun.request.state)


async def test_a_note_ends() -> None:
    hands = FakeClock()
    attempts = OidcLoginStates(hands)
    begun = attempts.create(BACK, "/", None)
    note = await attempts.encode(begun)
    hands.now += STATE_LIFETIME_S * 1000
    assert await refused(attempts, note, begun.request.state)


async def test_a_note_is_of_one_process_and_one_state() -> None:
    attempts, others = OidcLoginStates(FakeClock()), OidcLoginStates(FakeClock())
    begun, other = attempts.create(BACK, "/", None), attempts.create(BACK, "/", None)
    note = await attempts.encode(begun)
    assert await refused(attempts, note, other.request.state)
    assert await refused(attempts, note, "")
    assert await refused(others, note, begun.request.state)
    for changed in ("", ".", "a.b", "é.é", note + "A", "A" + note, note.partition(".")[0], note.replace(".", "..")):
        assert await refused(attempts, changed, begun.request.state)
    assert await attempts.consume(note, begun.request.state) == begun


async def test_a_note_fits_a_cookie_whatever_one_was_going_to() -> None:
    attempts = OidcLoginStates(FakeClock())
    for following in ("/" + "x" * 1997, "/" + '"' * 998, "/" + "é" * 332):
        begun = attempts.create("https://" + "v" * 255 + ":65535/login/oidc/callback", following, 2**60)
        note = await attempts.encode(begun)
        assert len(note) <= MAX_LENGTH
        assert (await attempts.consume(note, begun.request.state)).next_path == following
    assert attempts.create(BACK, "/" + "x" * 1998, None).next_path == "/library"
