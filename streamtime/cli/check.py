"""`streamtime check`: checks everything that the server needs, with one line per part."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from streamtime.app.auth import build_oidc_provider
from streamtime.app.core import (
    bucket_address,
    build_automatic_backups,
    build_store_records,
    database_path,
    open_infrastructure,
)
from streamtime.app.workers import PREPARE_NICE, worker_launcher
from streamtime.auth.oidc.types import ProviderUnavailable
from streamtime.cli.context import Context, prepare_data_dir, with_stored_settings
from streamtime.cli.first_start import damaged_error, require_first_start
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.config.stored import DATABASE, LoadedConfig, place_of
from streamtime.database.migrate import migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError, DatabaseDamaged, StreamtimeError
from streamtime.formatting import size_text
from streamtime.http.assets import WebFiles
from streamtime.maintenance.backup import database_file
from streamtime.storage.local.store import LocalStore
from streamtime.storage.objects.stores import UNVERIFIED, status_message
from streamtime.storage.s3.trial import check_bucket
from streamtime.storage.spool import Spool
from streamtime.workers.launcher import format_layers, query_confinement

_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})


@dataclass(slots=True)
class CheckReport:
    """Prints the result of each check and counts the failures."""

    failures: int = 0

    @contextmanager
    def check(self, name: str) -> Iterator[list[str]]:
        """Check one part: notes appended to the yielded list are printed; a `StreamtimeError` is a failure."""
        notes: list[str] = []
        try:
            yield notes
        except StreamtimeError as error:
            self.failures += 1
            click.echo(f"fault  {name}: {error.message}")
        else:
            click.echo(f"ok     {name}: {', '.join(notes)}")


@click.command()
@click.pass_obj
def check(context: Context) -> None:
    """Check configuration, database, storage, worker and front end. Exit code 1 if one has a fault."""
    report = CheckReport()
    with report.check("config") as notes:
        loaded = context.loaded_config()
        prepare_data_dir(loaded.config)
        notes.append(f"data in {loaded.config.data_dir.resolve()}")
    if not report.failures:
        if present_revision(database_path(loaded.config)) == newest_revision(migrations_folder()):
            with report.check("settings") as notes:
                loaded = with_stored_settings(loaded)
                notes.extend(_stored_settings(loaded))
        asyncio.run(_check(loaded.config, report))
    sys.exit(1 if report.failures else 0)


def _stored_settings(loaded: LoadedConfig) -> list[str]:
    """Return each setting that was changed on a page, with its value in force and where that comes from."""
    notes = []
    for key, text in loaded.stored.items():
        place = place_of(loaded, key)
        overridden = f", not {text} as in the database" if place != DATABASE else ""
        notes.append(f"{key} = {loaded.text(key)} ({place}{overridden})")
    return notes or ["none was changed on a page"]


async def _check(config: Config, report: CheckReport) -> None:
    with report.check("database") as notes:
        notes.extend(await asyncio.to_thread(_database, config))
    with report.check("backup") as notes:
        notes.extend(await asyncio.to_thread(_automatic_backups, config))
    await _run_check(report, "storage", lambda: _storage(config))
    if config.storage.backend == "s3" or config.storage.s3.bucket:
        await _run_check(report, "bucket", lambda: _bucket(config))
    await _run_check(report, "markers", lambda: _store_ids(config))
    await _run_check(report, "worker", lambda: _worker(config))
    if config.accounts.oidc.issuer or config.accounts.oidc.client_id:
        await _run_check(report, "provider", lambda: _provider(config))
    with report.check("front end") as notes:
        notes.append(f"{len(WebFiles().manifest)} files")


async def _run_check(report: CheckReport, name: str, run: Callable[[], Awaitable[list[str]]]) -> None:
    with report.check(name) as notes:
        notes.extend(await run())


def _database(config: Config) -> list[str]:
    path = database_path(config)
    kind = file_system_of(path.parent)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StreamtimeError(f"{path.parent} is on {kind}: SQLite's locks do not hold there. Use a local disk.")
    if sqlite3.sqlite_version_info < (3, 35):
        raise StreamtimeError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed.")
    if path.exists() and path.stat().st_size:
        try:
            database_file.check_live(path, full=True)
        except DatabaseDamaged as error:
            raise damaged_error(config, error) from error
    present, newest = present_revision(path), newest_revision(migrations_folder())
    if present is None:
        require_first_start(config)
    schema = "made at the first start" if present is None else f"schema {present} of {newest}"
    return [f"SQLite {sqlite3.sqlite_version}", schema, *([] if present is None else ["whole"])]


def _automatic_backups(config: Config) -> list[str]:
    """Check the automatic copies of the database; having none yet is not a fault."""
    if not config.backup.every:
        return ["turned off (backup.every)"]
    copies = build_automatic_backups(config)
    usable = copies.folder.is_dir() and os.access(copies.folder, os.R_OK | os.W_OK | os.X_OK)
    if copies.folder.exists() and not usable:
        raise StreamtimeError(f"{copies.folder} (backup.to) is no folder that can be written.")
    if not (found := copies.all()):
        return [f"no copy yet in {copies.folder}"]
    at = datetime.fromtimestamp(found[0].created_at_ms / 1000, UTC)
    return [f"{len(found)} in {copies.folder}", f"the newest of {at:%Y-%m-%d %H:%M} UTC"]


async def _storage(config: Config) -> list[str]:
    spool = await Spool.open_at(config.data_dir / "spool")
    store = await LocalStore.open_at(config.data_dir / "objects", sweep=False)
    try:
        await store.check()
        return ["local disk", f"{size_text(await spool.free_bytes())} free"]
    finally:
        await store.close()
        await spool.close()


async def _store_ids(config: Config) -> list[str]:
    """Check that the stores belong to this installation, as far as they respond."""
    path = database_path(config)
    if not path.exists() or present_revision(path) != newest_revision(migrations_folder()):
        return ["made at the first start"]
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        ownership = build_store_records(base).ownership
        statuses = {name: await ownership.check(name, record=False) for name in base.stores.names}
    if message := " ".join(status_message(*item) for item in statuses.items() if item[1] in UNVERIFIED):
        raise StreamtimeError(message)
    return [f"{name} {status.value}" for name, status in statuses.items()]


async def _bucket(config: Config) -> list[str]:
    """Try all operations that the server uses in the bucket, under its prefix."""
    address = bucket_address(config.storage.s3)
    if address is None:
        raise ConfigError("storage.s3 needs endpoint and bucket.")
    return [f"{address.bucket}/{address.prefix}".rstrip("/"), *await check_bucket(address)]


async def _worker(config: Config) -> list[str]:
    """Start a worker, which reports its confinement."""
    confinement = await query_confinement(worker_launcher(config, nice=PREPARE_NICE))
    return ["starts and answers", f"confined by {format_layers(confinement)}"]


async def _provider(config: Config) -> list[str]:
    """Read the OpenID provider's metadata and keys. The client secret is only used at the first sign-in."""
    provider = build_oidc_provider(config.accounts.oidc, SystemClock())
    if provider is None:
        return []
    try:
        return [config.accounts.oidc.name, *await provider.check()]
    except ProviderUnavailable as error:
        raise StreamtimeError(f"{config.accounts.oidc.issuer}: {error.detail}") from error


def file_system_of(folder: Path) -> str:
    """Return the type of the file system of a folder, as Linux names it; empty if it is unknown."""
    best, kind = "", ""
    resolved = str(folder.resolve())
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind
