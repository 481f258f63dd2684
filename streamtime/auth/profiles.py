"""Profiles: display names and profile pictures.

A picture is uploaded as any image file, decoded and scaled down by a confined worker, and stored as a row. Its URL
contains its version. `videos.profile_visibility` decides who may see it.
"""

import asyncio
import fcntl
import os
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import delete, insert, select, update

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import User, require_user
from streamtime.database.tables.auth import profile_pictures, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound, StreamtimeError, TooLarge, Unavailable
from streamtime.ids import picture_version
from streamtime.logging import get_logger
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.protocol import MakeProfilePicture

MAX_DISPLAY_NAME = 60

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that are invisible or change the direction of the text around them."""


class Profiles:
    """Changes display names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_display_name(self, user: User, text: str) -> None:
        """Set the display name; an empty text removes it, and the account's name is shown.

        Raises:
            NotFound: the account has been deleted.
            Invalid: the name is too long or has invisible characters.
        """
        name = clean_display_name(text) if text.strip() else ""

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            shown = "" if name == user.name else name
            await tx.execute(update(users).where(users.c.id == user.id).values(display_name=shown))
            await tx.bump_epoch()  # cached callers and videos contain the name

        await self._database.write(body)


def clean_display_name(text: str) -> str:
    """Return a display name in NFC, without surrounding spaces.

    Raises:
        Invalid: it is empty, too long, or has invisible characters.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(name) <= MAX_DISPLAY_NAME or any(
        unicodedata.category(letter) in _INVISIBLE_CATEGORIES for letter in name
    ):
        message = f"Choose a name of 1 to {MAX_DISPLAY_NAME} characters that can be seen."
        raise Invalid(message, field="display_name", code="display_name")
    return name


MAX_BYTES = 10_000_000
"""The largest upload. The stored picture has about ten thousand bytes."""

SIZE_PX = 256
"""Width and height in pixels: the largest size it is shown at, on a screen with a device pixel ratio of two."""

MAX_CONCURRENT = 2
MAX_QUEUED = 20
"""Uploads that may wait for a worker, each in memory."""

_MAX_STORED_BYTES = 200_000
_JPEG_MARKERS = (b"\xff\xd8\xff", b"\xff\xd9")
"""The first and last bytes of a JPEG."""

_FILE_ERRORS = frozenset({"not_a_picture", "damaged_picture", "too_large"})
_SERVER_ERRORS = frozenset({"unconfined", "worker_unavailable"})

_log = get_logger("auth")


class ProfilePictures:
    """Stores, removes and returns profile pictures."""

    def __init__(
        self, database: Database, launcher: WorkerLauncher, rate_limiter: RateLimiter, audit: AuditLog
    ) -> None:
        self._database = database
        self._launcher = launcher
        self._rate_limiter = rate_limiter
        self._audit = audit
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._waiting = 0

    async def set(self, user: User, data: bytes) -> int:
        """Set a user's picture from an image file and return its version.

        Raises:
            TooManyRequests: the user has uploaded too many in a short time.
            Unavailable: too many uploads are waiting, or workers cannot be used here.
            TooLarge: the file has more than `MAX_BYTES`.
            Invalid: the file is not an image in a supported format, is damaged, or has too many pixels.
            NotFound: the account has been deleted.
        """
        if len(data) > MAX_BYTES:
            raise picture_too_large()
        self._rate_limiter.consume({RateLimit.PICTURE: str(user.id)})
        async with self._slot():
            jpeg = await self._render(data)
        version = picture_version()

        async def body(tx: Transaction) -> int:
            await require_user(tx, user.id)
            await tx.execute(delete(profile_pictures).where(profile_pictures.c.user_id == user.id))
            await tx.execute(insert(profile_pictures).values(user_id=user.id, jpeg=jpeg))
            await _set_version(tx, user, version)
            return version

        return await self._database.write(body)

    async def remove(self, user: User, actor: Actor) -> None:
        """Remove a user's picture, if there is one.

        Raises:
            NotFound: the account has been deleted.
        """

        async def body(tx: Transaction) -> None:
            row = await require_user(tx, user.id)
            if row["picture_version"] == 0:
                return
            await tx.execute(delete(profile_pictures).where(profile_pictures.c.user_id == user.id))
            await _set_version(tx, user, 0)
            await self._audit.record(tx, actor, AuditEvent.PICTURE_REMOVED, user.name)

        await self._database.write(body)

    async def jpeg(self, user: User, version: int) -> bytes:
        """Return the picture of that version. The calling code checks access.

        Raises:
            NotFound: there is no picture, or it has another version.
        """
        query = (
            select(profile_pictures.c.jpeg)
            .join_from(profile_pictures, users)
            .where(users.c.id == user.id, users.c.picture_version == version)
        )
        async with self._database.read() as connection:
            found: bytes | None = (await connection.execute(query)).scalar_one_or_none()
        if found is None:
            raise NotFound
        return found

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

    async def _render(self, data: bytes) -> bytes:
        try:
            with _in_memory(data) as source:
                async with self._launcher.launch(source) as worker:
                    jpeg = await worker.profile_picture(MakeProfilePicture(SIZE_PX))
        except WorkerFailed as error:
            raise _picture_error(error) from error
        if len(jpeg) > _MAX_STORED_BYTES or not (jpeg.startswith(_JPEG_MARKERS[0]) and jpeg.endswith(_JPEG_MARKERS[1])):
            _log.warning("picture_not_jpeg", length=len(jpeg))
            raise picture_unreadable()
        return jpeg


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


async def _set_version(tx: Transaction, user: User, version: int) -> None:
    await tx.execute(update(users).where(users.c.id == user.id).values(picture_version=version))
    await tx.bump_epoch()  # cached callers and videos contain the version
