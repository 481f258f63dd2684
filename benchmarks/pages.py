"""Pages and lists of a server with 100,000 videos, 5,000 playlists and 2 million caption lines: times and queries.

    python -m benchmarks.pages --videos 100000 --rounds 100

prints the median and the 99th percentile of each page at its start and far into its paging, and how many queries it
takes. It ends with the same search as `LIKE '%word%'` over titles and descriptions, as Jellyfin does it, in turns with
ours on the same database.
"""

import argparse
import random
import re
import sqlite3
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks.library import CUES, seed, webvtt
from benchmarks.rig import Server, server

GOAL_MS = 30.0
LINES = 2_000_000
PLAYLISTS = 5_000
WATCHED = 3_000
LONG_PLAYLIST = 2_000
SEEDED = "b"
"""Public ids of playlists begin with this."""
COMMON = ("lake", "the", "in the rain", "first try garden")
"""Searches with thousands of matches, `the` in every description."""
RARE = ("東京", "grandma castle 77", "weihnachtsfeier drone")


def main() -> None:
    """Seed a server, and print how long its pages take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="copy the seeded database to this file")
    options = parser.parse_args()
    with server() as ours:
        started = time.monotonic()
        database = ours.data_dir / "streamtime.db"
        seed(database, options.videos, captions=False)
        playlist = seed_playlists(database, PLAYLISTS, min(LONG_PLAYLIST, options.videos))
        _seed_watches_and_captions(database)
        print(f"seeded in {time.monotonic() - started:.0f} s; {database.stat().st_size / 1e6:.0f} MB", flush=True)
        _wait_indexed(database)
        print(f"indexed after {time.monotonic() - started:.0f} s; {database.stat().st_size / 1e6:.0f} MB", flush=True)
        if options.keep:
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(options.keep)) as copy:
                source.backup(copy)
        missed = _measure(ours, playlist, options.rounds)
        _compare_search(ours, database, options.rounds)
    print(f"over {GOAL_MS:.0f} ms at the 99th percentile: {', '.join(missed) or 'none'}")


def seed_playlists(path: Path, count: int, longest: int) -> str:
    """Add playlists, the first of `longest` videos, to a database; returns the public id of the first."""
    drawn = random.Random(8)  # noqa: S311  # the same each time
    now = int(time.time() * 1000)
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        owner = connection.execute("SELECT id FROM users ORDER BY id LIMIT 1").fetchone()[0]
        ids = [row[0] for row in connection.execute("SELECT id FROM videos ORDER BY id")]
        for number in range(count):
            cursor = connection.execute(
                "INSERT INTO playlists (public_id, owner_id, title, visibility, created_at_ms, updated_at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (f"{SEEDED}{number:015}", owner, f"List {number}", drawn.choice(("public", "private")), now, now),
            )
            connection.executemany(
                "INSERT INTO playlist_items (playlist_id, video_id, position, added_at_ms) VALUES (?, ?, ?, ?)",
                [
                    (cursor.lastrowid, video, at, now)
                    for at, video in enumerate(drawn.sample(ids, drawn.randrange(3, 30) if number else longest))
                ],
            )
    return f"{SEEDED}{0:015}"


def _seed_watches_and_captions(path: Path) -> None:
    drawn = random.Random(9)  # noqa: S311  # the same each time
    now = int(time.time() * 1000)
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        owner = connection.execute("SELECT id FROM users ORDER BY id LIMIT 1").fetchone()[0]
        ids = [row[0] for row in connection.execute("SELECT id FROM videos ORDER BY id")]
        watched = drawn.sample(ids, min(WATCHED, len(ids)))
        connection.executemany(
            "INSERT INTO watches (user_id, video_id, position_ms, updated_at_ms) VALUES (?, ?, ?, ?)",
            [(owner, video, 3_000, now - at * 1_000) for at, video in enumerate(watched)],
        )
        for video in drawn.sample(ids, min(LINES // CUES, len(ids))):
            connection.execute(
                "INSERT INTO captions (video_id, name, language, label, origin, cues, webvtt, created_at_ms)"
                " VALUES (?, 'en', 'en', 'English', 'upload', ?, ?, ?)",
                (video, CUES, zlib.compress(webvtt(drawn).encode()), now),
            )


def _wait_indexed(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        while connection.execute("SELECT count(*) FROM search_pending").fetchone()[0]:
            time.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Place:
    """A page, and what to call it."""

    name: str
    url: str


def _measure(ours: Server, playlist: str, rounds: int) -> list[str]:
    """Print each page's times; returns those that miss the goal."""
    missed = []
    with httpx.Client(base_url=ours.address, headers={"Cookie": ours.cookie()}, timeout=60) as pages, ours.api as api:
        video = api.get("/api/v1/videos", params={"limit": 1}).json()["items"][0]["id"]
        for client, place in _places(pages, api, playlist, video):
            took = sorted(_times(partial(_get, client, place.url, {}), rounds))
            last = took[int(len(took) * 0.99)]
            print(f"{place.name:45} median {statistics.median(took):6.1f} ms  p99 {last:6.1f}", flush=True)
            if last > GOAL_MS:
                missed.append(place.name)
    return missed


