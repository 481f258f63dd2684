"""What the tasks that look after bytes did last, as rows: for pages, metrics, and commands beside the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import RowMapping

from streamtime.clock import Clock
from streamtime.database import tables
from streamtime.database.transaction import Database, Transaction


class MaintenanceTask(StrEnum):
    """What there is to do."""

    COLLECT = "collect"
    RECONCILE = "reconcile"
    SCRUB = "scrub"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The latest run of a task, or the one under way. `trouble` says in words what kept it from its end."""

    task: MaintenanceTask
    started_at_ms: int
    finished_at_ms: int | None
    error: str
    outcome: dict[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """What came of it, in numbers; those of several stores added up."""
        found: dict[str, int] = {}
        for part in [self.outcome, *self.outcome.get("stores", [])]:
            for name, value in part.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    found[name] = found.get(name, 0) + value
        return found


class MaintenanceLog:
    """The latest run of each task."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self, task: MaintenanceTask) -> None:
        """It runs; what came of the run before is still to be read."""
        values = {"started_at_ms": self._clock.now_ms(), "finished_at_ms": None}
        statement = insert(tables.upkeep).values(task=task.value, **values)

        async def body(tx: Transaction) -> None:
            await tx.execute(statement.on_conflict_do_update(index_elements=["task"], set_=values))

        await self._database.write(body)

    async def finish(self, task: MaintenanceTask, outcome: Mapping[str, object], *, error: str = "") -> None:
        """It ran, and this came of it."""
        values = {
            "finished_at_ms": self._clock.now_ms(),
            "trouble": error,
            "outcome": msgspec.json.encode(outcome).decode(),
        }

        async def body(tx: Transaction) -> None:
            await tx.execute(update(tables.upkeep).where(tables.upkeep.c.task == task.value).values(**values))

        await self._database.write(body)

    async def mark_interrupted(self, *, before_ms: int) -> None:
        """What began before then and has not ended never will: the process that did it is gone."""
        left = tables.upkeep.c.finished_at_ms.is_(None) & (tables.upkeep.c.started_at_ms < before_ms)
        values = {"finished_at_ms": tables.upkeep.c.started_at_ms, "trouble": "The server ended before it was done."}

        async def body(tx: Transaction) -> None:
            await tx.execute(update(tables.upkeep).where(left).values(**values))

        await self._database.write(body)

    async def latest_runs(self) -> dict[MaintenanceTask, TaskRun]:
        """Those that ever ran."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(tables.upkeep))).mappings()
            return {MaintenanceTask(row["task"]): _task_run(row) for row in rows}


def _task_run(row: RowMapping) -> TaskRun:
    outcome = msgspec.json.decode(row["outcome"])
    return TaskRun(MaintenanceTask(row["task"]), row["started_at_ms"], row["finished_at_ms"], row["trouble"], outcome)
