"""`streamtime restore`: a deployment from a backup, while no server works on the data directory."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import rich_click as click

from streamtime.backups.archive import DATABASE
from streamtime.backups.exchange import make_work_dir, replace_database
from streamtime.backups.restore import (
    MissingObjects,
    Restorer,
    RestoreResult,
    RestoreSource,
    check_schema,
    open_restore_source,
)
from streamtime.cli.context import Context, prepare_data_dir
from streamtime.cli.lock import server_lock
from streamtime.cli.work_report import StageReporter
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.errors import Conflict
from streamtime.objects.deployment import StoreStatus
from streamtime.rooms import database_path, open_stores
from streamtime.storage.metered import StoreMetrics

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