def _places(pages: httpx.Client, api: httpx.Client, playlist: str, video: str) -> Iterator[tuple[httpx.Client, Place]]:
    for path in ("/explore", "/library", "/library?sort=title", "/library?sort=recorded", "/history", "/playlists"):
        yield pages, Place(path, path)
        yield pages, Place(f"{path}, 200 pages on", _deep(pages, path, 200))
    yield pages, Place("playlist of 2,000", f"/playlists/{playlist}")
    yield pages, Place("playlist of 2,000, 20 pages on", _deep(pages, f"/playlists/{playlist}", 20))
    yield pages, Place("/watch", f"/watch/{video}")
    yield pages, Place("/tags", "/tags")
    yield pages, Place("/tags/music", "/tags/music")
    yield pages, Place("/tags/music, 50 pages on", _deep(pages, "/tags/music", 50))
    yield pages, Place("/@bench", "/@bench")
    yield pages, Place("/feed.xml", "/feed.xml")
    for words in (*COMMON, *RARE):
        yield pages, Place(f"/search?q={words}", f"/search?q={words}")
        yield pages, Place(f"/search?q={words}&sort=new", f"/search?q={words}&sort=new")
        yield pages, Place(f"suggestions of {words}", f"/search/suggestions?q={words}")
    yield pages, Place("/search?q=lake, 50 pages on", _deep(pages, "/search?q=lake", 50))
    yield api, Place("/api/v1/videos", "/api/v1/videos?limit=50")
    yield api, Place("/api/v1/search?q=lake", "/api/v1/search?q=lake&limit=50")


def _deep(client: httpx.Client, path: str, pages: int) -> str:
    """Follow the links to the next page."""
    for _ in range(pages):
        found = re.search(r'["\']([^"\']*[?&](?:amp;)?cursor=[^"\']+)["\']', client.get(path).raise_for_status().text)
        if found is None:
            break
        path = found[1].replace("&amp;", "&")
    return path


def _times(call: Callable[[], object], rounds: int) -> Iterator[float]:
    """The times of a call in milliseconds, after three to warm up."""
    for number in range(rounds + 3):
        started = time.perf_counter()
        call()
        if number >= 3:
            yield (time.perf_counter() - started) * 1000


def _compare_search(ours: Server, path: Path, rounds: int) -> None:
    """Search the database by LIKE, in turns with the server."""
    like = (
        "SELECT id, title, count(*) OVER () FROM videos WHERE title LIKE ? OR description LIKE ?"
        " ORDER BY created_at_ms DESC LIMIT 50"
    )
    with closing(sqlite3.connect(path)) as connection, ours.api as api:
        for words in (*COMMON, *RARE):
            theirs: list[float] = []
            mine: list[float] = []
            for _ in range(max(rounds // 10, 5)):
                pattern = f"%{words}%"
                theirs += _times(lambda: connection.execute(like, (pattern, pattern)).fetchall(), 1)  # noqa: B023  # called at once
                mine += _times(partial(_get, api, "/api/v1/search", {"q": words, "limit": "50"}), 1)
            ratio = statistics.median(theirs) / statistics.median(mine)
            print(
                f"LIKE %{words}%: {statistics.median(theirs):.1f} ms, ours with HTTP, permission, captions, facets"
                f" {statistics.median(mine):.1f} ms: {ratio:.2f} times as fast"
            )


def _get(client: httpx.Client, url: str, params: dict[str, str]) -> object:
    return client.get(url, params=params or None).raise_for_status()


if __name__ == "__main__":
    main()
