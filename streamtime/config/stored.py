"""Keys that administrators may change on pages of the server: their values are stored as text in the database.

A value of the command line, the environment or the configuration file overrides a stored one. A stored value is
checked like one of the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from streamtime.config.keys import KEYS, Key, convert, split
from streamtime.config.load import require_consistent
from streamtime.config.sections import Config
from streamtime.errors import ConfigError, Invalid

DATABASE = "database"
"""The place of a stored value, as messages name it."""

EDITABLE: Mapping[str, bool] = {
    "accounts.registration": True,
    "accounts.quota": True,
    "accounts.default_visibility": True,
    "accounts.anonymous_browsing": False,
    "accounts.audit_days": False,
    "uploads.max_size": True,
    "uploads.minimum_free_space": True,
    "storage.bin_days": True,
    "transcode.minimum_free_space": True,
    "transcode.quiet_hours": True,
    "transcode.yield_to_viewers": True,
    "transcode.workers": False,
    "backup.every": True,
    "backup.keep": True,
    "backup.check_every": True,
}
"""The keys that may be stored, and whether a change takes effect at once or after a restart."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The configuration in force, and what it is made of."""

    configured: Config
    """Defaults, file, environment and command line."""
    places: Mapping[str, str]
    """The place of each key that one of these three sets."""
    stored: Mapping[str, str]
    """Texts in the database, by key."""
    config: Config
    """With the stored values."""

    @classmethod
    def of(cls, configured: Config, places: Mapping[str, str]) -> "LoadedConfig":
        """Return a configuration without stored values."""
        return cls(configured, places, {}, configured)

    def with_stored(self, stored: Mapping[str, str]) -> "LoadedConfig":
        """Return the same with other stored values.

        Raises:
            Invalid: a value is not accepted; its `field` is the key.
        """
        config = self.configured
        for name, text in stored.items():
            if name not in EDITABLE:
                raise Invalid(f"There is no setting {name[:100]!r} that can be changed here.", field=name[:100])
            if name not in self.places:
                config = _with(config, name, _parse(KEYS[name], text))
        try:
            require_consistent(config, {**dict.fromkeys(stored, DATABASE), **self.places})
        except ConfigError as error:
            raise Invalid(error.message) from error
        return replace(self, stored=dict(stored), config=config)

    def text(self, name: str, config: Config | None = None) -> str:
        """Return the value of a key as it is written, in this or another configuration."""
        value: object = config or self.config
        for part in name.split("."):
            value = getattr(value, part)
        return written(value)


def place_of(loaded: LoadedConfig, name: str) -> str:
    """Return what sets a key, as messages name it: a file, a variable, the command line, or the database."""
    place = loaded.places.get(name, DATABASE if name in loaded.stored else "")
    return KEYS[name].environment_name if place == "environment" else place


def choices(key: Key) -> tuple[str, ...]:
    """Return the values to choose from; none if others are accepted."""
    kind, _ = split(key.annotation)
    if kind is bool:
        return ("true", "false")
    return tuple(get_args(kind)) if get_origin(kind) is Literal else ()


def written(value: object) -> str:
    """Return a value as a user writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse(key: Key, text: str) -> object:
    try:
        return convert(key, text, is_text=True)
    except ValueError:
        raise Invalid(f"It takes {key.accepts}.", field=key.name) from None


def _with(config: Config, name: str, value: object) -> Config:
    section, _, field = name.rpartition(".")
    changed: Struct = msgspec.structs.replace(getattr(config, section), **{field: value})
    return msgspec.structs.replace(config, **{section: changed})
