"""`streamtime restore`: a deployment from a backup, while no server works on the data directory."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import rich_click as click

from streamtime.backups.archive import DATABASE
from streamtime.backups.exchange import free_name, put_in_place
from streamtime.backups.restore import Missing, Restored, Restorer, Source, check_schema, source_at
from streamtime.cli.context import Context, prepare_data_dir
from streamtime.cli.lock import only_server
from streamtime.cli.work_report import WorkReport
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.errors import Conflict
from streamtime.objects.deployment import Standing
from streamtime.rooms import database_path, open_stores
from streamtime.storage.metered import StoreNumbers

MOST_NAMED = 50


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
    with only_server(config.data_dir), source_at(file) as reader:
        check_schema(reader)
        if database.exists() and database.stat().st_size and not replace:
            raise Conflict(
                f"There is a database in {config.data_dir}. --replace puts it aside, or choose another data_dir."
            )
        folder = free_name(config.data_dir)
        try:
            with WorkReport() as report:
                restored = asyncio.run(_restore(config, reader, folder, report, allow_missing=allow_missing))
            aside = put_in_place(folder / DATABASE, database, now_ms=SystemClock().now_ms())
        except Missing as error:
            _name(error.names)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _name(restored.missing)
    _tell(restored, aside)


async def _restore(
    config: Config, reader: Source, folder: Path, report: WorkReport, *, allow_missing: bool
) -> Restored:
    async with AsyncExitStack() as stack:
        stores = await open_stores(config, stack, StoreNumbers(), sweep=True)
        restorer = Restorer(stores, SystemClock())
        return await restorer.prepare(reader, folder, report.step, allow_missing=allow_missing)


def _name(missing: list[str]) -> None:
    for name in missing[:MOST_NAMED]:
        click.echo(f"missing: {name}", err=True)
    if len(missing) > MOST_NAMED:
        click.echo(f"missing: and {len(missing) - MOST_NAMED} more", err=True)


def _tell(restored: Restored, aside: Path | None) -> None:
    there = restored.objects - len(restored.missing)
    click.echo(f"Restored: {there} of {restored.objects} objects are there, {restored.placed} of them from the backup.")
    if aside is not None:
        click.echo(f"The database that was there is {aside} now.")
    closed = [name for name, standing in restored.standings.items() if standing is not Standing.OURS]
    if closed:
        click.echo(
            f"Nothing is deleted in {', '.join(closed)}, which may hold more than the backup knew of, until "
            "`streamtime gc --take-over` says that it may."
        )
