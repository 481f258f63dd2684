"""Works the queue off: some places in each lane, one attempt in each place. It knows no kind of job by name.

What a lane carries at the moment, and how much more may be put on it. It knows weights, nothing of jobs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from streamtime.clock import Clock
from streamtime.errors import DatabaseDamaged, NoSpace, Unavailable
from streamtime.jobs.job import AttemptFailed, Failure, Job, QueueConfig
from streamtime.jobs.queue import LEASE_MS, JobQueue
from streamtime.logging import get_logger
from streamtime.periodic import FailureLog, every, is_outage


class CapacityLimiter:
    """The weights of what runs in one lane. Whoever looks at `room` and then adds to it holds `turn` meanwhile."""

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self._weights: list[int] = []
        self.lock = asyncio.Lock()

    @property
    def available(self) -> int | None:
        """The heaviest that may be added now; None where any may: there is no limit, or nothing else to hinder it."""
        if self._capacity is None or not self._weights:
            return None
        return max(0, self._capacity - sum(self._weights))

    def acquire(self, weight: int) -> None:
        """Something has begun."""
        self._weights.append(weight)

    def release(self, weight: int) -> None:
        """It has ended."""
        self._weights.remove(weight)


BACKOFF_MS = (5_000, 20_000, 80_000, 320_000)
"""Pauses after the first, second, ... failed attempt; the last one holds from then on."""

UNAVAILABLE_RETRY_MS = 10_000
"""Pause before an attempt that found a disk full or a store away; such attempts are not counted."""

MAX_INTERRUPTIONS = 10
"""A job that was under way when the server died this often, beyond its own attempts, is given up."""

WRITE_RETRY_S = 1.0
"""Pause before what became of an attempt is written again, when the disk has refused it."""

POLL_INTERVAL_S = 5.0
"""How often the queue is looked at unasked: work may come from a command beside the server, or be held no more."""

_log = get_logger("jobs")


class JobPool:
    """Claims jobs and runs their handlers until it is stopped."""

    def __init__(self, queue: JobQueue, queues: Collection[QueueConfig], clock: Clock) -> None:
        self._queue = queue
        self._queues = queues
        self._clock = clock
        self._wakeups = [asyncio.Event() for _ in queues]
        self._limiters = {lane.name: CapacityLimiter(lane.capacity) for lane in queues}
        self._blocked: dict[str, str] = {}
        self._attempts: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        queue.on_enqueue = self._wake
        queue.on_cancel = self._cancel_attempts

    async def start(self) -> None:
        """Take over what earlier processes left, and begin."""
        left = await self._queue.requeue_running()
        if left:
            _log.info("jobs_resumed", count=left)
        for lane, news in zip(self._queues, self._wakeups, strict=True):
            failures = FailureLog(f"jobs-{lane.name}")
            self._tasks += [asyncio.create_task(self._run_slot(lane, news, failures)) for _ in range(lane.concurrency)]
        # The lease is renewed three times before it lapses; after a failure it is tried again at shorter intervals.
        renewal = every(LEASE_MS / 3000, self._renew_leases, "job-leases", delay_s=LEASE_MS / 3000, max_backoff_s=5)
        due = every(POLL_INTERVAL_S, self._wake_due, "jobs-due", delay_s=POLL_INTERVAL_S)
        self._tasks += [asyncio.create_task(renewal), asyncio.create_task(due)]

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

    def waiting_reason(self, kind: str, weight: int) -> str:
        """Why a job that is due does not run yet, in words for people."""
        if why := self._blocked.get(kind):
            return why
        lane = next((lane for lane in self._queues if kind in lane.handlers), None)
        room = self._limiters[lane.name].available if lane else None
        if room is not None and weight > room:
            return "Waits until there is memory for it"
        return "Waits for its turn"

    def _wake(self) -> None:
        for news in self._wakeups:
            news.set()

    def _cancel_attempts(self, ids: Collection[int]) -> None:
        for job_id in ids:
            if task := self._attempts.get(job_id):
                task.cancel()

    async def _run_slot(self, queue: QueueConfig, wakeup: asyncio.Event, failures: FailureLog) -> None:
        async def claim_and_run() -> None:
            wakeup.clear()
            kinds = await self._runnable_kinds(queue)
            job = await self._claim(kinds, self._limiters[queue.name])
            if job is None:
                await self._wait(kinds, self._limiters[queue.name], wakeup)
            else:
                await self._run_claimed(queue, job, wakeup)

        await every(0, claim_and_run, failures, max_backoff_s=POLL_INTERVAL_S, until=lambda: self._stopping)

    async def _runnable_kinds(self, queue: QueueConfig) -> list[str]:
        """The kinds of a lane that nothing holds back at the moment."""
        for kind, restraint in queue.admission.items():
            why = await restraint.blocked_reason()
            if why is None:
                self._blocked.pop(kind, None)
            else:
                self._blocked[kind] = why
        return [kind for kind in queue.handlers if kind not in self._blocked]

    async def _claim(self, kinds: Collection[str], limiter: CapacityLimiter) -> Job | None:
        async with limiter.lock:
            job = await self._queue.claim(kinds, max_weight=limiter.available)
            if job is not None:
                limiter.acquire(job.weight)
            return job

    async def _run_claimed(self, queue: QueueConfig, job: Job, wakeup: asyncio.Event) -> None:
        try:
            await self._run_attempt(queue, job)
        finally:
            self._limiters[queue.name].release(job.weight)
            wakeup.set()  # what was too heavy beside it may fit now

    async def _wait(self, kinds: Collection[str], limiter: CapacityLimiter, wakeup: asyncio.Event) -> None:
        due = await self._queue.next_due_ms(kinds)
        until_due = None if due is None else max(0.05, (due - self._clock.now_ms()) / 1000)
        if due is not None and due <= self._clock.now_ms() and limiter.available is not None:
            until_due = None  # it waits for room, and whoever makes room says so
        try:
            async with asyncio.timeout(until_due):
                await wakeup.wait()
        except TimeoutError:
            return

    async def _wake_due(self) -> None:
        """Wake the lanes that something is due for: one look for all of them, so that an idle server rests."""
        due = await self._queue.due_kinds()
        for lane, news in zip(self._queues, self._wakeups, strict=True):
            if not due.isdisjoint(lane.handlers):
                news.set()

    async def _run_attempt(self, queue: QueueConfig, job: Job) -> None:
        attempt = asyncio.create_task(self._execute(queue, job), name=f"{job.kind} {job.subject}")
        self._attempts[job.id] = attempt
        try:
            await asyncio.wait([attempt])
        finally:
            if not attempt.done():  # this place is being closed
                attempt.cancel()
                await asyncio.wait([attempt])
            del self._attempts[job.id]
            if not attempt.cancelled() and (error := attempt.exception()) is not None:
                _log.error("job_record_failed", job=job.id, kind=job.kind, error=repr(error))

    async def _execute(self, queue: QueueConfig, job: Job) -> None:
        started = self._clock.monotonic()
        try:
            _check_interruptions(job)
            await queue.handlers[job.kind].run(job)
        except asyncio.CancelledError:
            # Of a job that was cancelled nothing is left to give back; at a stop it goes on at the next start.
            await self._queue.requeue(job)
            raise
        except (Unavailable, NoSpace) as error:
            failure = Failure(error.code, error.message)
            await _write_with_retry(lambda: self._queue.requeue(job, delay_ms=UNAVAILABLE_RETRY_MS, failure=failure))
        except AttemptFailed as error:
            await self._handle_failure(queue, job, Failure(error.code, error.message), retryable=error.retryable)
        except Exception:  # noqa: BLE001  # the server outlives any handler; the log has the trace
            _log.exception("job_crashed", job=job.id, kind=job.kind, subject=job.subject)
            failure = Failure("internal", "Something went wrong inside the server. Its log tells more.")
            await self._handle_failure(queue, job, failure, retryable=True)
        else:
            await _write_with_retry(lambda: self._queue.finish(job))
            _log.info("job_done", kind=job.kind, subject=job.subject, seconds=self._elapsed_s(started))

    async def _handle_failure(self, queue: QueueConfig, job: Job, failure: Failure, *, retryable: bool) -> None:
        _log.warning("attempt_failed", kind=job.kind, subject=job.subject, attempt=job.attempt, code=failure.code)
        if retryable and job.attempt < job.max_attempts:
            pause = BACKOFF_MS[min(job.attempt, len(BACKOFF_MS)) - 1]
            await _write_with_retry(lambda: self._queue.requeue(job, delay_ms=pause, counts=True, failure=failure))
            return

        handler = queue.handlers[job.kind]
        await _write_with_retry(lambda: self._queue.fail(job, failure, lambda tx: handler.on_failed(tx, job, failure)))

    async def _renew_leases(self) -> None:
        """Renew the leases of what runs here, and queue again what holds none and does not run.

        After an outage, or a sleep of the machine, that was longer than the lease, everything has lapsed. Nobody else
        claims what is still marked as running, so what runs here goes on and takes its lease again.
        """
        await self._queue.heartbeat(list(self._attempts))
        if lapsed := await self._queue.requeue_expired(running=list(self._attempts)):
            _log.warning("job_leases_expired", count=lapsed)

    def _elapsed_s(self, started: float) -> float:
        return round(self._clock.monotonic() - started, 3)


async def _write_with_retry(write: Callable[[], Awaitable[object]]) -> None:
    """Write what became of an attempt, as soon as the disk takes it: else all of it would be done again.

    Raises:
        Exception: an error of the program, which would come again each time.
    """
    ended: list[Exception | None] = []

    async def attempt() -> None:
        try:
            await write()
        except DatabaseDamaged:
            pass  # nothing is written into a damaged database any more, however often it is tried
        except Exception as error:
            if is_outage(error):
                raise
            ended.append(error)
        ended.append(None)

    await every(WRITE_RETRY_S, attempt, "job-outcomes", until=lambda: bool(ended))
    if ended[0] is not None:
        raise ended[0]


def _check_interruptions(job: Job) -> None:
    if job.attempt > job.max_attempts + MAX_INTERRUPTIONS:
        words = "The server ended again and again while it worked on this."
        raise AttemptFailed(words, code="interrupted", retryable=False)
