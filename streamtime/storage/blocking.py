"""Blocking file operations: a bounded thread pool for them, and the translation of OS errors into Streamtime's errors.

A thread cannot be interrupted, and it works on descriptors and files that its caller cleans up afterwards. A cancelled
caller therefore waits for its own call to end before the cancellation goes on.
"""

import asyncio
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from streamtime.errors import Invalid, NoSpace, NotFound, Unavailable

STORAGE = "storage"
"""The code of an `Unavailable` that comes from a store."""

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ACCESS_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_A_FILE_ERRNOS = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY})


def unavailable(message: str) -> Unavailable:
    """The error of a store that cannot do it now; the message is shown to users."""
    return Unavailable(message, code=STORAGE)


def require_folder(root: Path) -> None:
    """Check that the folder of a store exists. The message contains its name only, so as not to reveal the path.

    Raises:
        Unavailable: it was removed, or its disk is not mounted.
    """
    if not root.parent.is_dir():
        raise unavailable(f"The folder {root.parent.name}, which holds {root.name}, is not there.")
    if not root.is_dir():
        raise unavailable(f"The folder {root.name} of the data directory is not there.")


@contextmanager
def translate_os_errors(key: str, below: Path | None = None) -> Iterator[None]:
    """Translate an OSError about `key`; `below` is the root folder of all keys.

    Raises:
        NotFound: no such file, and the root folder exists.
        NoSpace: the disk, the quota or the file size limit of the file system is reached.
        Invalid: the key is a folder of other keys, or an object is a folder of the key.
        Unavailable: any other error, with the system's message.
    """
    try:
        yield
    except FileNotFoundError as error:
        if below is not None:
            require_folder(below)
        raise NotFound from error
    except OSError as error:
        if error.errno in _NOT_A_FILE_ERRNOS and below is not None:
            require_folder(below)  # a file may have replaced it
        if error.errno in _NO_ACCESS_ERRNOS and below is not None:
            raise unavailable(f"The folder {below.name} of the data directory refuses: {error.strerror}.") from error
        if error.errno in DISK_FULL_ERRNOS:
            raise NoSpace("The disk of the video store is full.") from error
        if error.errno in _NOT_A_FILE_ERRNOS:
            raise Invalid(f"{key!r} and the key of another object contain each other.", field="key") from error
        raise unavailable(f"The disk of the video store refused: {error.strerror or error}.") from error


P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_THREADS = 8
"""More threads do not make a disk faster; a slow disk blocks only these, not the threads of other components."""


class BlockingThreads:
    """A thread pool for blocking calls."""

    def __init__(self, count: int = DEFAULT_THREADS) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="storage")

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `call` in a thread and return its result; its errors are raised unchanged."""
        return await self.run_interruptible(_no_interrupt, call, *args, **kwargs)

    async def run_interruptible(
        self, interrupt: Callable[[], None], call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `run`, and if the caller is cancelled, `interrupt` is called to end the call early."""
        call_future = self._pool.submit(call, *args, **kwargs)
        running = asyncio.wrap_future(call_future)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not call_future.cancel():  # it is running already
                interrupt()
                await _wait_uncancelled(running)
            raise
        finally:
            del call_future, running  # a traceback must not keep alive what the call opened

    async def run_shielded(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Like `run`, for cleanup: a cancellation does not stop the call and is raised after it."""
        running = asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _wait_uncancelled(running)
            raise

    def close(self) -> None:
        """End the threads once they are idle; call it when no calls are pending."""
        self._pool.shutdown(wait=False)


def _no_interrupt() -> None:
    """The call cannot be interrupted, so it is waited for."""


async def _wait_uncancelled(running: asyncio.Future[R]) -> None:
    """Wait for a call despite further cancellations; the caller then raises the first one again."""
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    if not running.cancelled():
        running.exception()  # mark it as retrieved: the caller is gone
