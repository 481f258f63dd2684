"""`streamtime restore`: a deployment from a backup, while no server works on the data directory.

`streamtime backup`: everything that a restore needs, in one file, beside a running server or without one.

`streamtime verify`: whether a backup, or a copy of the database, would bring everything back.
"""

import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import rich_click as click

from streamtime.app.core import (
    build_maintenance_services,
    build_video_services,
    database_path,
    open_infrastructure,
    open_stores,
)
from streamtime.cli.context import Context, prepare_data_dir, server_lock
from streamtime.cli.gc import StageReporter
from streamtime.cli.output import counted
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.errors import Conflict
from streamtime.formatting import size_text
from streamtime.maintenance.backup.archive import DATABASE
from streamtime.maintenance.backup.create import BackupMaker, BackupResult
from streamtime.maintenance.backup.database_file import make_work_dir, replace_database
from streamtime.maintenance.backup.restore import (
    MissingObjects,
    Restorer,
    RestoreResult,
    RestoreSource,
    check_schema,
    open_restore_source,
)
from streamtime.maintenance.backup.verify import VerifyReport, verify
from streamtime.storage.objects.stores import StoreStatus
from streamtime.storage.wrappers import StoreMetrics


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-objects", is_flag=True, help="Copy the videos as well, not only what is known of them.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.pass_obj
def backup(context: Context, file: Path, with_objects: bool, force: bool) -> None:
    """Write the database, and with --with-objects all videos, into one FILE, whatever goes on meanwhile.

    FILE appears whole or not at all. Exit code 1 where it does not, or where objects could not be read.
    """
    config = context.prepared_config()
    with StageReporter() as report:
        made = asyncio.run(_backup(config, file, report, with_objects=with_objects, force=force))
    for lost in made.failed:
        click.echo(f"streamtime: not in the backup: {lost}", err=True)
    objects = made.manifest.objects
    size = size_text(sum(one.bytes for one in objects))
    what = "with" if with_objects else "needs"
    click.echo(f"{file}: {size_text(file.stat().st_size)}, {what} {len(objects)} objects ({size})")
    sys.exit(1 if made.failed else 0)


async def _backup(
    config: Config, file: Path, report: StageReporter, *, with_objects: bool, force: bool
) -> BackupResult:
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        keeping = build_maintenance_services(base)
        ledger = build_video_services(base).ledger
        maker = BackupMaker(base.database, ledger, base.stores, keeping.ownership, keeping.leases, base.clock)
        return await maker.make(file, report.step, with_objects=with_objects, force=force)


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with room for the database of FILE, instead of the system's own for temporary files.",
)
def verify_file(file: Path, scratch: Path | None) -> None:
    """Restore the database of FILE into a scratch folder, check it, and compare all objects in FILE with their hashes.

    It needs no configuration and no server, and changes nothing. Exit code 1 where something is wrong; each fault is
    a line on standard output.
    """
    with tempfile.TemporaryDirectory(prefix="streamtime-verify-", dir=scratch) as folder, StageReporter() as report:
        found = verify(file, Path(folder), report.step, now_ms=SystemClock().now_ms())
    for words in found.problems:
        click.echo(f"wrong: {words}")
    if found.problems:
        click.echo(f"{file}: {counted(len(found.problems), 'fault')}")
        sys.exit(1)
    click.echo(f"{file}: well, {_summary(found)}")


def _summary(found: VerifyReport) -> str:
    said = [f"schema {found.schema}"]
    for words, objects in (("holds", found.held), ("needs, and does not hold,", found.needed)):
        if objects:
            size = size_text(sum(one.bytes for one in objects))
            said.append(f"{words} {counted(len(objects), 'object')} ({size})")
    return ", ".join(said)


MAX_LISTED = 50


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Put the database that is there aside; it goes to backups/.")
@click.option("--allow-missing", is_flag=True, help="Restore although objects are missing; their videos will say so.")
@click.pass_obj
def restore(context: Context, file: Path, replace: bool, allow_missing: bool) -> None:
    """Bring back what FILE holds: a backup, or a copy of the database alone. The server must be stopped.

    Objects that are in their stores already stay as they are. Exit code 1 where it cannot be done; nothing is changed
    then.
    """
    config = context.config()
    prepare_data_dir(config)
    database = database_path(config)
    with server_lock(config.data_dir), open_restore_source(file) as reader:
        check_schema(reader)
        if database.exists() and database.stat().st_size and not replace:
            raise Conflict(
                f"There is a database in {config.data_dir}. --replace puts it aside, or choose another data_dir."
            )
        folder = make_work_dir(config.data_dir)
        try:
            with StageReporter() as report:
                restored = asyncio.run(_restore(config, reader, folder, report, allow_missing=allow_missing))
            aside = replace_database(folder / DATABASE, database, now_ms=SystemClock().now_ms())
        except MissingObjects as error:
            _name(error.names)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _name(restored.missing)
    _report(restored, aside)


async def _restore(
    config: Config, reader: RestoreSource, folder: Path, report: StageReporter, *, allow_missing: bool
) -> RestoreResult:
    async with AsyncExitStack() as stack:
        stores = await open_stores(config, stack, StoreMetrics(), sweep=True)
        restorer = Restorer(stores, SystemClock())
        return await restorer.prepare(reader, folder, report.step, allow_missing=allow_missing)


def _name(missing: list[str]) -> None:
    for name in missing[:MAX_LISTED]:
        click.echo(f"missing: {name}", err=True)
    if len(missing) > MAX_LISTED:
        click.echo(f"missing: and {len(missing) - MAX_LISTED} more", err=True)


def _report(restored: RestoreResult, aside: Path | None) -> None:
    there = restored.objects - len(restored.missing)
    click.echo(
        f"Restored: {there} of {restored.objects} objects are there, {restored.restored} of them from the backup."
    )
    if aside is not None:
        click.echo(f"The database that was there is {aside} now.")
    closed = [name for name, standing in restored.store_statuses.items() if standing is not StoreStatus.OWNED]
    if closed:
        click.echo(
            f"Nothing is deleted in {', '.join(closed)}, which may hold more than the backup knew of, until "
            "`streamtime gc --take-over` says that it may."
        )
