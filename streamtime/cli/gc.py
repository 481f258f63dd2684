"""`streamtime gc`: deletes what is doomed and compares all stores with the database, now.

Whoever holds `server.lock` deletes, and nobody else. Beside a running server this command therefore hands the work to
the server's queue and waits for what comes of it; without one it takes the lock and does the work itself.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import rich_click as click

from streamtime.care import caretaker
from streamtime.cli.context import Context
from streamtime.cli.lock import only_server, server_runs
from streamtime.cli.telling import counted
from streamtime.cli.work_report import WorkReport
from streamtime.config.sections import Config
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.http.words import size_text
from streamtime.jobs.overview import JobOverview
from streamtime.library.work import COLLECT_SUBJECT, Work
from streamtime.objects.upkeep import Done, Task
from streamtime.pipeline.caretaker import TAKEN_OVER, counts_of
from streamtime.rooms import Foundation, keeping_of, library_on, open_foundation

LOOKS_EVERY_S = 0.2

_SAID = {
    "watched": "belong to nothing and are watched",
    "put_aside": "put aside",
    "aside": "lie aside",
    "deleted": "deleted from aside",
    "brought_back": "brought back from aside",
    "aborted": "unfinished multipart uploads ended",
    "missing": "missing or of the wrong size",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    dry_run: bool
    take_over: bool


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--take-over",
    is_flag=True,
    help="Say that all stores belong to this database: what it knows nothing of may go, however much it is.",
)
@click.pass_obj
def gc(context: Context, dry_run: bool, take_over: bool) -> None:
    """Delete what was deleted, and put aside what belongs to nothing; beside a running server or without one.

    Exit code 1 where something was refused, could not be done, or is missing from a store.
    """
    config = context.ready()
    wish = Wish(dry_run, take_over)
    with WorkReport() as report:
        if dry_run or server_runs(config.data_dir):
            lines, well = asyncio.run(_beside(config, wish, report))
        else:
            with only_server(config.data_dir):
                lines, well = asyncio.run(_alone(config, wish, report))
    click.echo("\n".join(lines))
    sys.exit(0 if well else 1)


async def _alone(config: Config, wish: Wish, report: WorkReport) -> tuple[list[str], bool]:
    """Do it here; the caller holds the lock."""
    async with AsyncExitStack() as stack:
        base = await open_foundation(config, stack)
        library, keeping = library_on(base), keeping_of(base)
        if wish.take_over:
            for name in base.stores.names:
                await keeping.deployment.take_over(name)
        await base.database.write(library.lifecycle.recover)
        care = caretaker(config, base, library, keeping)
        report.stage("Deleting what was deleted")
        try:
            lines, well = [_collected(await care.collect())], True
        except StreamtimeError as error:
            lines, well = [f"refused: {error.message}"], False
        report.stage("Comparing stores with the database")
        reports = [counts_of(report) for report in await care.reconcile(despite_share=wish.take_over)]
        return [*lines, *_lines(reports)], well and _well(reports)


async def _beside(config: Config, wish: Wish, report: WorkReport) -> tuple[list[str], bool]:
    """Look only, or have the server do it."""
    async with AsyncExitStack() as stack:
        base = await open_foundation(config, stack, sweep=False)
        library, keeping = library_on(base), keeping_of(base)
        if wish.dry_run:
            report.stage("Comparing stores with the database")
            doomed, size = (await keeping.inventory.totals()).get("doomed", (0, 0))
            care = caretaker(config, base, library, keeping)
            found = await care.reconcile(dry_run=True, despite_share=wish.take_over)
            reports = [counts_of(report) for report in found]
            lines = [f"would be deleted: {counted(doomed, 'object')}, {size_text(size)}"]
            return [*lines, *_lines(reports)], _well(reports)
        if wish.take_over:
            for name in base.stores.names:
                await keeping.deployment.take_over(name)
        return await _handed_over(config, base, report, TAKEN_OVER if wish.take_over else COLLECT_SUBJECT)


async def _handed_over(config: Config, base: Foundation, report: WorkReport, subject: str) -> tuple[list[str], bool]:
    """Have the server do it, and say what came of it."""
    report.stage("The server deletes what was deleted")
    collected = await _done(config, base, Task.COLLECT, COLLECT_SUBJECT)
    report.stage("The server compares stores with the database")
    compared = await _done(config, base, Task.RECONCILE, subject)
    stores = compared.outcome["stores"]
    first = f"refused: {collected.trouble}" if collected.trouble else _collected(collected.counts.get("objects", 0))
    return [first, *_lines(stores)], not collected.trouble and _well(stores)


async def _done(config: Config, base: Foundation, task: Task, subject: str) -> Done:
    """Ask the server for a task, and wait until a run of it has ended that began or went on after the question.

    Raises:
        ConfigError: the server has ended.
    """
    upkeep, overview = keeping_of(base).upkeep, JobOverview(base.database)
    asked = base.clock.now_ms()
    work = Work(base.queue)
    await base.database.write(lambda tx: work.look_after(tx, task.value, subject, at_once=True))
    while True:
        active = {(job.kind, job.subject) for job in await overview.active()}
        done = (await upkeep.all()).get(task)
        ended = done is not None and done.finished_at_ms is not None and done.finished_at_ms >= asked
        # A collection that cannot go on waits in the queue for better times, and has said why.
        if done is not None and ended and (task is Task.COLLECT or (task.value, subject) not in active):
            return done
        if not server_runs(config.data_dir):
            raise ConfigError("The server has ended meanwhile. Run the command again.")
        await asyncio.sleep(LOOKS_EVERY_S)


def _well(stores: Sequence[Mapping[str, Any]]) -> bool:
    return not any(store["refused"] or store["missing"] for store in stores)


def _collected(count: int) -> str:
    return f"deleted: {counted(count, 'object')}"


def _lines(stores: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for store in stores:
        counts = [f"{store[name]} {words}" for name, words in _SAID.items() if store[name]]
        if store["objects"] or not store["refused"]:
            lines.append(f"{store['store']}: {', '.join([counted(store['objects'], 'object'), *counts])}")
        lines += [f"{store['store']}: damaged: {words}" for words in store["damage"]]
        lines += [f"{store['store']}: refused: {store['refused']}"] if store["refused"] else []
    return lines
