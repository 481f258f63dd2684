"""Whether a database may be made: where there was one before, its loss must not look like a first start.

A new database has no accounts, so it gives out a setup code; and it knows nothing of the objects beside it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from streamtime.app.core import (
    backup_folders,
    bucket_address,
    build_maintenance_services,
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
"""How long a start may look through the database: after a kill or a power cut, and otherwise. It takes about 0.1 s of
processor time for 100 MB."""

_log = get_logger("database")


def require_first_start(config: Config) -> None:
    """Return where nothing speaks against making a database.

    Raises:
        ConfigError: there are traces of an earlier one; the message names them, the newest copy, and what to do.
    """
    if not (found := _previous_data(config)):
        return
    path = database_path(config)
    state = "is empty" if path.exists() else "is missing"
    raise ConfigError(
        f"The database {path} {state}, but there was one before: {', '.join(found)}. "
        f"{restore_advice(backup_folders(config), replace=False)} "
        "Is the right disk mounted, and data_dir the right one? To begin anew, "
        "with no accounts and none of the old videos: `streamtime serve --new-database`."
    )


def require_undamaged(config: Config) -> None:
    """Return where a look at the database finds no damage, or does not end in time: the server goes on with it later.

    Raises:
        ConfigError: it is damaged; the message names the newest copy.
        StreamtimeError: it cannot be read.
    """
    path = database_path(config)
    if not path.exists() or not path.stat().st_size:
        return
    log = path.with_name(f"{path.name}-wal")
    unclean = log.exists() and log.stat().st_size > 0  # SQLite deletes it when the last connection is closed
    within_s = UNCLEAN_CHECK_S if unclean else CLEAN_CHECK_S
    try:
        if not database_file.check_live(path, timeout_s=within_s):
            _log.warning("database_check_broken_off", after_s=within_s)
    except DatabaseDamaged as error:
        raise damaged_error(config, error) from error


def damaged_error(config: Config, error: DatabaseDamaged) -> ConfigError:
    """What to say of a database in which damage was found."""
    words = restore_advice(backup_folders(config), replace=True)
    return ConfigError(f"The database {database_path(config)} is damaged: {error.message}. {words}")


def create_new_database(config: Config) -> None:
    """Put aside what is in the place of the database, if anything, and make a new one. No object is deleted.

    The new one has a marker of its own, and as after a restore nothing is deleted in a store that holds other objects
    until `gc --take-over` says so. The caller holds the server's lock.

    Raises:
        ConfigError: there is a database that can be used.
    """
    path, now_ms = database_path(config), SystemClock().now_ms()
    if _usable(path):
        raise ConfigError(
            f"There is a database in {config.data_dir}, so --new-database does nothing. Leave it out to use that one; "
            "to begin anew, move the database elsewhere first."
        )
    aside = set_aside_database(path, f"{path.stem}-before-new-{now_ms}{path.suffix}")
    path.unlink(missing_ok=True)
    if aside is not None:
        _log.warning("database_moved_aside", to=str(aside))
    migrate(path, now_ms=now_ms)
    asyncio.run(_renew_store_ids(config))


async def _renew_store_ids(config: Config) -> None:
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        deployment = build_maintenance_services(base).ownership
        await base.database.write(lambda tx: deployment.reset(tx, restored_at_ms=base.clock.now_ms()))


def _usable(path: Path) -> bool:
    try:
        return present_revision(path) is not None
    except ConfigError:
        return False


def _previous_data(config: Config) -> list[str]:
    """What an earlier database has left, in words."""
    path = database_path(config)
    log = path.with_name(f"{path.name}-wal")
    found = [f"{folder} holds files" for name in ("objects", "spool") if any(_files(folder := config.data_dir / name))]
    if log.exists() and log.stat().st_size:
        found.append(f"{log} holds changes to it")
    found += [f"{folder} holds copies of it" for folder in backup_folders(config) if find_copies(folder)]
    return found or asyncio.run(_previous_data_in_bucket(config))


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder, temporary ones left out."""
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(where, name) for name in names if not name.startswith("."))


async def _previous_data_in_bucket(config: Config) -> list[str]:
    address = bucket_address(config.storage.s3)
    if address is None:
        return []
    store = S3Store(address)
    try:
        marked = await store.head(STORE_ID_KEY) is not None
        held = marked or [each async for each in _first(store)]
    except StreamtimeError as error:
        _log.warning("bucket_not_looked_at", error=error.message)
        return []
    finally:
        await store.close()
    place = f"{address.bucket}/{address.prefix}".rstrip("/")
    return [f"the bucket {place} holds the files of an installation"] if held else []


async def _first(store: S3Store) -> AsyncIterator[str]:
    async for each in store.list("videos/"):
        yield each.key
        return
