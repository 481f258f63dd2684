"""`streamtime storage`: what is where, and moving it elsewhere."""

import asyncio
import sys

import rich_click as click

from streamtime.cli.context import Context
from streamtime.cli.lock import move_lock, stores_of_running_server
from streamtime.cli.move_report import NAMES, MoveJsonLines, MoveLines, MoveProgressBar, MoveReporter, location_lines
from streamtime.cli.telling import cancel_on_sigterm, reporting
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.objects.move import Mover, MoveReport
from streamtime.objects.whereabouts import ObjectLocations, StoreTotals
from streamtime.rooms import open_object_storage, store_names

_STOPPED = "Stopped. What was moved stays moved; the same command goes on with the rest."


@click.group()
def storage() -> None:
    """Show where videos are kept, and move them."""


@storage.command()
@click.pass_obj
def show(context: Context) -> None:
    """Say how much is where, and where new videos go."""
    config = context.prepared_config()
    for line in location_lines(asyncio.run(_holdings(config)), config.storage.backend):
        click.echo(line)


@storage.command()
@click.option("--to", required=True, type=click.Choice(["local", "s3"]), help="Where everything is to be.")
@click.option("--json", "as_json", is_flag=True, help="Tell progress and result as JSON, one object a line.")
@click.pass_obj
def move(context: Context, to: str, as_json: bool) -> None:
    """Move all videos to the data directory or to the bucket, beside a running server or without it.

    Everything plays meanwhile. Each object is copied, read back and compared before the old copy goes. It can be
    stopped at any time; the same command goes on with the rest. Exit code 1 where something could not be moved, 130
    after Ctrl-C.
    """
    config = context.prepared_config()
    _require_known(config, to)
    report = MoveJsonLines() if as_json else MoveProgressBar() if sys.stderr.isatty() else MoveLines()
    with move_lock(config.data_dir), reporting(report, _STOPPED):
        moved, holdings = asyncio.run(_move(config, to, report))
    report.done(to, moved, holdings, config.storage.backend)
    if not moved.complete:
        sys.exit(1)


def _require_known(config: Config, to: str) -> None:
    if to not in store_names(config):
        raise ConfigError("There is no bucket: storage.s3 needs endpoint and bucket.")
    running = stores_of_running_server(config.data_dir)
    if running is not None and to not in running:
        raise ConfigError(
            f"The running server was started without {NAMES[to]}, and could not play what is moved there. Restart it "
            "with this configuration first."
        )


async def _holdings(config: Config) -> list[StoreTotals]:
    async with open_object_storage(config) as opened:
        return await ObjectLocations(opened.database).totals_by_store()


async def _move(config: Config, to: str, report: MoveReporter) -> tuple[MoveReport, list[StoreTotals]]:
    cancel_on_sigterm()
    async with open_object_storage(config) as opened:
        whereabouts = ObjectLocations(opened.database)
        minimum_free_bytes = int(config.uploads.minimum_free_space)
        mover = Mover(opened.ledger, whereabouts, opened.stores, opened.copier, minimum_free_bytes=minimum_free_bytes)
        return await mover.move(to, report.step), await whereabouts.totals_by_store()
