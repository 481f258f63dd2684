"""Preferences of an account: appearance, what plays next, and languages. They hold on all of its devices."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import RowMapping

from streamtime.database.tables.auth import preferences, users
from streamtime.database.transaction import Database, Transaction
from streamtime.errors import Invalid, NotFound
from streamtime.languages import bcp47

AUTO = "auto"
"""Of captions and audio: as last chosen in the player of this browser. Of pages: as the browser asks."""

OFF = "off"
"""Of captions: none."""


class Theme(StrEnum):
    """Colours of all pages."""

    AUTO = "auto"
    """As the device prefers."""
    LIGHT = "light"
    DARK = "dark"


class Density(StrEnum):
    """Size of the cards in lists of videos."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"


class Autoplay(StrEnum):
    """Whether the next video follows by itself."""

    AUTO = "auto"
    """Unless the device asks for less motion."""
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences of an account; the defaults hold until it changes them."""

    theme: Theme = Theme.AUTO
    density: Density = Density.COMFORTABLE
    autoplay: Autoplay = Autoplay.AUTO
    captions_language: str = AUTO
    """A BCP 47 tag, `AUTO` or `OFF`."""
    audio_language: str = AUTO
    """A BCP 47 tag or `AUTO`."""
    page_language: str = AUTO
    """A BCP 47 tag or `AUTO`; one without pages is as `AUTO`."""

    @classmethod
    def of_row(cls, row: RowMapping) -> "Preferences":
        """Return the preferences in a row that joins the table; the defaults if the account has none."""
        if row["theme"] is None:
            return DEFAULTS
        return cls(
            theme=Theme(row["theme"]),
            density=Density(row["density"]),
            autoplay=Autoplay(row["autoplay"]),
            captions_language=row["captions_language"],
            audio_language=row["audio_language"],
            page_language=row["page_language"],
        )


DEFAULTS = Preferences()

COLUMNS = tuple(column for column in preferences.c if column.name != "user_id")


class PreferenceRepository:
    """Reads and changes the preferences of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, user_id: int, **changes: str | None) -> Preferences:
        """Change the named preferences, leave those that are None, and return all.

        Raises:
            Invalid: a value is not one of those to choose from, or not a language.
            NotFound: the account has been deleted.
        """
        chosen = {name: _CHECKS[name](name, value) for name, value in changes.items() if value is not None}

        async def body(tx: Transaction) -> Preferences:
            query = select(*COLUMNS).select_from(users).outerjoin(preferences)
            row = (await tx.execute(query.where(users.c.id == user_id, users.c.deleted_at_ms.is_(None)))).mappings()
            found = row.first()
            if found is None:
                raise NotFound
            new = replace(Preferences.of_row(found), **chosen)  # type: ignore[arg-type]  # `_CHECKS` returns each's type
            values = asdict(new)
            statement = insert(preferences).values(user_id=user_id, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
            await tx.bump_epoch()  # cached callers contain the preferences
            return new

        return await self._database.write(body)


def _one_of(choices: type[StrEnum], name: str, value: str) -> StrEnum:
    try:
        return choices(value)
    except ValueError:
        raise Invalid(f"Choose one of: {', '.join(choices)}.", field=name) from None


def _language(name: str, value: str, *words: str) -> str:
    tag = value if value in words else None if value == OFF else bcp47(value)
    if tag is None:
        raise Invalid("Choose a language.", field=name)
    return tag


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "theme": lambda name, value: _one_of(Theme, name, value),
    "density": lambda name, value: _one_of(Density, name, value),
    "autoplay": lambda name, value: _one_of(Autoplay, name, value),
    "captions_language": lambda name, value: _language(name, value, AUTO, OFF),
    "audio_language": lambda name, value: _language(name, value, AUTO),
    "page_language": lambda name, value: _language(name, value, AUTO),
}
