"""Jobs, failures, queues, and the interfaces of job handlers and admission checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streamtime.database.transaction import Transaction
from streamtime.errors import StreamtimeError


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `attempt` counts from 1; attempts that failed for external reasons are not counted."""

    id: int
    kind: str
    subject: str
    attempt: int
    max_attempts: int
    weight: int = 0
    """How much of its queue's capacity it uses while it runs, in the unit of the queue."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a code for programs and a message for users."""

    code: str
    message: str


class AttemptFailed(StreamtimeError):
    """An attempt failed. If `retryable` is false, the job fails without further attempts."""

    code = "attempt_failed"

    def __init__(self, message: str, *, code: str, retryable: bool) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


class Handler(Protocol):
    """Runs one kind of job. It may be called again after an interruption at any point, and continues from there."""

    async def run(self, job: Job) -> None:
        """Run the job to completion.

        Raises:
            AttemptFailed: the attempt failed; the reason is recorded.
            Unavailable, NoSpace: a resource is not available; retried later without counting as an attempt.
        """
        ...

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the subject as failed, in the transaction that marks the job as failed."""
        ...


class AdmissionCheck(Protocol):
    """Decides whether jobs of a kind may start now, depending on resources or on other work."""

    async def blocked_reason(self) -> str | None:
        """Why no job may start now, as a message for users; None if they may."""
        ...


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """A queue: kinds of jobs that share its concurrency, so that short jobs never wait for long ones.

    With a `capacity`, jobs run at the same time only if the sum of their weights does not exceed it; a job that is
    heavier than the capacity runs alone.
    """

    name: str
    concurrency: int
    handlers: dict[str, Handler]
    capacity: int | None = None
    admission: Mapping[str, AdmissionCheck] = field(default_factory=dict)
