"""Pages and lists take few queries, as many for a large library as for a small one, and each query uses an index."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from benchmarks.library import seed
from benchmarks.pages import seed_playlists
from tests.in_process import InProcessApplication, open_in_process
from tests.server import running_server

VIDEOS = 600
MOST_QUERIES = 8
MOST_OF_WATCH = 14
"""Six of them fill the playback cache at the first request; a seeded video without objects is looked up each time."""

FEW_ROWS = {"users", "permission_epoch", "jobs"}
"""Tables that may be read as a whole: they grow with people or with what is under way, not with the library."""

PAGES = (
    "/explore",
    "/library",
    "/library?sort=title",
    "/library?sort=recorded",
    "/history",
    "/watch-later",
    "/favourites",
    "/following",
    "/playlists",
    "/tags",
    "/tags/music",
    "/search?q=lake",
    "/search?q=lake&sort=new",
    "/search/suggestions?q=lak",
    "/@ann",
    "/feed.xml",
    "/watch/{video}",
    "/playlists/{playlist}",
    "/api/v1/videos",
    "/api/v1/search?q=lake",
    "/api/v1/me/following/videos",
)


@dataclass(frozen=True)
class Query:
    """A statement that the application sent to the database."""

    statement: str
    parameters: Any


@dataclass(frozen=True)
class Stage:
    """An application with a seeded library, and its owner."""

    application: InProcessApplication
    client: httpx.Client
    explain: Callable[[Query], list[str]]
    video: str
    playlist: str


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_server() as server:
        ann = server.person("ann")
        token = ann.token
        assert server.stop() == 0
        path = server.data_dir / "streamtime.db"
        seed(path, VIDEOS)
        playlist = seed_playlists(path, 40, VIDEOS // 2)
        with open_in_process(server) as application, closing(sqlite3.connect(path)) as database:
            client = application.client(Authorization=f"Bearer {token}")
            video = client.get("/api/v1/videos").json()["items"][0]["id"]

            def explain(query: Query) -> list[str]:
                rows = database.execute(f"EXPLAIN QUERY PLAN {query.statement}", query.parameters)
                return [row[3] for row in rows]

            yield Stage(application, client, explain, video, playlist)


@contextmanager
def recorded() -> Iterator[list[Query]]:
    """The queries of all engines in this process while the context lasts."""
    queries: list[Query] = []

    def record(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:  # noqa: ANN401  # the driver's
        if statement.lstrip().startswith(("SELECT", "WITH")):
            queries.append(Query(statement, parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield queries
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def read(stage: Stage, url: str) -> tuple[list[Query], str]:
    """The queries of a page, and its text; a first request fills what is cached."""
    stage.client.get(url)
    with recorded() as queries:
        text = stage.client.get(url).raise_for_status().text
    assert queries, "a page of the library reads the database"
    return queries, text


def scans(plan: list[str]) -> list[str]:
    """Steps of a plan that read a table from end to end without an index."""
    return [
        step
        for step in plan
        if (found := re.match(r"SCAN (\w+)", step))
        and "INDEX" not in step
        and found[1] not in {*FEW_ROWS, "CONSTANT"}
        and "VIRTUAL TABLE" not in step
        and not found[1].startswith("anon_")  # a subquery, whose own steps follow
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_takes_few_queries_which_use_indexes(stage: Stage, page: str) -> None:
    most = MOST_OF_WATCH if page == "/watch/{video}" else MOST_QUERIES
    queries, text = read(stage, page.format(video=stage.video, playlist=stage.playlist))
    assert len(queries) <= most, [query.statement for query in queries]
    if more := re.search(r'"([^"]*[?&](?:amp;)?cursor=[^"]+)"', text):
        of_next, _ = read(stage, more[1].replace("&amp;", "&"))
        assert len(of_next) <= most, [query.statement for query in of_next]
        queries += of_next
    wrong = {query.statement: found for query in queries if (found := scans(stage.explain(query)))}
    assert not wrong
