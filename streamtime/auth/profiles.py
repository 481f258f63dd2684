"""Profiles: display names and profile pictures.

A picture is uploaded as any image file, decoded and scaled down by a confined worker, and stored as a row. Its URL
contains its version. `videos.profile_visibility` decides who may see it.
"""

import unicodedata

from sqlalchemy import delete, insert, select, update

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.auth.rate_limits import RateLimit, RateLimiter
from streamtime.auth.users import User, require_user
from streamtime.database.tables.auth import profile_pictures, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound
from streamtime.ids import picture_version
from streamtime.translation import gettext, number_text
from streamtime.workers.pictures import MAX_BYTES, PictureDecoder, picture_too_large
from streamtime.workers.protocol import MakeProfilePicture

MAX_DISPLAY_NAME = 60
MAX_ABOUT = 1_000

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of characters that are invisible or change the direction of the text around them."""

_CONTROLS = frozenset({"Cc", "Cs", "Cn"})


class Profiles:
    """Changes display names, and what people write about themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, user: User, display_name: str, about: str) -> None:
        """Set the display name and `about`. Without a display name the account's name is shown.

        Raises:
            NotFound: the account has been deleted.
            Invalid: a text is too long, or the name has invisible characters.
        """
        name = clean_display_name(display_name) if display_name.strip() else ""
        written = _clean_about(about)

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            shown = "" if name == user.name else name
            await tx.execute(update(users).where(users.c.id == user.id).values(display_name=shown, about=written))
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


def _clean_about(text: str) -> str:
    """Return the text with plain line ends. Raises `Invalid` if it is too long."""
    written = unicodedata.normalize("NFC", "\n".join(text.splitlines()).strip())
    if len(written) > MAX_ABOUT:
        raise Invalid(
            gettext("Write at most %(most)s characters.", most=number_text(MAX_ABOUT)), field="about", code="about"
        )
    return "".join(letter for letter in written if letter == "\n" or unicodedata.category(letter) not in _CONTROLS)


SIZE_PX = 256
"""Width and height in pixels: the largest size it is shown at, on a screen with a device pixel ratio of two."""

_MAX_STORED_BYTES = 200_000
"""A picture has about ten thousand bytes."""


class ProfilePictures:
    """Stores, removes and returns profile pictures."""

    def __init__(self, database: Database, decoder: PictureDecoder, rate_limiter: RateLimiter, audit: AuditLog) -> None:
        self._database = database
        self._decoder = decoder
        self._rate_limiter = rate_limiter
        self._audit = audit

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
        jpeg = await self._decoder.jpeg(data, MakeProfilePicture(SIZE_PX), max_bytes=_MAX_STORED_BYTES)
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


async def _set_version(tx: Transaction, user: User, version: int) -> None:
    await tx.execute(update(users).where(users.c.id == user.id).values(picture_version=version))
    await tx.bump_epoch()  # cached callers and videos contain the version
