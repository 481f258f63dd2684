"""Uploaded pictures: each is decoded, scaled and encoded again by a worker while a request waits.

Only pixels come back, without any metadata of the file.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from streamtime.errors import Invalid, StreamtimeError, TooLarge, Unavailable
from streamtime.logging import get_logger
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import MakePosterPicture, MakeProfilePicture

MAX_BYTES = 10_000_000
"""The largest upload."""

MAX_CONCURRENT = 2
MAX_QUEUED = 20
"""Uploads that may wait for a worker, each in memory."""

_JPEG_MARKERS = (b"\xff\xd8\xff", b"\xff\xd9")
"""The first and last bytes of a JPEG."""

_FILE_ERRORS = frozenset({"not_a_picture", "damaged_picture", "too_large"})
_SERVER_ERRORS = frozenset({"unconfined", "worker_unavailable"})

_log = get_logger("workers")


class PictureDecoder:
    """Makes a JPEG of an image file, in a worker. The number of workers is limited, and so are those that wait."""

    def __init__(self, launcher: WorkerLauncher) -> None:
        self._launcher = launcher
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._waiting = 0

    async def jpeg(self, data: bytes, order: MakeProfilePicture | MakePosterPicture, *, max_bytes: int) -> bytes:
        """Return what the worker makes of the file: a JPEG of at most `max_bytes`.

        Raises:
            Unavailable: too many uploads are waiting, or workers cannot be used here.
            TooLarge: the file has more than `MAX_BYTES`.
            Invalid: the file is not an image in a supported format, is damaged, or has too many pixels.
        """
        if len(data) > MAX_BYTES:
            raise picture_too_large()
        async with self._slot():
            jpeg = await self._render(data, order)
        if len(jpeg) > max_bytes or not (jpeg.startswith(_JPEG_MARKERS[0]) and jpeg.endswith(_JPEG_MARKERS[1])):
            _log.warning("picture_not_jpeg", length=len(jpeg))
            raise picture_unreadable()
        return jpeg

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_QUEUED:
            raise Unavailable("Too many pictures are being sent at the moment. Try again soon.")
        self._waiting += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= 1

    async def _render(self, data: bytes, order: MakeProfilePicture | MakePosterPicture) -> bytes:
        try:
            with _in_memory(data) as source:
                async with self._launcher.launch(source) as worker:
                    return await worker.picture(order)
        except WorkerFailed as error:
            raise _picture_error(error) from error


def picture_too_large() -> TooLarge:
    """Return the error for an upload of more than `MAX_BYTES`."""
    limit = f"{MAX_BYTES // 1_000_000} MB"
    message = f"This picture is larger than {limit}. Choose a smaller one, or save it with fewer pixels."
    return TooLarge(message, facts={"limit": MAX_BYTES})


def picture_unreadable() -> Invalid:
    """Return the error for a picture that the worker failed on for a reason its owner cannot act on."""
    message = "This picture could not be read. Save it again as a JPEG or PNG, and choose that one."
    return Invalid(message, field="picture", code="picture_unreadable")


def _picture_error(error: WorkerFailed) -> StreamtimeError:
    if error.code in _FILE_ERRORS:
        return Invalid(error.message, field="picture", code=error.code)
    _log.warning("picture_failed", code=error.code, stderr_tail=error.stderr_tail)
    if error.code in _SERVER_ERRORS:
        return Unavailable("Pictures cannot be worked on here at the moment.", code=error.code)
    return picture_unreadable()


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """Yield the descriptor of an anonymous in-memory file with the data, sealed against changes."""
    descriptor = os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        yield descriptor
    finally:
        os.close(descriptor)
