"""Loads the configuration: the command line overrides the environment, which overrides the file and the defaults.

Errors name the place that set a key (file, environment or command line) and what to change. Rules between several
keys are checked here as well; `keys.py` converts single values.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from streamtime.config.keys import ENVIRONMENT_PREFIX, KEYS, SECTIONS, Key, convert, split
from streamtime.config.sections import Config, S3Config
from streamtime.errors import ConfigError, Invalid
from streamtime.storage.object_store import valid_prefix

_BUCKET = re.compile(r"(?!.*(\.\.|\.-|-\.))(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Bucket names as S3 documents them: 3 to 63 characters of a-z 0-9 . -, not an IPv4 address."""

_S3 = "storage.s3."


def require_consistent(config: Config, places: Mapping[str, str]) -> None:
    """Check the rules between keys. `places` maps each key that was set to the place that set it.

    Raises:
        ConfigError: a rule is broken.
    """
    _check_backend(config, places)
    if config.storage.s3.endpoint and config.storage.s3.bucket:
        _check_bucket(config.storage.s3, places)
    _check_backup_folder(config, places)
    _check_heights(config, places)
    _check_provider(config, places)


def _check_backend(config: Config, places: Mapping[str, str]) -> None:
    if config.storage.backend == "s3":
        for name in ("endpoint", "bucket"):
            if not getattr(config.storage.s3, name):
                raise _missing(places, "storage.backend", 'storage.backend = "s3"', _S3 + name)


def _check_bucket(chosen: S3Config, places: Mapping[str, str]) -> None:
    for name in ("access_key", "secret_key"):
        if not getattr(chosen, name):
            raise _missing(places, f"{_S3}bucket", f"{_S3}bucket", _S3 + name)
    if _BUCKET.fullmatch(chosen.bucket) is None:
        raise _invalid(places, f"{_S3}bucket", f"{chosen.bucket!r} is no name of a bucket")
    try:
        valid_prefix(chosen.prefix.strip("/"))
    except Invalid as error:
        raise _invalid(places, f"{_S3}prefix", error.message.removesuffix(".")) from error
    if chosen.redirect_public and not chosen.public_endpoint:
        key = f"{_S3}redirect_public"
        raise _missing(places, key, key, f"{_S3}public_endpoint")
    if chosen.ca_file:
        _check_file(places, f"{_S3}ca_file", Path(chosen.ca_file))


def _check_backup_folder(config: Config, places: Mapping[str, str]) -> None:
    """Reject a folder inside `objects` or `spool`, where files without a row are quarantined and deleted."""
    try:
        folder = (config.data_dir / Path(config.backup.to).expanduser()).absolute()
    except RuntimeError as error:  # "~nobody/copies"
        raise _invalid(places, "backup.to", f"{config.backup.to!r} is in no known person's home") from error
    if "\0" in config.backup.to:
        raise _invalid(places, "backup.to", f"{config.backup.to!r} is no path")
    for name in ("objects", "spool"):
        if folder.is_relative_to((config.data_dir / name).absolute()):
            raise _invalid(places, "backup.to", f"{folder} is inside {name}/, which is for videos")


def _check_heights(config: Config, places: Mapping[str, str]) -> None:
    chosen = config.transcode
    if all(height > chosen.max_height for height in chosen.heights):
        heights = ", ".join(str(height) for height in chosen.heights)
        key = "transcode.max_height" if "transcode.max_height" in places else "transcode.heights"
        message = f"transcode.max_height {chosen.max_height} leaves none of transcode.heights: {heights}."
        raise ConfigError(f"{places.get(key, 'defaults')}: {message}")


def _check_provider(config: Config, places: Mapping[str, str]) -> None:
    chosen, section = config.accounts.oidc, "accounts.oidc."
    for key, other in (("issuer", "client_id"), ("client_id", "issuer")):
        if getattr(chosen, key) and not getattr(chosen, other):
            raise _missing(places, section + key, section + key, section + other)
    if chosen.client_secret and chosen.client_secret_file:
        key = f"{section}client_secret_file"
        raise ConfigError(f"{places.get(key, 'defaults')}: set {section}client_secret or {key}, not both.")
    if chosen.issuer and chosen.client_secret_file:
        _check_file(places, f"{section}client_secret_file", Path(chosen.client_secret_file))


def _check_file(places: Mapping[str, str], key: str, path: Path) -> None:
    try:
        with path.expanduser().open("rb") as file:
            file.read(1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _invalid(places, key, f"{str(path)!r} cannot be read ({reason})") from error


def _missing(places: Mapping[str, str], set_key: str, setting: str, needed: str) -> ConfigError:
    variable = KEYS[needed].environment_name
    place = places.get(set_key, "defaults")
    return ConfigError(f"{place}: {setting} needs {needed} (or {variable}), which is not set.")


def _invalid(places: Mapping[str, str], key: str, reason: str) -> ConfigError:
    return ConfigError(f"{places.get(key, 'defaults')}: {key}: {reason}.")


FILE_VARIABLE = "STREAMTIME_CONFIG"
DEFAULT_FILE = "config.toml"
MAX_FILE_BYTES = 1 << 20
"""Larger than any configuration file; protects against a path that names a video or a device."""

MAX_SHOWN = 100
"""Characters of a rejected value that a message repeats."""

S = TypeVar("S", bound=Struct)

_KUBERNETES_VARIABLE = re.compile(r"STREAMTIME_(SERVICE_(HOST|PORT)\w*|PORT(_\d+_\w+)?)")
"""Variables that Kubernetes sets for a service named streamtime: `STREAMTIME_PORT=tcp://10.0.0.7:8000`."""


@dataclass(frozen=True, slots=True)
class _RawValue:
    """A value as it was found: `place` is where, `name` is the key's name there."""

    key: Key
    raw: object
    name: str
    place: str
    is_text: bool = False
    folder: Path = Path()


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]) -> Config:
    """Load the configuration, as `load_with_places`, which has the arguments and errors."""
    return load_with_places(path, environ, overrides)[0]


