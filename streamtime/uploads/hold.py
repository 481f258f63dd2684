"""One request's hold on an upload, which a newer request may ask back."""

import asyncio
from collections.abc import AsyncIterator

from streamtime.errors import Locked


class Interrupted(Locked):
    """A newer request has taken the upload over."""

    code = "interrupted"


class UploadLock:
    """What a request has for as long as it writes."""

    __slots__ = ("_reading", "_release_requested")

    def __init__(self) -> None:
        self._release_requested = False
        self._reading: asyncio.Timeout | None = None

    def request_release(self) -> None:
        """Have the holder let go: at once where it waits for its client, else as soon as it does."""
        self._release_requested = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def read(self, body: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of `body`, or None at its end.

        Raises:
            Interrupted: the hold was asked back.
        """
        try:
            async with asyncio.timeout(0 if self._release_requested else None) as self._reading:
                return await anext(body, None)
        except TimeoutError:
            raise Interrupted("A newer request has taken this upload over.") from None
        finally:
            self._reading = None
