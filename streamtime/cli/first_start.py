"""Checks before a database is created or opened: a lost database must not look like a first start.

A new database has no accounts, so the server would print a setup code, and it knows nothing of the existing objects.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from streamtime.app.core import (
    backup_folders,
    bucket_address,
    build_store_records,
    database_path,
    open_infrastructure,
)
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.database.copies import find_copies, restore_advice
from streamtime.database.migrate import migrate, present_revision
from streamtime.errors import ConfigError, DatabaseDamaged, StreamtimeError
from streamtime.logging import get_logger
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.database_file import set_aside_database
from streamtime.storage.objects.stores import STORE_ID_KEY
from streamtime.storage.s3.store import S3Store

UNCLEAN_CHECK_S = 60.0
CLEAN_CHECK_S = 5.0
"""The longest check of the database at start: after a crash, and otherwise. It takes about 0.1 s per 100 MB."""

_log = get_logger("cli")


def require_first_start(config: Config) -> None:
    """Return if a new database may be created.

    Raises:
        ConfigError: there is data of an earlier database; the message names it, the newest copy, and what to do.
    """
    if not (found := _previous_data(config)):
        return
    path = database_path(config)
    state = "is empty" if path.exists() else "is missing"
    raise ConfigError(
        f"The database {path} {state}, but there was one before: {', '.join(found)}. "
        f"{restore_advice(backup_folders(config), replace=False)} "
        "Is the right disk mounted, and data_dir the right one? To start again, "
        "with no accounts and none of the old videos: `streamtime serve --new-database`."
    )


def require_undamaged(config: Config) -> None:
    """Return if a check finds no damage in the database, or does not finish in time; the server repeats it later.

    Raises:
        ConfigError: the database is damaged; the message names the newest copy.
        StreamtimeError: it cannot be read.
    """
    path = database_path(config)
    if not path.exists() or not path.stat().st_size:
        return
    log = path.with_name(f"{path.name}-wal")
    unclean = log.exists() and log.stat().st_size > 0  # SQLite deletes it when the last connection is closed
    timeout_s = UNCLEAN_CHECK_S if unclean else CLEAN_CHECK_S
    try:
        if not database_file.check_live(path, timeout_s=timeout_s):
            _log.warning("database_check_timed_out", after_s=timeout_s)
    except DatabaseDamaged as error:
        raise damaged_error(config, error) from error


def damaged_error(config: Config, error: DatabaseDamaged) -> ConfigError:
    """Return the error for a damaged database, with advice how to restore it."""
    advice = restore_advice(backup_folders(config), replace=True)
    return ConfigError(f"The database {database_path(config)} is damaged: {error.message}. {advice}")


def create_new_database(config: Config) -> None:
    """Create a new database, and rename an unusable file in its place. No object is deleted.

    The database gets its own store ids: as after a restore, nothing is deleted in a store with other objects before
    `gc --take-over`. The caller holds the server lock.

    Raises:
        ConfigError: there is a usable database.
    """
    path, now_ms = database_path(config), SystemClock().now_ms()
    if _usable(path):
        raise ConfigError(
            f"There is a database in {config.data_dir}, so --new-database does nothing. Leave it out to use that one; "
            "to start again, move the database elsewhere first."
        )
    renamed = set_aside_database(path, f"{path.stem}-before-new-{now_ms}{path.suffix}")
    path.unlink(missing_ok=True)
    if renamed is not None:
        _log.warning("old_database_renamed", to=str(renamed))
    migrate(path, now_ms=now_ms)
    asyncio.run(_renew_store_ids(config))


async def _renew_store_ids(config: Config) -> None:
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        ownership = build_store_records(base).ownership
        await base.database.write(lambda tx: ownership.reset(tx, restored_at_ms=base.clock.now_ms()))


def _usable(path: Path) -> bool:
    try:
        return present_revision(path) is not None
    except ConfigError:
        return False


def _previous_data(config: Config) -> list[str]:
    """Return descriptions of data that an earlier database has left."""
    path = database_path(config)
    log = path.with_name(f"{path.name}-wal")
    found = [f"{folder} holds files" for name in ("objects", "spool") if any(_files(folder := config.data_dir / name))]
    if log.exists() and log.stat().st_size:
        found.append(f"{log} holds changes to it")
    found += [f"{folder} holds copies of it" for folder in backup_folders(config) if find_copies(folder)]
    return found or asyncio.run(_previous_data_in_bucket(config))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, without temporary ones."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


async def _previous_data_in_bucket(config: Config) -> list[str]:
    address = bucket_address(config.storage.s3)
    if address is None:
        return []
    store = S3Store(address)
    try:
        has_data = await store.head(STORE_ID_KEY) is not None or [key async for key in _first_key(store)]
    except StreamtimeError as error:
        _log.warning("bucket_check_failed", error=error.message)
        return []
    finally:
        await store.close()
    place = f"{address.bucket}/{address.prefix}".rstrip("/")
    return [f"the bucket {place} holds the files of an installation"] if has_data else []


async def _first_key(store: S3Store) -> AsyncIterator[str]:
    async for item in store.list("videos/"):
        yield item.key
        return
