"""`streamtime backup`: everything that a restore needs, in one file, beside a running server or without one."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import rich_click as click

from streamtime.backups.backup import BackupMaker, BackupResult
from streamtime.cli.context import Context
from streamtime.cli.work_report import StageReporter
from streamtime.config.sections import Config
from streamtime.http.words import size_text
from streamtime.rooms import build_maintenance_services, build_video_services, open_infrastructure


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
