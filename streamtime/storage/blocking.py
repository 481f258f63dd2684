"""A bounded set of threads for work that waits on a disk. It knows nothing of what the work is.

A thread cannot be interrupted, and it works on descriptors and files that its caller cleans up afterwards: so a
cancelled caller first waits for its own call to end, and only then goes on being cancelled.

What the operating system's refusals mean to a caller of a store. It alone knows error numbers.
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
    """The store cannot do it now; the message is for people."""
    return Unavailable(message, code=STORAGE)


def require_folder(root: Path) -> None:
    """Look whether the folder of a store is there. Its own name alone is told: the path is nobody's business.

    Raises:
        Unavailable: it was removed, or its disk is not mounted.
    """
    if not root.parent.is_dir():
        raise unavailable(f"The folder {root.parent.name}, which holds {root.name}, is not there.")
    if not root.is_dir():
        raise unavailable(f"The folder {root.name} of the data directory is not there.")


@contextmanager
def translate_os_errors(key: str, below: Path | None = None) -> Iterator[None]:
    """Turn an OSError about `key` into an error of the tree; `below` is the folder that holds all keys.

    Raises:
        NotFound: no such file, in a folder that is there.
        NoSpace: the disk, the quota or the file system's limit for one file is reached.
        Invalid: the key is a folder of other keys, or passes through an object.
        Unavailable: for every other refusal, with the system's own words.
    """
    try:
        yield
    except FileNotFoundError as error:
        if below is not None:
            require_folder(below)
        raise NotFound from error
    except OSError as error:
        if error.errno in _NOT_A_FILE_ERRNOS and below is not None:
            require_folder(below)  # a file may lie in its place
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
"""A disk answers no faster to more; other parts of the server keep their own threads free of a slow one."""


class BlockingThreads:
    """Runs blocking calls beside the event loop, a few at a time."""

    def __init__(self, count: int = DEFAULT_THREADS) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="storage")

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it in a thread and return what it returns; its errors come out as they are."""
        return await self.run_interruptible(_no_interrupt, call, *args, **kwargs)

    async def run_interruptible(
        self, break_off: Callable[[], None], call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The same for a call that `break_off` brings to an early end: it is called when the caller is cancelled."""
        call_future = self._pool.submit(call, *args, **kwargs)
        running = asyncio.wrap_future(call_future)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not call_future.cancel():  # it runs already
                break_off()
                await _wait_uncancelled(running)
            raise
        finally:
            del call_future, running  # a traceback that lives on must not keep what the call opened

    async def run_shielded(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for cleaning up: a cancellation does not keep it from being done, and is raised after it."""
        running = asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _wait_uncancelled(running)
            raise

    def close(self) -> None:
        """End the threads once they are idle; call it when nothing runs any more."""
        self._pool.shutdown(wait=False)


def _no_interrupt() -> None:
    """A call that nothing can break off is waited for."""


async def _wait_uncancelled(running: asyncio.Future[R]) -> None:
    """Wait for a call through further cancellations: the first one is raised again when it is over."""
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    if not running.cancelled():
        running.exception()  # seen: nobody is left to hear of it
