"""What a job is, and what its handler must offer. It knows no storage and no loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streamtime.database.transaction import Transaction
from streamtime.errors import StreamtimeError


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed job. `attempt` counts from 1 and counts only tries that were the job's own fault to lose."""

    id: int
    kind: str
    subject: str
    attempt: int
    max_attempts: int
    weight: int = 0
    """What it takes of its lane's capacity while it runs, in the lane's own unit."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job was given up: a code for programs, words for people."""

    code: str
    message: str


class AttemptFailed(StreamtimeError):
    """An attempt came to nothing. With `retryable` false, no further one is worth the electricity."""

    code = "attempt_failed"

    def __init__(self, message: str, *, code: str, retryable: bool) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


class Handler(Protocol):
    """Does one kind of job. It may be called again after any interruption, and takes up what is done already."""

    async def run(self, job: Job) -> None:
        """Do the job to its end.

        Raises:
            AttemptFailed: it came to nothing; the reason is kept.
            Unavailable, NoSpace: the world is not ready; tried again later without counting as an attempt.
        """
        ...

    async def on_failed(self, tx: Transaction, job: Job, failure: Failure) -> None:
        """Mark the subject as failed, in the transaction that marks the job."""
        ...


class AdmissionCheck(Protocol):
    """Holds jobs of a kind back for a time: what they need is not there, or somebody else goes first."""

    async def blocked_reason(self) -> str | None:
        """Why none may begin at this moment, in words for people; None where they may."""
        ...


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Kinds of jobs that share places, so that quick work never waits behind long work.

    Where there is a `capacity`, jobs run together only as far as their weights fit into it; one that is too heavy
    by itself runs alone.
    """

    name: str
    concurrency: int
    handlers: dict[str, Handler]
    capacity: int | None = None
    admission: Mapping[str, AdmissionCheck] = field(default_factory=dict)
