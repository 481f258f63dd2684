"""Password hashing with argon2id, in a thread of its own, so that many sign-ins do not delay other requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from streamtime.errors import Invalid, TooManyRequests
from streamtime.translation import gettext, number_text

R = TypeVar("R")

MIN_LENGTH = 8
MAX_LENGTH = 256
"""Longer passwords are rejected instead of hashed: argon2 reads every byte."""

MAX_QUEUED = 20
"""Hashes that may be queued at once; each takes about 30 ms of one core."""


class PasswordHashing:
    """Makes and verifies argon2id hashes (RFC 9106's second recommended setting: 64 MiB, three passes)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self._waiting = 0
        self._dummy_hash: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a new password.

        Raises:
            Invalid: the password is too short or too long.
            TooManyRequests: too many hashes are queued.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise Invalid(
                gettext(
                    "Choose a password of %(least)s to %(most)s characters.",
                    least=MIN_LENGTH,
                    most=number_text(MAX_LENGTH),
                ),
                field="password",
                code="password",
            )
        return await self._in_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether `password` matches the hash `stored`; None (an unknown account) takes as long to reject.

        Raises:
            TooManyRequests: too many hashes are queued.
        """
        if len(password) > MAX_LENGTH:
            return False
        if stored is None:
            if self._dummy_hash is None:
                self._dummy_hash = await self._in_thread(self._hasher.hash, "nobody has this password")
            await self._in_thread(self._matches, self._dummy_hash, password)
            return False
        return await self._in_thread(self._matches, stored, password)

    def close(self) -> None:
        """Stop the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _in_thread(self, function: Callable[..., R], *arguments: str) -> R:
        if self._waiting >= MAX_QUEUED:
            raise TooManyRequests("Too many people are signing in at once. Try again in a moment.", retry_after_s=2)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, function, *arguments)
        finally:
            self._waiting -= 1
