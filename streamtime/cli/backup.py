"""`streamtime backup`, `restore` and `verify`: writes a backup file, restores from one, and checks one.

A backup can be made beside a running server; a restore needs the server stopped.
"""

import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import rich_click as click

from streamtime.app.core import (
    build_store_records,
    database_path,
    open_infrastructure,
    open_stores,
)
from streamtime.cli.context import Context, prepare_data_dir, server_lock
from streamtime.cli.gc import StageReporter
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.errors import Conflict
from streamtime.formatting import counted, size_text
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
@click.option("--with-objects", is_flag=True, help="Include the videos, not only the database.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.pass_obj
def backup(context: Context, file: Path, with_objects: bool, force: bool) -> None:
    """Write the database, and with --with-objects all videos, into one FILE, also while the server runs.

    FILE is written completely or not at all. Exit code 1 if it is not, or if objects could not be read.
    """
    config = context.prepared_config()
    with StageReporter() as report:
        result = asyncio.run(_backup(config, file, report, with_objects=with_objects, force=force))
    for key in result.failed:
        click.echo(f"streamtime: not in the backup: {key}", err=True)
    objects = result.manifest.objects
    size = size_text(sum(entry.bytes for entry in objects))
    verb = "with" if with_objects else "needs"
    click.echo(f"{file}: {size_text(file.stat().st_size)}, {verb} {len(objects)} objects ({size})")
    sys.exit(1 if result.failed else 0)


async def _backup(
    config: Config, file: Path, report: StageReporter, *, with_objects: bool, force: bool
) -> BackupResult:
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        records = build_store_records(base)
        maker = BackupMaker(base.database, base.ledger, base.stores, records.ownership, records.leases, base.clock)
        return await maker.make(file, report.step, with_objects=with_objects, force=force)


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with space for the database of FILE, instead of the system's temporary folder.",
)
def verify_file(file: Path, scratch: Path | None) -> None:
    """Restore the database of FILE into a scratch folder, check it, and compare all objects in FILE with their hashes.

    It needs no configuration and no server, and changes nothing. Exit code 1 if something is wrong; each fault is a
    line on standard output.
    """
    with tempfile.TemporaryDirectory(prefix="streamtime-verify-", dir=scratch) as folder, StageReporter() as report:
        result = verify(file, Path(folder), report.step, now_ms=SystemClock().now_ms())
    for problem in result.problems:
        click.echo(f"wrong: {problem}")
    if result.problems:
        click.echo(f"{file}: {counted(len(result.problems), 'fault')}")
        sys.exit(1)
    click.echo(f"{file}: ok, {_summary(result)}")


def _summary(result: VerifyReport) -> str:
    parts = [f"schema {result.schema}"]
    for verb, objects in (("holds", result.included), ("needs, and does not hold,", result.external)):
        if objects:
            size = size_text(sum(entry.bytes for entry in objects))
            parts.append(f"{verb} {counted(len(objects), 'object')} ({size})")
    return ", ".join(parts)


MAX_LISTED = 50


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Replace the existing database; it is moved to backups/.")
@click.option("--allow-missing", is_flag=True, help="Restore although objects are missing; their videos are marked.")
@click.pass_obj
def restore(context: Context, file: Path, replace: bool, allow_missing: bool) -> None:
    """Restore FILE: a backup, or a copy of the database alone. The server must be stopped.

    Objects that exist in their stores stay as they are. Exit code 1 if the restore fails; nothing is changed then.
    """
    config = context.config()
    prepare_data_dir(config)
    database = database_path(config)
    with server_lock(config.data_dir), open_restore_source(file) as reader:
        check_schema(reader)
        if database.exists() and database.stat().st_size and not replace:
            raise Conflict(
                f"There is a database in {config.data_dir}. --replace moves it to backups/, or choose another data_dir."
            )
        folder = make_work_dir(config.data_dir)
        try:
            with StageReporter() as report:
                restored = asyncio.run(_restore(config, reader, folder, report, allow_missing=allow_missing))
            replaced = replace_database(folder / DATABASE, database, now_ms=SystemClock().now_ms())
        except MissingObjects as error:
            _list_missing(error.names)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _list_missing(restored.missing)
    _report(restored, replaced)


async def _restore(
    config: Config, reader: RestoreSource, folder: Path, report: StageReporter, *, allow_missing: bool
) -> RestoreResult:
    async with AsyncExitStack() as stack:
        stores = await open_stores(config, stack, StoreMetrics(), sweep=True)
        restorer = Restorer(stores, SystemClock())
        return await restorer.prepare(reader, folder, report.step, allow_missing=allow_missing)


def _list_missing(missing: list[str]) -> None:
    for name in missing[:MAX_LISTED]:
        click.echo(f"missing: {name}", err=True)
    if len(missing) > MAX_LISTED:
        click.echo(f"missing: and {len(missing) - MAX_LISTED} more", err=True)


def _report(restored: RestoreResult, replaced: Path | None) -> None:
    present = restored.objects - len(restored.missing)
    click.echo(
        f"Restored: {present} of {restored.objects} objects are there, {restored.restored} of them from the backup."
    )
    if replaced is not None:
        click.echo(f"The previous database is {replaced} now.")
    unowned = [name for name, status in restored.store_statuses.items() if status is not StoreStatus.OWNED]
    if unowned:
        click.echo(
            f"Nothing is deleted in {', '.join(unowned)}, which may hold more than the backup knew of, until "
            "`streamtime gc --take-over` allows it."
        )
