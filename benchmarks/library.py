"""A library of many videos: made in a database by `--seed`, else searched and listed in a fresh server.

    python -m benchmarks.library --seed data/streamtime.db --videos 5000

adds rows of ready, public and private videos with tags, chapters and captions, for one account, to a database whose
server is stopped. They have no media: poster and index are those of the newest real video, without which the next
start of the server calls them failed.
"""

import argparse
import random
import secrets
import sqlite3
import statistics
import time
import zlib
from contextlib import closing
from pathlib import Path

import httpx

from benchmarks.rig import Server, server

SUBJECTS = [
    "Lake",
    "Garden",
    "Birthday",
    "Wedding",
    "Football",
    "Concert",
    "Kitchen",
    "Mountain",
    "Island",
    "Harbour",
    "Christmas",
    "School",
    "Theatre",
    "Workshop",
    "Castle",
    "River",
    "Market",
    "Train",
    "Bicycle",
    "Puppy",
    "Straße",
    "Weihnachtsfeier",
    "Café",
    "Fête",
    "Niño",
    "東京タワー",
    "Москва",
    "Ålesund",
]
DETAILS = """in the rain, at night, with Grandma, by drone, first try, part two, slow motion, behind the scenes, uncut,
from the balcony, before breakfast, with everybody""".replace("\n", " ").split(", ")
TAGS = [
    "family",
    "holiday",
    "sports",
    "music",
    "food",
    "travel",
    "animals",
    "school",
    "diy",
    "drone",
    "winter",
    "summer",
]
WORDS = [
    "and",
    "then",
    "we",
    "went",
    "down",
    "to",
    "the",
    "water",
    "where",
    "nobody",
    "had",
    "been",
    "before",
    "because",
    "the",
    "weather",
    "was",
    "better",
    "than",
    "it",
    "had",
    "looked",
    "from",
    "the",
    "house",
    "so",
    "everyone",
    "took",
    "a",
    "picture",
    "of",
    "the",
    "old",
    "boat",
    "while",
    "the",
    "dog",
    "ran",
    "after",
    "a",
    "red",
    "ball",
]
CUES = 400
SEARCHES = ("lake", "weih", "grandma rain", "strasse", "old boat", '"red ball"', "g", "東京")


def main() -> None:
    """Seed a database, or print medians of a server with many videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=Path, help="the database to add videos to")
    parser.add_argument("--videos", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if options.seed is not None:
        print(f"{seed(options.seed, options.videos)} videos added")
        return
    with server() as ours:
        seed(ours.data_dir / "streamtime.db", options.videos)
        _measure(ours, options.rounds)


def seed(path: Path, count: int, *, captions: bool = True) -> int:
    """Add videos to a database, a third of them with captions; returns how many."""
    drawn = random.Random(7)  # noqa: S311  # the same library each time
    now = int(time.time() * 1000)
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        owners = [row[0] for row in connection.execute("SELECT id FROM users ORDER BY id")]
        poster: tuple[int | None, int, int] = connection.execute(
            "SELECT poster_object_id, width, height FROM videos WHERE poster_object_id IS NOT NULL ORDER BY id DESC"
        ).fetchone() or (None, 1920, 1080)
        for number in range(count):
            video = _add_video(connection, drawn, number, drawn.choice(owners), poster, now - number * 3_600_000)
            connection.execute(
                "INSERT INTO renditions (video_id, attempt_id, kind, origin, state, name, codecs, width, height,"
                " target_duration_s, segment_index, created_at_ms) SELECT ?, ?, kind, origin, state, name, codecs,"
                " width, height, target_duration_s, segment_index, created_at_ms FROM renditions"
                " WHERE kind = 'video' AND state = 'whole' ORDER BY id LIMIT 1",
                (video, secrets.token_hex(8)),
            )
            tags = drawn.sample(TAGS, drawn.randrange(4))
            connection.executemany(
                "INSERT INTO video_tags (video_id, tag_folded, tag, position) VALUES (?, ?, ?, ?)",
                [(video, tag, tag, position) for position, tag in enumerate(tags)],
            )
            if captions and number % 3 == 0:
                connection.execute(
                    "INSERT INTO captions (video_id, name, language, label, origin, cues, webvtt, created_at_ms)"
                    " VALUES (?, 'en', 'en', 'English', 'upload', ?, ?, ?)",
                    (video, CUES, zlib.compress(webvtt(drawn).encode()), now),
                )
    return count


def _add_video(
    connection: sqlite3.Connection,
    drawn: random.Random,
    number: int,
    owner: int,
    poster: tuple[int | None, int, int],
    at_ms: int,
) -> int | None:
    title = f"{drawn.choice(SUBJECTS)} {drawn.choice(DETAILS)} {number}"
    values = {
        "public_id": secrets.token_hex(8),
        "owner_id": owner,
        "title": title,
        "title_folded": title.casefold(),
        "description": " ".join(drawn.choices(WORDS, k=30)),
        "state": "ready",
        "playable": 1,
        "visibility": drawn.choices(("public", "members", "private", "unlisted"), (6, 2, 1, 1))[0],
        "storage_prefix": f"seed/{secrets.token_hex(8)}/",
        "source_name": f"clip{number}.mp4",
        "poster_object_id": poster[0],
        "poster_version": 1,
        "duration_ms": drawn.randrange(5_000, 7_200_000),
        "width": poster[1],
        "height": poster[2],
        "created_at_ms": at_ms,
        "published_at_ms": at_ms,
    }
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    return connection.execute(f"INSERT INTO videos ({columns}) VALUES ({places})", values).lastrowid  # noqa: S608  # our own names


def webvtt(drawn: random.Random) -> str:
    """Captions of `CUES` lines of random words."""
    cues = (
        f"\n00:{cue // 20:02}:{cue % 20 * 3:02}.000 --> 00:{cue // 20:02}:{cue % 20 * 3 + 2:02}.000\n"
        f"{' '.join(drawn.choices(WORDS, k=7))}\n"
        for cue in range(CUES)
    )
    return "WEBVTT\n" + "".join(cues)


def _measure(ours: Server, rounds: int) -> None:
    started = time.monotonic()
    with closing(sqlite3.connect(ours.data_dir / "streamtime.db")) as connection:
        while connection.execute("SELECT count(*) FROM search_pending").fetchone()[0]:
            time.sleep(0.2)
        size = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'videos_fts%'").fetchone()[0]
    print(f"index of all captions and titles: {time.monotonic() - started:.1f} s, {size / 1e6:.1f} MB")
    with ours.api as api:
        for query in SEARCHES:
            _time(api, "/api/v1/search", {"q": query, "sort": "relevance"}, rounds)
        _time(api, "/api/v1/videos", {}, rounds)
    with httpx.Client(base_url=ours.address, headers={"Cookie": ours.cookie()}) as pages:
        _time(pages, "/explore", {}, rounds)
        _time(pages, "/search", {"q": "lake"}, rounds)
        _time(pages, "/search/suggestions", {"q": "lak"}, rounds)


def _time(client: httpx.Client, path: str, params: dict[str, str], rounds: int) -> None:
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        client.get(path, params=params).raise_for_status()
        took.append((time.perf_counter() - started) * 1000)
    asked = f"?q={params['q']}" if "q" in params else ""
    print(f"{path}{asked}: median {statistics.median(took):.1f} ms, of {min(took):.1f} to {max(took):.1f}")


if __name__ == "__main__":
    main()
