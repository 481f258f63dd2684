"""One request's hold on an upload, which a newer request may ask back."""

import asyncio
from collections.abc import AsyncIterator

from streamtime.errors import Locked


class Interrupted(Locked):
    """A newer request has taken the upload over."""

    code = "interrupted"


class Hold:
    """What a request has for as long as it writes."""

    __slots__ = ("_asked_back", "_listening")

    def __init__(self) -> None:
        self._asked_back = False
        self._listening: asyncio.Timeout | None = None

    def ask_back(self) -> None:
        """Have the holder let go: at once where it waits for its client, else as soon as it does."""
        self._asked_back = True
        if self._listening is not None:
            self._listening.reschedule(asyncio.get_running_loop().time())

    async def next(self, body: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of `body`, or None at its end.

        Raises:
            Interrupted: the hold was asked back.
        """
        try:
            async with asyncio.timeout(0 if self._asked_back else None) as self._listening:
                return await anext(body, None)
        except TimeoutError:
            raise Interrupted("A newer request has taken this upload over.") from None
        finally:
            self._listening = None
