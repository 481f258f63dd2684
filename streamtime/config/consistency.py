"""Rules that hold between several keys. They are checked when the configuration is loaded, before anything is made.

Each error names the place that set the key (file, environment or command line) and the key to change.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from streamtime.config.keys import KEYS
from streamtime.config.sections import Config, S3Config
from streamtime.errors import ConfigError, Invalid
from streamtime.storage.object_store import valid_prefix

_BUCKET = re.compile(r"(?!.*(\.\.|\.-|-\.))(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Bucket names, as S3 documents them: 3 to 63 of a-z 0-9 . -, and no IPv4 address."""

_S3 = "storage.s3."


def require_consistent(config: Config, places: Mapping[str, str]) -> None:
    """Check the rules between keys. `places` tells where each key that was set got its value.

    Raises:
        ConfigError: a rule is broken.
    """
    _check_backend(config, places)
    if config.storage.s3.endpoint and config.storage.s3.bucket:
        _check_bucket(config.storage.s3, places)
    _check_copies(config, places)
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
        raise _refused(places, f"{_S3}bucket", f"{chosen.bucket!r} is no name of a bucket")
    try:
        valid_prefix(chosen.prefix.strip("/"))
    except Invalid as error:
        raise _refused(places, f"{_S3}prefix", error.message.removesuffix(".")) from error
    if chosen.redirect_public and not chosen.public_endpoint:
        key = f"{_S3}redirect_public"
        raise _missing(places, key, key, f"{_S3}public_endpoint")
    if chosen.ca_file:
        _check_file(places, f"{_S3}ca_file", Path(chosen.ca_file))


def _check_copies(config: Config, places: Mapping[str, str]) -> None:
    """Files in the folders of objects and of uploads that belong to no video would be put aside and deleted."""
    try:
        folder = (config.data_dir / Path(config.backup.to).expanduser()).absolute()
    except RuntimeError as error:  # "~nobody/copies"
        raise _refused(places, "backup.to", f"{config.backup.to!r} is in no known person's home") from error
    if "\0" in config.backup.to:
        raise _refused(places, "backup.to", f"{config.backup.to!r} is no path")
    for name in ("objects", "spool"):
        if folder.is_relative_to((config.data_dir / name).absolute()):
            raise _refused(places, "backup.to", f"{folder} is inside {name}/, which is for videos")


def _check_heights(config: Config, places: Mapping[str, str]) -> None:
    chosen = config.transcode
    if all(height > chosen.max_height for height in chosen.heights):
        heights = ", ".join(str(height) for height in chosen.heights)
        key = "transcode.max_height" if "transcode.max_height" in places else "transcode.heights"
        words = f"transcode.max_height {chosen.max_height} leaves none of transcode.heights: {heights}."
        raise ConfigError(f"{places.get(key, 'defaults')}: {words}")


def _check_provider(config: Config, places: Mapping[str, str]) -> None:
    chosen, section = config.accounts.oidc, "accounts.oidc."
    for one, other in (("issuer", "client_id"), ("client_id", "issuer")):
        if getattr(chosen, one) and not getattr(chosen, other):
            raise _missing(places, section + one, section + one, section + other)
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
        raise _refused(places, key, f"{str(path)!r} cannot be read ({reason})") from error


def _missing(places: Mapping[str, str], set_key: str, said: str, needed: str) -> ConfigError:
    variable = KEYS[needed].environment_name
    place = places.get(set_key, "defaults")
    return ConfigError(f"{place}: {said} needs {needed} (or {variable}), which is not set.")


def _refused(places: Mapping[str, str], key: str, words: str) -> ConfigError:
    return ConfigError(f"{places.get(key, 'defaults')}: {key}: {words}.")
