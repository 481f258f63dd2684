"""Who runs a server, for the tests of what such people may do."""

from collections.abc import Iterator

import pytest

from tests.people import Person
from tests.server import Server, serving


@pytest.fixture(scope="module")
def house() -> Iterator[Server]:
    """A server with one admin, `boss`."""
    with serving() as server:
        server.person("boss", admin=True)
        yield server


@pytest.fixture
def boss(house: Server) -> Person:
    return house.person("boss", admin=True)
