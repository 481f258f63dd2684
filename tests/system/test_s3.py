"""A server that keeps its videos in a bucket: what people do with it, and what it does while the bucket is away."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fault_proxy import FaultProxy, Faults
from tests.people import Person
from tests.s3 import PART_BYTES, Bucket
from tests.server import Server, StartServer, wait_until
from tests.system.player import decode, fetch, video_playlists

SLOW_BYTES_PER_S = 3_000_000
"""A part takes some two seconds: long enough to be seen on its way."""


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def away_server(start_server: StartServer, bucket: Bucket, proxy: FaultProxy) -> Server:
    """A server whose bucket is behind the proxy."""
    return start_server(**bucket.through(proxy.endpoint).environ)


@pytest.fixture(scope="session")
def heavy_clip(clips: Path, small_clip: Path) -> Path:
    """The small clip in a file of four parts: what follows the film is of no use."""
    useless = 3 * PART_BYTES
    path = clips / "heavy.mp4"
    path.write_bytes(small_clip.read_bytes() + struct.pack(">I4s", useless + 8, b"free") + bytes(useless))
    return path


def rows(server: Server, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as database:
        return list(database.execute(query))


def ready(person: Person, video: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        body = person.look(video)
        assert body["state"] != "failed", body
        return body if body["state"] == "ready" and body["urls"]["storyboard"] else None

    return wait_until(look, "ready, with its stills")


def plays(person: Person, video: str) -> None:
    for uri in video_playlists(person.api, person.look(video)["urls"]["master"]):
        assert decode(fetch(person.api, uri)).frames == 100


def stored(bucket: Bucket) -> list[str]:
    """The keys of what belongs to videos; the mark of the deployment lies beside it."""
    return [key for key in bucket.objects() if key.startswith("videos/")]


def settled(server: Server, bucket: Bucket) -> list[str]:
    """The keys of all objects, once they are in the bucket and nowhere else."""
    wait_until(lambda: not server.files("spool") and not rows(server, "SELECT id FROM jobs WHERE kind='settle' "
          "AND state IN ('queued', 'running')"), "everything has settled")  # fmt: skip
    assert server.files("objects") == []
    keys = [key for (key,) in rows(server, "SELECT key FROM objects WHERE state = 'live' AND store = 's3'")]
    assert sorted(keys) == stored(bucket)
    assert bucket.uploads() == []
    return keys


def on_its_way(server: Server) -> tuple[str, int]:
    """The upload of an object of which a part has arrived, and how many of its parts have."""

    def look() -> tuple[str, int] | None:
        found = rows(server, "SELECT upload_id, json_array_length(parts) FROM multiparts WHERE parts <> '[]'")
        return found[0] if found else None

    return wait_until(look, "a part has arrived")


def test_a_video_lives_in_a_bucket_and_goes_from_it(
    start_server: StartServer, bucket: Bucket, small_clip: Path
) -> None:
    server = start_server(**bucket.environ)
    person = server.person("ann")
    video = person.upload(small_clip)
    ready(person, video)
    assert len(settled(server, bucket)) > 3
    plays(person, video)
    person.api.delete(f"/api/v1/videos/{video}?now=true").raise_for_status()
    assert person.api.get(f"/api/v1/videos/{video}").status_code == 404
    wait_until(lambda: not stored(bucket), "the bucket is empty")
    wait_until(lambda: not rows(server, "SELECT id FROM objects"), "the rows are gone")


def test_kill_9_while_an_object_is_on_its_way_goes_on_at_the_last_part(
    away_server: Server, bucket: Bucket, proxy: FaultProxy, heavy_clip: Path
) -> None:
    person = away_server.person("ann")
    proxy.set_faults(Faults(bytes_per_s=SLOW_BYTES_PER_S))
    video = person.send(heavy_clip.read_bytes(), filename="heavy.mp4")
    upload_id, arrived = on_its_way(away_server)
    away_server.kill()
    away_server.start()
    wait_until(lambda: on_its_way(away_server)[1] > arrived, "another part has arrived")
    assert on_its_way(away_server)[0] == upload_id
    proxy.clear()
    ready(person, video)
    (source,) = rows(away_server, "SELECT key, sha256 FROM objects WHERE kind = 'source'")
    assert source[0] in settled(away_server, bucket)
    assert bucket.read(source[0]) == heavy_clip.read_bytes()
    plays(person, video)


def test_deleted_on_its_way_leaves_nothing_in_the_bucket(
    away_server: Server, bucket: Bucket, proxy: FaultProxy, heavy_clip: Path
) -> None:
    person = away_server.person("ann")
    proxy.set_faults(Faults(bytes_per_s=SLOW_BYTES_PER_S))
    video = person.send(heavy_clip.read_bytes(), filename="heavy.mp4")
    on_its_way(away_server)
    person.api.delete(f"/api/v1/videos/{video}?now=true").raise_for_status()
    proxy.clear()
    wait_until(lambda: not rows(away_server, "SELECT id FROM objects"), "the rows are gone")
    assert (stored(bucket), bucket.uploads(), away_server.files("spool")) == ([], [], [])


def test_while_the_bucket_is_away_videos_come_and_play_and_settle_afterwards(
    away_server: Server, bucket: Bucket, proxy: FaultProxy, small_clip: Path
) -> None:
    person = away_server.person("ann")
    proxy.stop()
    video = person.upload(small_clip)
    ready(person, video)
    plays(person, video)
    storage = person.api.get("/readyz").json()["storage"]
    assert "does not answer" in storage
    waiting = "SELECT attempt FROM jobs WHERE kind = 'settle' AND state = 'queued' AND failure_code = 'storage'"
    assert wait_until(lambda: rows(away_server, waiting), "it waits")[0] == (0,)
    assert 'streamtime_store_errors_total{code="storage",operation="put",store="s3"}' in person.api.get("/metrics").text
    proxy.start()
    settled(away_server, bucket)
    plays(person, video)


def test_check_tries_the_bucket_and_names_what_is_wrong(start_server: StartServer, bucket: Bucket) -> None:
    server = start_server(**bucket.environ)
    well = server.command("check")
    assert well.returncode == 0, well.stdout
    assert f"{bucket.prefix}, writes, reads ranges, lists, takes parts, deletes" in well.stdout
    wrong = server.command("check", STREAMTIME_STORAGE__S3__SECRET_KEY="not-this-one")
    assert wrong.returncode == 1
    assert "secret key does not fit" in wrong.stdout
    assert "not-this-one" not in wrong.stdout + wrong.stderr