def load_with_places(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> tuple[Config, Mapping[str, str]]:
    """Load the configuration, and the place of each key that is set.

    Args:
        path: the file of `--config`; without it `STREAMTIME_CONFIG`, then `config.toml` in the current directory.
        environ: every variable that begins with `STREAMTIME_` must be a key.
        overrides: values of the command line by dotted key (`"server.port"`); None means not given.

    Raises:
        ConfigError: the file cannot be read, a key does not exist, a value is not accepted, or keys contradict each
            other.
    """
    values: dict[str, object] = {}
    places: dict[str, str] = {}
    for given in (*_from_file(_file(path, environ)), *_from_environment(environ), *_from_overrides(overrides)):
        values[given.key.name] = _convert(given)
        places[given.key.name] = given.place
    config = _build(Config, values, "")
    require_consistent(config, places)
    return msgspec.structs.replace(config, data_dir=config.data_dir.absolute()), places


def _file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environ.get(FILE_VARIABLE):
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def _from_file(path: Path | None) -> Iterator[_RawValue]:
    if path is None:
        return
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: this is no configuration: it is larger than {MAX_FILE_BYTES // 1024} KiB.")
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: this is not TOML: line {line} is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: this is not TOML: {_shortened(str(error))}.") from error
    yield from _from_table(table, "", path)


def _from_table(table: Mapping[str, object], section: str, path: Path) -> Iterator[_RawValue]:
    for key, raw in table.items():
        name = f"{section}{key}"
        if name in KEYS:
            yield _RawValue(KEYS[name], raw, name, str(path), folder=path.parent)
        elif name in SECTIONS and isinstance(raw, dict):
            yield from _from_table(raw, f"{name}.", path)
        elif name in SECTIONS:
            raise ConfigError(f"{path}: {name} is a section: write [{name}] above its keys.")
        else:
            raise _unknown(name, str(path), [*KEYS, *SECTIONS])


def _from_environment(environ: Mapping[str, str]) -> Iterator[_RawValue]:
    by_variable = {key.environment_name: key for key in KEYS.values()}
    for variable, raw in environ.items():
        if variable in by_variable:
            yield _RawValue(by_variable[variable], raw, variable, "environment", is_text=True)
        elif not _is_foreign(variable):
            raise _unknown(variable, "environment", [*by_variable, FILE_VARIABLE])


def _is_foreign(variable: str) -> bool:
    """Return whether a variable is not a key: it lacks the prefix, names the file, or is set by Kubernetes."""
    has_prefix = variable.startswith(ENVIRONMENT_PREFIX) and variable != FILE_VARIABLE
    return not has_prefix or _KUBERNETES_VARIABLE.fullmatch(variable) is not None


def _from_overrides(overrides: Mapping[str, object]) -> Iterator[_RawValue]:
    for name, raw in overrides.items():
        if name not in KEYS:
            raise _unknown(name, "command line", [*KEYS])
        if raw is not None:
            yield _RawValue(KEYS[name], raw, name, "command line", is_text=isinstance(raw, str))


def _convert(given: _RawValue) -> object:
    try:
        value = convert(given.key, given.raw, is_text=given.is_text)
    except ValueError as error:
        shown = "what was given" if given.key.is_secret else _shortened(repr(given.raw))
        raise ConfigError(f"{given.place}: {given.name} cannot be {shown}; it takes {given.key.accepts}.") from error
    return given.folder / value if isinstance(value, Path) else value


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _unknown(name: str, place: str, names: list[str]) -> ConfigError:
    """Return an error that suggests the closest key: the same name in another section, or a similar spelling."""
    last = re.split(r"\.|__", name)[-1].lower()
    same_name = [known for known in names if re.split(r"\.|__", known)[-1].lower() == last]
    nearest = same_name or get_close_matches(name, names, n=1, cutoff=0.3) or names
    return ConfigError(f"{place}: there is no {_shortened(name)}; did you mean {nearest[0]}?")


def _build(struct: type[S], values: Mapping[str, object], prefix: str) -> S:
    """Build a struct from the values under a prefix, with defaults for the others."""
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        kind, _ = split(field.type)
        name = prefix + field.name
        if isinstance(kind, type) and issubclass(kind, Struct):
            given[field.name] = _build(kind, values, f"{name}.")
        elif name in values:
            given[field.name] = values[name]
    return struct(**given)
