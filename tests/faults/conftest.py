"""Fixtures: a traced server with one user, shared by the tests, and a clip of one second."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clips import make_clip
from tests.faults.operations import clear
from tests.faults.traced_server import FaultyBucket, TracedServer, faulty_bucket, running_traced_server


class _ServerPool:
    """Provides a server. One that a test leaves in a broken state is not reused."""

    def __init__(self, stack: ExitStack, place: FaultyBucket | None = None) -> None:
        self._stack = stack
        self._place = place
        self._server: TracedServer | None = None

    def acquire(self) -> TracedServer:
        traced_server = self._server or self._stack.enter_context(running_traced_server(self._place))
        self._server = None
        traced_server.ignore_log_so_far()
        return traced_server

    def release(self, traced_server: TracedServer) -> None:
        traced_server.set_rules()
        clear(traced_server)
        traced_server.wait_idle()
        self._server = traced_server


@pytest.fixture(scope="session")
def film(clips: Path) -> bytes:
    """A clip of one second that is copied, and ready almost at once."""
    return make_clip(clips / "tiny.mp4", duration_s=1, width=160, height=90).read_bytes()


@pytest.fixture(scope="session")
def server_pool() -> Iterator[_ServerPool]:
    with ExitStack() as stack:
        yield _ServerPool(stack)


@pytest.fixture(scope="session")
def bucket_server_pool(s3_endpoint: str) -> Iterator[_ServerPool]:
    with ExitStack() as stack:
        yield _ServerPool(stack, stack.enter_context(faulty_bucket(s3_endpoint)))


@pytest.fixture
def bucket_server(bucket_server_pool: _ServerPool) -> Iterator[TracedServer]:
    """The same, with its videos in an S3 bucket."""
    traced_server = bucket_server_pool.acquire()
    yield traced_server
    if not traced_server.has_exited:
        bucket_server_pool.release(traced_server)


@pytest.fixture
def traced_server(server_pool: _ServerPool) -> Iterator[TracedServer]:
    """A server for fault injection; if it still runs after a test, it is emptied for the next one."""
    traced_server = server_pool.acquire()
    yield traced_server
    if not traced_server.has_exited:
        server_pool.release(traced_server)
