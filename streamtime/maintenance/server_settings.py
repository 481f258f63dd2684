"""Settings of the server that administrators change: where each value comes from, and storing changes.

The keys and their rules are those of the configuration; the composition hands both in. What the configuration sets
itself cannot be changed here.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from streamtime.auth.audit import Actor, AuditEvent, AuditLog
from streamtime.clock import Clock
from streamtime.database.tables.storage import server_settings
from streamtime.database.transaction import Database, Transaction, read_only_uri
from streamtime.errors import Conflict, Invalid


class Source(StrEnum):
    """Where the value of a setting comes from."""

    DEFAULT = "default"
    DATABASE = "database"
    CONFIGURATION = "configuration"
    """The configuration file, the environment or the command line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the configuration that can be changed. Values are text, as in an environment variable."""

    key: str
    accepts: str
    """What it accepts, as a phrase that completes "it takes ..."."""
    choices: tuple[str, ...]
    """The values to choose from; none if others are accepted."""
    default: str
    configured: str
    """The value that the configuration sets; the default if it sets none."""
    place: str
    """The place in the configuration that sets it; empty if none does."""
    immediate: bool
    """Whether a change takes effect without a restart."""


@dataclass(frozen=True, slots=True)
class SettingValue:
    """A setting and its value. `running` is in force; it differs from `value` until a restart."""

    setting: Setting
    value: str
    running: str
    source: Source


class ServerSettings:
    """Reads and changes the settings. One process uses a database, so the stored values are kept in memory too."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        settings: Sequence[Setting],
        check: Callable[[Mapping[str, str]], Mapping[str, str]],
        stored: Mapping[str, str],
    ) -> None:
        """`check` returns stored values in their usual form, and raises `Invalid` if one is not accepted."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._settings = {setting.key: setting for setting in settings}
        self._check = check
        self._stored = dict(stored)
        self._at_start = {key: self._value(key, stored) for key in self._settings}
        self.on_change: Callable[[Mapping[str, str]], None] = lambda _: None
        """Called with all stored values after a change: it puts them in force."""

    def all(self) -> list[SettingValue]:
        """Return all settings in their order."""
        return [self._setting_value(setting) for setting in self._settings.values()]

    async def change(self, changes: Mapping[str, str | None], actor: Actor) -> None:
        """Store values by key; None goes back to the default.

        Raises:
            Invalid: there is no such setting, or it does not accept the value; `field` is its key.
            Conflict: the configuration sets the key.
        """
        for key in changes:
            if key not in self._settings:
                raise Invalid(f"There is no setting {key[:100]!r} that can be changed here.", field=key[:100])
            if place := self._settings[key].place:
                raise Conflict(f"{key} is set by {place}: change it there.", code="set_by_configuration")

        async def body(tx: Transaction) -> dict[str, str]:
            before = {row.key: row.value for row in await tx.execute(_SELECTION)}
            after = {**before, **{key: text.strip() for key, text in changes.items() if text is not None}}
            for key in [key for key, text in changes.items() if text is None]:
                after.pop(key, None)
            written = self._check(self._known(after))
            after.update({key: written[key] for key in changes if key in after})
            for key in changes:
                if before.get(key) != after.get(key):
                    await self._store(tx, key, after.get(key))
                    was, now = self._value(key, before), self._value(key, after)
                    await self._audit.record(tx, actor, AuditEvent.SETTING_CHANGED, key, before=was, now=now)
            return after

        self._stored = await self._database.write(body)
        self.on_change(self._known(self._stored))

    async def _store(self, tx: Transaction, key: str, text: str | None) -> None:
        if text is None:
            await tx.execute(delete(server_settings).where(server_settings.c.key == key))
            return
        values = {"value": text, "changed_at_ms": self._clock.now_ms()}
        statement = insert(server_settings).values(key=key, **values)
        await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))

    def _known(self, stored: Mapping[str, str]) -> dict[str, str]:
        """Leave out keys of another version of the server."""
        return {key: text for key, text in stored.items() if key in self._settings}

    def _value(self, key: str, stored: Mapping[str, str]) -> str:
        setting = self._settings[key]
        return setting.configured if setting.place else stored.get(key, setting.default)

    def _setting_value(self, setting: Setting) -> SettingValue:
        value = self._value(setting.key, self._stored)
        source = Source.DATABASE if setting.key in self._stored else Source.DEFAULT
        return SettingValue(
            setting,
            value,
            running=value if setting.immediate else self._at_start[setting.key],
            source=Source.CONFIGURATION if setting.place else source,
        )


_SELECTION = select(server_settings.c.key, server_settings.c.value)


def stored_in_file(database: Path) -> dict[str, str]:
    """Return the stored values of a database file by key, before the server or a command opens it."""
    with closing(sqlite3.connect(read_only_uri(database), uri=True)) as connection:
        return dict(connection.execute(str(_SELECTION)).fetchall())
