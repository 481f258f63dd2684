"""`streamtime gc`: deletes what is doomed and compares all stores with the database, now.

Whoever holds `server.lock` deletes, and nobody else. Beside a running server this command therefore hands the work to
the server's queue and waits for what comes of it; without one it takes the lock and does the work itself.

How long commands tell what they do: a bar on a terminal, a line now and then in a pipe, both on standard error.

It knows words and figures, nothing of the work.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from streamtime.app.core import Infrastructure, build_maintenance_services, build_video_services, open_infrastructure
from streamtime.app.maintenance import build_maintenance_runner
from streamtime.cli.context import Context, is_server_running, server_lock
from streamtime.cli.output import counted
from streamtime.config.sections import Config
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.formatting import size_text
from streamtime.jobs.queue import JobOverview
from streamtime.maintenance.runner import TAKEN_OVER, MaintenanceTask, TaskRun, report_counts
from streamtime.videos.job_kinds import COLLECT_SUBJECT, WorkQueue

LINE_INTERVAL_S = 2.0


class StageReporter:
    """Tells stages, and how much of one is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._stage = ""
        self._at = 0.0

    def __enter__(self) -> Self:
        """Begin to tell."""
        if sys.stderr.isatty():
            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=None, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take away what was on the screen for the time of the work."""
        if self._bar is not None:
            self._bar.stop()

    def stage(self, words: str) -> None:
        """Something else is being done now."""
        self.step(words, 0, 0)

    def step(self, words: str, done_bytes: int, total_bytes: int) -> None:
        """So much of it is done; 0 of 0 where that cannot be told."""
        figures = f"{size_text(done_bytes)} of {size_text(total_bytes)}" if total_bytes else ""
        if self._bar is not None:
            task = self._bar.task_ids[0]
            total = total_bytes or None
            self._bar.update(task, description=words, completed=done_bytes, total=total, figures=figures)
            return
        now = time.monotonic()
        if words != self._stage or (now - self._at >= LINE_INTERVAL_S and total_bytes):
            click.echo(f"{words}: {figures}" if figures else words, err=True)
            self._stage, self._at = words, now


POLL_INTERVAL_S = 0.2

_COUNT_LABELS = {
    "watched": "belong to nothing and are watched",
    "put_aside": "put aside",
    "aside": "lie aside",
    "deleted": "deleted from aside",
    "brought_back": "brought back from aside",
    "aborted": "unfinished multipart uploads ended",
    "missing": "missing or of the wrong size",
}


@dataclass(frozen=True, slots=True)
class GcOptions:
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
    config = context.prepared_config()
    wish = GcOptions(dry_run, take_over)
    with StageReporter() as report:
        if dry_run or is_server_running(config.data_dir):
            lines, well = asyncio.run(_run_beside_server(config, wish, report))
        else:
            with server_lock(config.data_dir):
                lines, well = asyncio.run(_run_locally(config, wish, report))
    click.echo("\n".join(lines))
    sys.exit(0 if well else 1)


async def _run_locally(config: Config, wish: GcOptions, report: StageReporter) -> tuple[list[str], bool]:
    """Do it here; the caller holds the lock."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack)
        library, keeping = build_video_services(base), build_maintenance_services(base)
        if wish.take_over:
            for name in base.stores.names:
                await keeping.ownership.take_over(name)
        await base.database.write(library.lifecycle.recover)
        care = build_maintenance_runner(config, base, library, keeping)
        report.stage("Deleting what was deleted")
        try:
            lines, well = [_collected(await care.collect())], True
        except StreamtimeError as error:
            lines, well = [f"refused: {error.message}"], False
        report.stage("Comparing stores with the database")
        reports = [report_counts(report) for report in await care.reconcile(ignore_share_limit=wish.take_over)]
        return [*lines, *_lines(reports)], well and _succeeded(reports)


async def _run_beside_server(config: Config, wish: GcOptions, report: StageReporter) -> tuple[list[str], bool]:
    """Look only, or have the server do it."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        library, keeping = build_video_services(base), build_maintenance_services(base)
        if wish.dry_run:
            report.stage("Comparing stores with the database")
            doomed, size = (await keeping.inventory.totals()).get("doomed", (0, 0))
            care = build_maintenance_runner(config, base, library, keeping)
            found = await care.reconcile(dry_run=True, ignore_share_limit=wish.take_over)
            reports = [report_counts(report) for report in found]
            lines = [f"would be deleted: {counted(doomed, 'object')}, {size_text(size)}"]
            return [*lines, *_lines(reports)], _succeeded(reports)
        if wish.take_over:
            for name in base.stores.names:
                await keeping.ownership.take_over(name)
        return await _run_on_server(config, base, report, TAKEN_OVER if wish.take_over else COLLECT_SUBJECT)


async def _run_on_server(
    config: Config, base: Infrastructure, report: StageReporter, subject: str
) -> tuple[list[str], bool]:
    """Have the server do it, and say what came of it."""
    report.stage("The server deletes what was deleted")
    collected = await _run_task(config, base, MaintenanceTask.COLLECT, COLLECT_SUBJECT)
    report.stage("The server compares stores with the database")
    compared = await _run_task(config, base, MaintenanceTask.RECONCILE, subject)
    stores = compared.outcome["stores"]
    first = f"refused: {collected.error}" if collected.error else _collected(collected.counts.get("objects", 0))
    return [first, *_lines(stores)], not collected.error and _succeeded(stores)


async def _run_task(config: Config, base: Infrastructure, task: MaintenanceTask, subject: str) -> TaskRun:
    """Ask the server for a task, and wait until a run of it has ended that began or went on after the question.

    Raises:
        ConfigError: the server has ended.
    """
    upkeep, overview = build_maintenance_services(base).log, JobOverview(base.database)
    asked = base.clock.now_ms()
    work = WorkQueue(base.queue)
    await base.database.write(lambda tx: work.queue_maintenance(tx, task.value, subject, at_once=True))
    while True:
        active = {(job.kind, job.subject) for job in await overview.active()}
        done = (await upkeep.latest_runs()).get(task)
        ended = done is not None and done.finished_at_ms is not None and done.finished_at_ms >= asked
        # A collection that cannot go on waits in the queue for better times, and has said why.
        if done is not None and ended and (task is MaintenanceTask.COLLECT or (task.value, subject) not in active):
            return done
        if not is_server_running(config.data_dir):
            raise ConfigError("The server has ended meanwhile. Run the command again.")
        await asyncio.sleep(POLL_INTERVAL_S)


def _succeeded(stores: Sequence[Mapping[str, Any]]) -> bool:
    return not any(store["refused"] or store["missing"] for store in stores)


def _collected(count: int) -> str:
    return f"deleted: {counted(count, 'object')}"


def _lines(stores: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for store in stores:
        counts = [f"{store[name]} {words}" for name, words in _COUNT_LABELS.items() if store[name]]
        if store["objects"] or not store["refused"]:
            lines.append(f"{store['store']}: {', '.join([counted(store['objects'], 'object'), *counts])}")
        lines += [f"{store['store']}: damaged: {words}" for words in store["damage"]]
        lines += [f"{store['store']}: refused: {store['refused']}"] if store["refused"] else []
    return lines
