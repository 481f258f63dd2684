"""Who runs a server, for the tests of what such people may do."""

from collections.abc import Iterator

import pytest

from tests.people import Person
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    """A server with one admin, `boss`."""
    with running_server() as server:
        server.person("boss", admin=True)
        yield server


@pytest.fixture
def boss(admin_server: Server) -> Person:
    return admin_server.person("boss", admin=True)
