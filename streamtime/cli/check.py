"""`streamtime check`: whether everything that the server needs is there, one line each."""

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

from streamtime.backups import snapshot
from streamtime.cli.context import Context, prepare_data_dir
from streamtime.cli.first_start import damaged, require_first_start
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.database.migrate import migrations_folder, newest_revision, present_revision
from streamtime.errors import ConfigError, DatabaseDamaged, StreamtimeError
from streamtime.http.web_files import WebFiles
from streamtime.http.words import size_text
from streamtime.lanes import PREPARE_NICE, worker_launcher
from streamtime.objects.deployment import NOT_OURS, words_for
from streamtime.openid.terms import ProviderAway
from streamtime.providers import provider_of
from streamtime.rooms import automatic_copies, bucket_address, database_path, keeping_of, open_foundation
from streamtime.storage.local_disk import LocalDisk
from streamtime.storage.s3_trial import tried
from streamtime.storage.spool import Spool
from streamtime.workers.self_report import ask, layers

_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})


@dataclass(slots=True)
class Findings:
    """What was found, printed as it is found."""

    faults: int = 0

    @contextmanager
    def part(self, name: str) -> Iterator[list[str]]:
        """Check one part: what is appended is said of it, an error of ours is its fault."""
        said: list[str] = []
        try:
            yield said
        except StreamtimeError as error:
            self.faults += 1
            click.echo(f"fault  {name}: {error.message}")
        else:
            click.echo(f"ok     {name}: {', '.join(said)}")


@click.command()
@click.pass_obj
def check(context: Context) -> None:
    """Check configuration, database, storage, worker and front end. Exit code 1 where one has a fault."""
    findings = Findings()
    with findings.part("config") as said:
        config = context.config()
        prepare_data_dir(config)
        said.append(f"data in {config.data_dir.resolve()}")
    if not findings.faults:
        asyncio.run(_check(config, findings))
    sys.exit(1 if findings.faults else 0)


async def _check(config: Config, findings: Findings) -> None:
    with findings.part("database") as said:
        said.extend(await asyncio.to_thread(_database, config))
    with findings.part("backup") as said:
        said.extend(await asyncio.to_thread(_copies, config))
    await _part(findings, "storage", lambda: _storage(config))
    if config.storage.backend == "s3" or config.storage.s3.bucket:
        await _part(findings, "bucket", lambda: _bucket(config))
    await _part(findings, "markers", lambda: _markers(config))
    await _part(findings, "worker", lambda: _worker(config))
    if config.accounts.oidc.issuer or config.accounts.oidc.client_id:
        await _part(findings, "provider", lambda: _provider(config))
    with findings.part("front end") as said:
        said.append(f"{len(WebFiles().manifest)} files")


async def _part(findings: Findings, name: str, look: Callable[[], Awaitable[list[str]]]) -> None:
    with findings.part(name) as said:
        said.extend(await look())


def _database(config: Config) -> list[str]:
    path = database_path(config)
    kind = file_system_of(path.parent)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StreamtimeError(f"{path.parent} is on {kind}: SQLite's locks do not hold there. Use a local disk.")
    if sqlite3.sqlite_version_info < (3, 35):
        raise StreamtimeError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed.")
    if path.exists() and path.stat().st_size:
        try:
            snapshot.check_live(path, whole=True)
        except DatabaseDamaged as error:
            raise damaged(config, error) from error
    present, newest = present_revision(path), newest_revision(migrations_folder())
    if present is None:
        require_first_start(config)
    schema = "made at the first start" if present is None else f"schema {present} of {newest}"
    return [f"SQLite {sqlite3.sqlite_version}", schema, *([] if present is None else ["whole"])]


def _copies(config: Config) -> list[str]:
    """The automatic copies of the database; none yet is no fault, since the server makes them."""
    if not config.backup.every:
        return ["turned off (backup.every)"]
    copies = automatic_copies(config)
    usable = copies.folder.is_dir() and os.access(copies.folder, os.R_OK | os.W_OK | os.X_OK)
    if copies.folder.exists() and not usable:
        raise StreamtimeError(f"{copies.folder} (backup.to) is no folder that can be written.")
    if not (found := copies.all()):
        return [f"no copy yet in {copies.folder}"]
    at = datetime.fromtimestamp(found[0].made_at_ms / 1000, UTC)
    return [f"{len(found)} in {copies.folder}", f"the newest of {at:%Y-%m-%d %H:%M} UTC"]


async def _storage(config: Config) -> list[str]:
    spool = await Spool.open_at(config.data_dir / "spool")
    store = await LocalDisk.open_at(config.data_dir / "objects", sweep=False)
    try:
        await store.check()
        return ["local disk", f"{size_text(await spool.free_bytes())} free"]
    finally:
        await store.close()
        await spool.close()


async def _markers(config: Config) -> list[str]:
    """Whether stores are this deployment's own, as far as they answer."""
    path = database_path(config)
    if not path.exists() or present_revision(path) != newest_revision(migrations_folder()):
        return ["made at the first start"]
    async with AsyncExitStack() as stack:
        base = await open_foundation(config, stack, sweep=False)
        deployment = keeping_of(base).deployment
        seen = {name: await deployment.look(name, note=False) for name in base.stores.names}
    if words := " ".join(words_for(*found) for found in seen.items() if found[1] in NOT_OURS):
        raise StreamtimeError(words)
    return [f"{name} {standing.value}" for name, standing in seen.items()]


async def _bucket(config: Config) -> list[str]:
    """Do in the bucket, under the prefix of this server, all that will be done there."""
    address = bucket_address(config.storage.s3)
    if address is None:
        raise ConfigError("storage.s3 needs endpoint and bucket.")
    return [f"{address.bucket}/{address.prefix}".rstrip("/"), *await tried(address)]


async def _worker(config: Config) -> list[str]:
    """Start a worker: one that works says what confines it."""
    confinement = await ask(worker_launcher(config, nice=PREPARE_NICE))
    return ["starts and answers", f"confined by {layers(confinement)}"]


async def _provider(config: Config) -> list[str]:
    """Ask the OpenID provider what it says of itself. Whether it takes our secret shows at the first sign-in only."""
    provider = provider_of(config.accounts.oidc, SystemClock())
    if provider is None:
        return []
    try:
        return [config.accounts.oidc.name, *await provider.look()]
    except ProviderAway as error:
        raise StreamtimeError(f"{config.accounts.oidc.issuer}: {error.detail}") from error


def file_system_of(folder: Path) -> str:
    """The kind of file system that a folder is on, as Linux names it; empty where it cannot be told."""
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
