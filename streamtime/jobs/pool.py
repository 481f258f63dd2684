"""Runs queued jobs: each queue has as many slots as its concurrency, and each slot runs one attempt at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from streamtime.clock import Clock
from streamtime.errors import DatabaseDamaged, NoSpace, Unavailable
from streamtime.jobs.job import AttemptFailed, Failure, Job, QueueConfig
from streamtime.jobs.queue import LEASE_MS, JobQueue
from streamtime.logging import get_logger
from streamtime.periodic import FailureLog, every, is_outage
from streamtime.translation import gettext_noop


class CapacityLimiter:
    """The weights of the jobs that run in one queue. Hold `lock` between reading `available` and `acquire`."""

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self._weights: list[int] = []
        self.lock = asyncio.Lock()

    @property
    def available(self) -> int | None:
        """The largest weight that may be added; None for any: there is no limit, or nothing else runs."""
        if self._capacity is None or not self._weights:
            return None
        return max(0, self._capacity - sum(self._weights))

    def acquire(self, weight: int) -> None:
        """A job of this weight has started."""
        self._weights.append(weight)

    def release(self, weight: int) -> None:
        """A job of this weight has ended."""
        self._weights.remove(weight)


BACKOFF_MS = (5_000, 20_000, 80_000, 320_000)
"""Delays after the first, second, ... failed attempt; the last one is used from then on."""

UNAVAILABLE_RETRY_MS = 10_000
"""The delay after an attempt that found a full disk or an unavailable store; such attempts are not counted."""

MAX_INTERRUPTIONS = 10
"""A job fails if the server died this often while it ran, in addition to its own attempts."""

WRITE_RETRY_S = 1.0
"""The delay before the outcome of an attempt is written again after a database error."""

POLL_INTERVAL_S = 5.0
"""How often the queue is polled: a command beside the server may add jobs, and admission checks may change."""

_log = get_logger("jobs")


class JobPool:
    """Claims jobs and runs their handlers until it is stopped."""

    def __init__(self, job_queue: JobQueue, queues: Collection[QueueConfig], clock: Clock) -> None:
        self._job_queue = job_queue
        self._queues = queues
        self._clock = clock
        self._wakeups = [asyncio.Event() for _ in queues]
        self._limiters = {queue.name: CapacityLimiter(queue.capacity) for queue in queues}
        self._blocked: dict[str, str] = {}
        self._attempts: dict[int, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        job_queue.on_enqueue = self._wake
        job_queue.on_cancel = self._cancel_attempts

    async def start(self) -> None:
        """Queue the running jobs of earlier processes again, and start."""
        requeued = await self._job_queue.requeue_running()
        if requeued:
            _log.info("jobs_resumed", count=requeued)
        for queue, wakeup in zip(self._queues, self._wakeups, strict=True):
            failures = FailureLog(f"jobs-{queue.name}")
            self._tasks += [
                asyncio.create_task(self._run_slot(queue, wakeup, failures)) for _ in range(queue.concurrency)
            ]
        # The lease is renewed three times before it expires; after a failure it is retried at shorter intervals.
        renewal = every(LEASE_MS / 3000, self._renew_leases, "job-leases", delay_s=LEASE_MS / 3000, max_backoff_s=5)
        due = every(POLL_INTERVAL_S, self._wake_due, "jobs-due", delay_s=POLL_INTERVAL_S)
        self._tasks += [asyncio.create_task(renewal), asyncio.create_task(due)]

    async def stop(self, *, grace_s: float) -> None:
        """Claim no more jobs, give running ones `grace_s` seconds to end, and queue the rest again."""
        self._stopping = True
        self._wake()
        if self._attempts:
            await asyncio.wait(self._attempts.values(), timeout=grace_s)
        for task in self._tasks:
            task.cancel()  # a slot cancels its attempt and waits until the job is queued again
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def running(self) -> int:
        """The number of running attempts."""
        return len(self._attempts)

    @property
    def alive(self) -> bool:
        """Whether all tasks of the pool are running."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def waiting_reason(self, kind: str, weight: int) -> str:
        """Why a job that is due does not run yet, as a message for users."""
        if reason := self._blocked.get(kind):
            return reason
        queue = next((queue for queue in self._queues if kind in queue.handlers), None)
        available = self._limiters[queue.name].available if queue else None
        if available is not None and weight > available:
            return gettext_noop("Waits until there is memory for it")
        return gettext_noop("Waits for its turn")

    def _wake(self) -> None:
        for wakeup in self._wakeups:
            wakeup.set()

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
        """The kinds of a queue whose admission checks allow them to start."""
        for kind, check in queue.admission.items():
            reason = await check.blocked_reason()
            if reason is None:
                self._blocked.pop(kind, None)
            else:
                self._blocked[kind] = reason
        return [kind for kind in queue.handlers if kind not in self._blocked]

    async def _claim(self, kinds: Collection[str], limiter: CapacityLimiter) -> Job | None:
        async with limiter.lock:
            job = await self._job_queue.claim(kinds, max_weight=limiter.available)
            if job is not None:
                limiter.acquire(job.weight)
            return job

    async def _run_claimed(self, queue: QueueConfig, job: Job, wakeup: asyncio.Event) -> None:
        try:
            await self._run_attempt(queue, job)
        finally:
            self._limiters[queue.name].release(job.weight)
            wakeup.set()  # a job that was too heavy may fit now

    async def _wait(self, kinds: Collection[str], limiter: CapacityLimiter, wakeup: asyncio.Event) -> None:
        due = await self._job_queue.next_due_ms(kinds)
        until_due = None if due is None else max(0.05, (due - self._clock.now_ms()) / 1000)
        if due is not None and due <= self._clock.now_ms() and limiter.available is not None:
            until_due = None  # it waits for capacity; releasing some sets `wakeup`
        try:
            async with asyncio.timeout(until_due):
                await wakeup.wait()
        except TimeoutError:
            return

    async def _wake_due(self) -> None:
        """Wake the queues that have due jobs, with one query for all of them, so that an idle server does little."""
        due = await self._job_queue.due_kinds()
        for queue, wakeup in zip(self._queues, self._wakeups, strict=True):
            if not due.isdisjoint(queue.handlers):
                wakeup.set()

    async def _run_attempt(self, queue: QueueConfig, job: Job) -> None:
        attempt = asyncio.create_task(self._execute(queue, job), name=f"{job.kind} {job.subject}")
        self._attempts[job.id] = attempt
        try:
            await asyncio.wait([attempt])
        finally:
            if not attempt.done():  # the slot was cancelled
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
            # When the server stops, the job continues at the next start; for a cancelled job this does nothing.
            await self._job_queue.requeue(job)
            raise
        except (Unavailable, NoSpace) as error:
            failure = Failure(error.code, error.message)
            await _write_with_retry(
                lambda: self._job_queue.requeue(job, delay_ms=UNAVAILABLE_RETRY_MS, failure=failure)
            )
        except AttemptFailed as error:
            await self._handle_failure(queue, job, Failure(error.code, error.message), retryable=error.retryable)
        except Exception:  # noqa: BLE001  # a bug in a handler must not stop the server; the log has the traceback
            _log.exception("job_crashed", job=job.id, kind=job.kind, subject=job.subject)
            failure = Failure("internal", "Something went wrong inside the server. Its log tells more.")
            await self._handle_failure(queue, job, failure, retryable=True)
        else:
            await _write_with_retry(lambda: self._job_queue.finish(job))
            _log.info("job_done", kind=job.kind, subject=job.subject, seconds=self._elapsed_s(started))

    async def _handle_failure(self, queue: QueueConfig, job: Job, failure: Failure, *, retryable: bool) -> None:
        _log.warning("attempt_failed", kind=job.kind, subject=job.subject, attempt=job.attempt, code=failure.code)
        if retryable and job.attempt < job.max_attempts:
            delay_ms = BACKOFF_MS[min(job.attempt, len(BACKOFF_MS)) - 1]
            await _write_with_retry(
                lambda: self._job_queue.requeue(job, delay_ms=delay_ms, counts=True, failure=failure)
            )
            return

        handler = queue.handlers[job.kind]
        await _write_with_retry(
            lambda: self._job_queue.fail(job, failure, lambda tx: handler.on_failed(tx, job, failure))
        )

    async def _renew_leases(self) -> None:
        """Renew the leases of the jobs that run here, and queue jobs again that lost their lease and do not run.

        After an outage or a sleep of the machine that was longer than the lease, all leases have expired. No other
        process claims a job that is marked as running, so the jobs that run here continue.
        """
        await self._job_queue.heartbeat(list(self._attempts))
        if expired := await self._job_queue.requeue_expired(running=list(self._attempts)):
            _log.warning("job_leases_expired", count=expired)

    def _elapsed_s(self, started: float) -> float:
        return round(self._clock.monotonic() - started, 3)


async def _write_with_retry(write: Callable[[], Awaitable[object]]) -> None:
    """Write the outcome of an attempt, retrying during a database outage: otherwise the work would be repeated.

    Raises:
        Exception: a bug, which a retry would not fix.
    """
    ended: list[Exception | None] = []

    async def attempt() -> None:
        try:
            await write()
        except DatabaseDamaged:
            pass  # nothing is written to a damaged database, so a retry is useless
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
