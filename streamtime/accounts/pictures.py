"""Pictures of accounts: sent as any file, made small by a confined worker, kept as a row.

Each has a version of its own, which stands in its address. Who may see it is decided elsewhere.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import delete, insert, select, update

from streamtime.accounts.audit import Actor, Audit, Deed
from streamtime.accounts.limits import Limited, Limits
from streamtime.accounts.users import User, require_present
from streamtime.database.people_tables import pictures, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound, StreamtimeError, TooLarge, Unavailable
from streamtime.ids import picture_version
from streamtime.logging import get_logger
from streamtime.worker_protocol import MakePortrait
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher

MAX_BYTES = 10_000_000
"""Of what is sent. What is kept of it has some ten thousand."""

SIDE = 256
"""Pixels of one side: enough for the largest place it is shown at, on a screen with two pixels for one."""

AT_ONCE = 2
MAX_WAITING = 20
"""Pictures in memory that wait for a worker, each as large as it may be."""

_MOST_KEPT_BYTES = 200_000
_WHOLE = (b"\xff\xd8\xff", b"\xff\xd9")
"""How a JPEG begins and ends."""

_OF_THE_FILE = frozenset({"not_a_picture", "damaged_picture", "too_large"})
_OF_THE_MACHINE = frozenset({"unconfined", "worker_unavailable"})

_log = get_logger("accounts")


class Pictures:
    """All of them."""

    def __init__(self, database: Database, launcher: WorkerLauncher, limits: Limits, audit: Audit) -> None:
        self._database = database
        self._launcher = launcher
        self._limits = limits
        self._audit = audit
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def set(self, user: User, data: bytes) -> int:
        """Show this file as somebody's picture from now on, and tell its version.

        Raises:
            TooMany: they have sent too many in a short time.
            Unavailable: too many others are being made, or none can be made here.
            TooLarge: it has more bytes than are taken.
            Invalid: it is no picture that can be read, is damaged, or has too many pixels.
            NotFound: the account has been deleted.
        """
        if len(data) > MAX_BYTES:
            raise too_large()
        self._limits.spend({Limited.PICTURE: str(user.id)})
        async with self._place():
            jpeg = await self._made(data)
        version = picture_version()

        async def body(tx: Transaction) -> int:
            await require_present(tx, user.id)
            await tx.execute(delete(pictures).where(pictures.c.user_id == user.id))
            await tx.execute(insert(pictures).values(user_id=user.id, jpeg=jpeg))
            await _set_version(tx, user, version)
            return version

        return await self._database.write(body)

    async def remove(self, user: User, actor: Actor) -> None:
        """Show initials again; where there is no picture, nothing happens.

        Raises:
            NotFound: the account has been deleted.
        """

        async def body(tx: Transaction) -> None:
            row = await require_present(tx, user.id)
            if row["picture_version"] == 0:
                return
            await tx.execute(delete(pictures).where(pictures.c.user_id == user.id))
            await _set_version(tx, user, 0)
            await self._audit.note(tx, actor, Deed.PICTURE_REMOVED, user.name)

        await self._database.write(body)

    async def jpeg(self, user: User, version: int) -> bytes:
        """The picture of that version, for somebody who may see it.

        Raises:
            NotFound: there is none, or another one by now.
        """
        query = (
            select(pictures.c.jpeg)
            .join_from(pictures, users)
            .where(users.c.id == user.id, users.c.picture_version == version)
        )
        async with self._database.read() as connection:
            found: bytes | None = (await connection.execute(query)).scalar_one_or_none()
        if found is None:
            raise NotFound
        return found

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many pictures are being sent at the moment. Try again soon.")
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1

    async def _made(self, data: bytes) -> bytes:
        try:
            with _in_memory(data) as source:
                async with self._launcher.launch(source) as worker:
                    jpeg = await worker.portrait(MakePortrait(SIDE))
        except WorkerFailed as error:
            raise _refused(error) from error
        if len(jpeg) > _MOST_KEPT_BYTES or not (jpeg.startswith(_WHOLE[0]) and jpeg.endswith(_WHOLE[1])):
            _log.warning("portrait_is_no_jpeg", length=len(jpeg))
            raise unreadable()
        return jpeg


def too_large() -> TooLarge:
    """More bytes than are taken."""
    most = f"{MAX_BYTES // 1_000_000} MB"
    words = f"This picture is larger than {most}. Choose a smaller one, or save it with fewer pixels."
    return TooLarge(words, facts={"limit": MAX_BYTES})


def unreadable() -> Invalid:
    """It came to harm in a worker, which says nothing that would help its owner."""
    words = "This picture could not be read. Save it anew as a JPEG or PNG, and choose that one."
    return Invalid(words, field="picture", code="picture_unreadable")


def _refused(error: WorkerFailed) -> StreamtimeError:
    if error.code in _OF_THE_FILE:
        return Invalid(error.message, field="picture", code=error.code)
    _log.warning("portrait_failed", code=error.code, last_words=error.last_words)
    if error.code in _OF_THE_MACHINE:
        return Unavailable("Pictures cannot be worked on here at the moment.", code=error.code)
    return unreadable()


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """A file without a name and a disk, which whoever is handed it can neither change nor make longer."""
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
    await tx.raise_epoch()  # what is remembered of callers and of videos has the version in it
