"""What others read of somebody: a name of their own choice."""

import unicodedata

from sqlalchemy import update

from streamtime.accounts.users import User, require_user
from streamtime.database.people_tables import users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid

MAX_DISPLAY_NAME = 60

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Kinds of characters that show nothing, or turn around what stands beside them."""


class Profiles:
    """Changes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_display_name(self, user: User, text: str) -> None:
        """Say what others read; nothing, or the account's own name, is the account's name.

        Raises:
            NotFound: the account has been deleted.
            Invalid: it will not do.
        """
        name = clean_display_name(text) if text.strip() else ""

        async def body(tx: Transaction) -> None:
            await require_user(tx, user.id)
            shown = "" if name == user.name else name
            await tx.execute(update(users).where(users.c.id == user.id).values(display_name=shown))
            await tx.bump_epoch()  # what is remembered of callers and of videos has the name in it

        await self._database.write(body)


def clean_display_name(text: str) -> str:
    """A display name without spaces around it.

    Raises:
        Invalid: it is empty, too long, or has characters that do not show.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(name) <= MAX_DISPLAY_NAME or any(
        unicodedata.category(letter) in _INVISIBLE_CATEGORIES for letter in name
    ):
        words = f"Choose a name of 1 to {MAX_DISPLAY_NAME} characters that can be seen."
        raise Invalid(words, field="display_name", code="display_name")
    return name
