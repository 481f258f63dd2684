"""Works the queue off: some places in each lane, one attempt in each place. It knows no kind of job by name."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from streamtime.clock import Clock
from streamtime.errors import DatabaseDamaged, NoSpace, Unavailable
from streamtime.jobs.job import AttemptFailed, Failure, Job, Lane
from streamtime.jobs.queue import LEASE_MS, JobQueue
from streamtime.jobs.scales import Scales
from streamtime.logging import get_logger

BACKOFF_MS = (5_000, 20_000, 80_000, 320_000)
"""Pauses after the first, second, ... failed attempt; the last one holds from then on."""

WORLD_NOT_READY_MS = 10_000
"""Pause before an attempt that found a disk full or a store away; such attempts are not counted."""

INTERRUPTIONS = 10
"""A job that was under way when the server died this often, beyond its own attempts, is given up."""

WRITTEN_AGAIN_S = 1.0
"""Pause before what became of an attempt is written again, when the disk has refused it."""

LOOKS_EVERY_S = 5.0
"""How often the queue is looked at unasked: work may come from a command beside the server, or be held no more."""

_log = get_logger("jobs")


class JobPool:
    """Claims jobs and runs their handlers until it is stopped."""

    def __init__(self, queue: JobQueue, lanes: Collection[Lane], clock: Clock) -> None:
        self._queue = queue
        self._lanes = lanes
        self._clock = clock
        self._news = [asyncio.Event() for _ in lanes]
        self._scales = {lane.name: Scales(lane.capacity) for lane in lanes}
        self._held: dict[str, str] = {}
        self._attempts: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._trouble = ""
        queue.on_enqueue = self._wake
        queue.on_cancel = self._end_attempts

    async def start(self) -> None:
        """Take over what earlier processes left, and begin."""
        left = await self._queue.void_leases()
        if left:
            _log.info("jobs_resumed", count=left)
        for lane, news in zip(self._lanes, self._news, strict=True):
            self._tasks += [asyncio.create_task(self._work(lane, news)) for _ in range(lane.places)]
        self._tasks += [asyncio.create_task(self._beat()), asyncio.create_task(self._look_out())]

    async def stop(self, *, grace_s: float) -> None:
        """Claim no more, give what runs `grace_s` seconds to end, and queue the rest again."""
        self._stopping = True
        self._wake()
        if self._attempts:
            await asyncio.wait(self._attempts.values(), timeout=grace_s)
        for place in self._tasks:
            place.cancel()  # each ends the attempt that it holds, and waits until that is given back
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def running(self) -> int:
        """How many attempts are under way."""
        return len(self._attempts)

    @property
    def alive(self) -> bool:
        """Whether every place is still manned."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def why_waiting(self, kind: str, weight: int) -> str:
        """Why a job that is due does not run yet, in words for people."""
        if why := self._held.get(kind):
            return why
        lane = next((lane for lane in self._lanes if kind in lane.handlers), None)
        room = self._scales[lane.name].room if lane else None
        if room is not None and weight > room:
            return "Waits until there is memory for it"
        return "Waits for its turn"

    def _wake(self) -> None:
        for news in self._news:
            news.set()

    def _end_attempts(self, ids: Collection[int]) -> None:
        for job_id in ids:
            if task := self._attempts.get(job_id):
                task.cancel()

    async def _work(self, lane: Lane, news: asyncio.Event) -> None:
        while not self._stopping:
            news.clear()
            try:
                kinds = await self._free_kinds(lane)
                job = await self._claim(kinds, self._scales[lane.name])
                if job is None:
                    await self._nap(kinds, self._scales[lane.name], news)
                else:
                    await self._carry(lane, job, news)
                self._trouble = ""
            except Exception as error:  # noqa: BLE001  # whatever ails the database, the place stays manned
                self._tell(error)
                await asyncio.sleep(1)

    def _tell(self, error: Exception) -> None:
        """Tell why the queue cannot be used; all places meet the same trouble, again and again, and it is told once."""
        if repr(error) != self._trouble:
            _log.warning("queue_unavailable", error=repr(error))
        self._trouble = repr(error)

    async def _free_kinds(self, lane: Lane) -> list[str]:
        """The kinds of a lane that nothing holds back at the moment."""
        for kind, restraint in lane.restraints.items():
            why = await restraint.why_not()
            if why is None:
                self._held.pop(kind, None)
            else:
                self._held[kind] = why
        return [kind for kind in lane.handlers if kind not in self._held]

    async def _claim(self, kinds: Collection[str], scales: Scales) -> Job | None:
        async with scales.turn:
            job = await self._queue.claim(kinds, room=scales.room)
            if job is not None:
                scales.put(job.weight)
            return job

    async def _carry(self, lane: Lane, job: Job, news: asyncio.Event) -> None:
        try:
            await self._hold(lane, job)
        finally:
            self._scales[lane.name].take(job.weight)
            news.set()  # what was too heavy beside it may fit now

    async def _nap(self, kinds: Collection[str], scales: Scales, news: asyncio.Event) -> None:
        due = await self._queue.next_due_ms(kinds)
        until_due = None if due is None else max(0.05, (due - self._clock.now_ms()) / 1000)
        if due is not None and due <= self._clock.now_ms() and scales.room is not None:
            until_due = None  # it waits for room, and whoever makes room says so
        try:
            async with asyncio.timeout(until_due):
                await news.wait()
        except TimeoutError:
            return

    async def _look_out(self) -> None:
        """Wake the lanes that something is due for: one look for all of them, so that an idle server rests."""
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            try:
                due = await self._queue.due_kinds()
            except Exception as error:  # noqa: BLE001  # the next look may go better
                self._tell(error)
                continue
            for lane, news in zip(self._lanes, self._news, strict=True):
                if not due.isdisjoint(lane.handlers):
                    news.set()

    async def _hold(self, lane: Lane, job: Job) -> None:
        attempt = asyncio.create_task(self._attempt(lane, job), name=f"{job.kind} {job.subject}")
        self._attempts[job.id] = attempt
        try:
            await asyncio.wait([attempt])
        finally:
            if not attempt.done():  # this place is being closed
                attempt.cancel()
                await asyncio.wait([attempt])
            del self._attempts[job.id]
            if not attempt.cancelled() and (error := attempt.exception()) is not None:
                _log.error("job_bookkeeping_failed", job=job.id, kind=job.kind, error=repr(error))

    async def _attempt(self, lane: Lane, job: Job) -> None:
        started = self._clock.monotonic()
        try:
            _check_worn_out(job)
            await lane.handlers[job.kind].run(job)
        except asyncio.CancelledError:
            # Of a job that was cancelled nothing is left to give back; at a stop it goes on at the next start.
            await self._queue.give_back(job)
            raise
        except (Unavailable, NoSpace) as error:
            failure = Failure(error.code, error.message)
            await _written(job, lambda: self._queue.give_back(job, delay_ms=WORLD_NOT_READY_MS, failure=failure))
        except AttemptFailed as error:
            await self._lost(lane, job, Failure(error.code, error.message), retryable=error.retryable)
        except Exception:  # noqa: BLE001  # the server outlives any handler; the log has the trace
            _log.exception("job_crashed", job=job.id, kind=job.kind, subject=job.subject)
            failure = Failure("internal", "Something went wrong inside the server. Its log tells more.")
            await self._lost(lane, job, failure, retryable=True)
        else:
            await _written(job, lambda: self._queue.finish(job))
            _log.info("job_done", kind=job.kind, subject=job.subject, seconds=self._since(started))

    async def _lost(self, lane: Lane, job: Job, failure: Failure, *, retryable: bool) -> None:
        _log.warning("attempt_failed", kind=job.kind, subject=job.subject, attempt=job.attempt, code=failure.code)
        if retryable and job.attempt < job.max_attempts:
            pause = BACKOFF_MS[min(job.attempt, len(BACKOFF_MS)) - 1]
            await _written(job, lambda: self._queue.give_back(job, delay_ms=pause, counts=True, failure=failure))
            return

        handler = lane.handlers[job.kind]
        await _written(job, lambda: self._queue.fail(job, failure, lambda tx: handler.gave_up(tx, job, failure)))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            try:
                await self._queue.heartbeat(list(self._attempts))
                if lapsed := await self._queue.void_lapsed():
                    _log.warning("jobs_lapsed", count=lapsed)
            except Exception as error:  # noqa: BLE001  # the next beat may go better
                _log.warning("heartbeat_missed", error=repr(error))

    def _since(self, started: float) -> float:
        return round(self._clock.monotonic() - started, 3)


async def _written(job: Job, write: Callable[[], Awaitable[object]]) -> None:
    """Write what became of an attempt, as soon as the disk takes it: else all of it would be done again."""
    while True:
        try:
            await write()
        except DatabaseDamaged:
            return  # nothing is written into a damaged database any more, however often it is tried
        except (Unavailable, NoSpace) as error:
            _log.warning("job_outcome_not_written", job=job.id, kind=job.kind, error=error.message)
            await asyncio.sleep(WRITTEN_AGAIN_S)
        else:
            return


def _check_worn_out(job: Job) -> None:
    if job.attempt > job.max_attempts + INTERRUPTIONS:
        words = "The server ended again and again while it worked on this."
        raise AttemptFailed(words, code="interrupted", retryable=False)
