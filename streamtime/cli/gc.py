"""`streamtime gc`: deletes objects pending deletion and compares all stores with the database, now.

Only the holder of `server.lock` deletes objects. Beside a running server this command queues the work for the server
and waits for the result; without one it takes the lock and does the work itself.
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

from streamtime.app.core import Infrastructure, build_store_records, open_infrastructure
from streamtime.app.maintenance import build_maintenance_runner
from streamtime.app.videos import build_videos
from streamtime.cli.context import Context, is_server_running, server_lock
from streamtime.config.sections import Config
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.formatting import counted, size_text
from streamtime.jobs.queue import JobOverview
from streamtime.maintenance.runner import TAKEN_OVER, MaintenanceTask, TaskRun, report_counts
from streamtime.videos.job_kinds import COLLECT_SUBJECT, WorkQueue

LINE_INTERVAL_S = 2.0


class StageReporter:
    """Reports stages and their progress on standard error: a bar on a terminal, a line now and then in a pipe."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._stage = ""
        self._at = 0.0

    def __enter__(self) -> Self:
        """Show the bar."""
        if sys.stderr.isatty():
            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=None, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def stage(self, name: str) -> None:
        """Begin a stage without known size."""
        self.step(name, 0, 0)

    def step(self, stage: str, done_bytes: int, total_bytes: int) -> None:
        """Report the progress of a stage; 0 of 0 bytes if its size is unknown."""
        figures = f"{size_text(done_bytes)} of {size_text(total_bytes)}" if total_bytes else ""
        if self._bar is not None:
            task = self._bar.task_ids[0]
            total = total_bytes or None
            self._bar.update(task, description=stage, completed=done_bytes, total=total, figures=figures)
            return
        now = time.monotonic()
        if stage != self._stage or (now - self._at >= LINE_INTERVAL_S and total_bytes):
            click.echo(f"{stage}: {figures}" if figures else stage, err=True)
            self._stage, self._at = stage, now


POLL_INTERVAL_S = 0.2

_COUNT_LABELS = {
    "watched": "orphaned and watched",
    "put_aside": "moved to quarantine",
    "aside": "in quarantine",
    "deleted": "deleted from quarantine",
    "brought_back": "restored from quarantine",
    "aborted": "unfinished multipart uploads ended",
    "missing": "missing or of the wrong size",
}


@dataclass(frozen=True, slots=True)
class GcOptions:
    """The options of the command."""

    dry_run: bool
    take_over: bool


@click.command()
@click.option("--dry-run", is_flag=True, help="Only report what would be done.")
@click.option(
    "--take-over",
    is_flag=True,
    help="Declare that all stores belong to this database: objects unknown to it may be deleted, however many.",
)
@click.pass_obj
def gc(context: Context, dry_run: bool, take_over: bool) -> None:
    """Delete objects of deleted videos, and quarantine orphaned ones; with or without a running server.

    Exit code 1 if something was refused, failed, or is missing from a store.
    """
    config = context.prepared_config()
    options = GcOptions(dry_run, take_over)
    with StageReporter() as report:
        if dry_run or is_server_running(config.data_dir):
            lines, succeeded = asyncio.run(_run_beside_server(config, options, report))
        else:
            with server_lock(config.data_dir):
                lines, succeeded = asyncio.run(_run_locally(config, options, report))
    click.echo("\n".join(lines))
    sys.exit(0 if succeeded else 1)


async def _run_locally(config: Config, options: GcOptions, report: StageReporter) -> tuple[list[str], bool]:
    """Do the work in this process; the caller holds the lock."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack)
        videos, records = build_videos(config, base), build_store_records(base)
        if options.take_over:
            for name in base.stores.names:
                await records.ownership.take_over(name)
        await base.database.write(videos.lifecycle.recover)
        runner = build_maintenance_runner(config, base, videos, records)
        report.stage("Deleting objects of deleted videos")
        try:
            lines, collected = [_collected(await runner.collect())], True
        except StreamtimeError as error:
            lines, collected = [f"refused: {error.message}"], False
        report.stage("Comparing stores with the database")
        reports = [report_counts(report) for report in await runner.reconcile(ignore_share_limit=options.take_over)]
        return [*lines, *_lines(reports)], collected and _succeeded(reports)


async def _run_beside_server(config: Config, options: GcOptions, report: StageReporter) -> tuple[list[str], bool]:
    """Do a dry run, or have the server do the work."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=False)
        videos, records = build_videos(config, base), build_store_records(base)
        if options.dry_run:
            report.stage("Comparing stores with the database")
            count, size = (await records.inventory.totals()).get("doomed", (0, 0))
            runner = build_maintenance_runner(config, base, videos, records)
            found = await runner.reconcile(dry_run=True, ignore_share_limit=options.take_over)
            reports = [report_counts(report) for report in found]
            lines = [f"would be deleted: {counted(count, 'object')}, {size_text(size)}"]
            return [*lines, *_lines(reports)], _succeeded(reports)
        if options.take_over:
            for name in base.stores.names:
                await records.ownership.take_over(name)
        return await _run_on_server(config, base, report, TAKEN_OVER if options.take_over else COLLECT_SUBJECT)


async def _run_on_server(
    config: Config, base: Infrastructure, report: StageReporter, subject: str
) -> tuple[list[str], bool]:
    """Have the server do the work, and return the result."""
    report.stage("The server deletes objects of deleted videos")
    collected = await _run_task(config, base, MaintenanceTask.COLLECT, COLLECT_SUBJECT)
    report.stage("The server compares stores with the database")
    compared = await _run_task(config, base, MaintenanceTask.RECONCILE, subject)
    stores = compared.outcome["stores"]
    first = f"refused: {collected.error}" if collected.error else _collected(collected.counts.get("objects", 0))
    return [first, *_lines(stores)], not collected.error and _succeeded(stores)


async def _run_task(config: Config, base: Infrastructure, task: MaintenanceTask, subject: str) -> TaskRun:
    """Queue a task for the server, and wait for the end of a run that was active after that.

    Raises:
        ConfigError: the server has stopped.
    """
    run_log, overview = build_store_records(base).log, JobOverview(base.database)
    queued_at_ms = base.clock.now_ms()
    work = WorkQueue(base.queue)
    await base.database.write(lambda tx: work.queue_maintenance(tx, task.value, subject, at_once=True))
    while True:
        active = {(job.kind, job.subject) for job in await overview.active()}
        run = (await run_log.latest_runs()).get(task)
        finished = run is not None and run.finished_at_ms is not None and run.finished_at_ms >= queued_at_ms
        # A collection that was refused stays in the queue for a retry, with its reason in the run log.
        if run is not None and finished and (task is MaintenanceTask.COLLECT or (task.value, subject) not in active):
            return run
        if not is_server_running(config.data_dir):
            raise ConfigError("The server has stopped in the meantime. Run the command again.")
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
