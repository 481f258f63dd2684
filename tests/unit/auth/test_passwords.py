"""Passwords: right, wrong, for nobody, and never on the loop."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from streamtime.auth.passwords import PasswordHashing
from streamtime.errors import Invalid


@pytest.fixture
def hashing() -> Iterator[PasswordHashing]:
    made = PasswordHashing()
    yield made
    made.close()


async def test_only_the_right_password_fits(hashing: PasswordHashing) -> None:
    stored = await hashing.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$"), "RFC 9106's second recommended setting, in one lane"
    assert await hashing.verify(stored, "correct horse")
    assert not await hashing.verify(stored, "correct horse ")
    assert not await hashing.verify(None, "correct horse")
    assert not await hashing.verify("not a hash", "correct horse")
    assert not await hashing.verify(stored, "x" * 10_000)


async def test_passwords_have_bounds(hashing: PasswordHashing) -> None:
    for bad in ("short", "x" * 257):
        with pytest.raises(Invalid) as caught:
            await hashing.hash(bad)
        assert caught.value.field == "password"


async def test_the_loop_goes_on_while_a_password_is_hashed(hashing: PasswordHashing) -> None:
    hashed = asyncio.create_task(hashing.hash("correct horse"))
    turns = 0
    started = time.monotonic()
    while not hashed.done() and time.monotonic() - started < 30:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
