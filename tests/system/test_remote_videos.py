"""Videos whose bytes are all in a bucket: played, prepared again, given another poster; read once for many viewers."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.people import Person
from tests.s3 import Bucket
from tests.server import Server, StartServer, wait_until
from tests.system.player import Track, decode, fetch, video_playlists
from tests.system.remote import all_bytes, ready_video_in, store_call_count, wait_all_stored_in

VIEWERS = 200


@pytest.fixture
def server(start_server: StartServer, bucket: Bucket) -> Server:
    """A server that keeps its videos in a bucket."""
    return start_server(**bucket.environ)


@pytest.fixture
def ann(server: Server) -> Person:
    return server.person("ann")


def test_a_video_in_a_bucket_is_served_like_any_other(server: Server, ann: Person, small_clip: Path) -> None:
    data = small_clip.read_bytes()
    video = ready_video_in(ann, data, server, "s3")
    wait_until(lambda: server.files("spool") == [], "the spool is left")  # after the row says so, never before
    assert server.files("objects") == []
    found = all_bytes(ann, video)
    original = ann.look(video)["urls"]["original"]
    assert found[original] == data
    assert decode(Track("", [], 0, found[video_playlists(ann.api, ann.look(video)["urls"]["master"])[0]])).frames == 100
    segment = fetch(ann.api, video_playlists(ann.api, ann.look(video)["urls"]["master"])[0]).segment_uris[1]
    whole = ann.api.get(segment)
    for address, content in ((original, data), (segment, whole.content)):
        part = ann.api.get(address, headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, content[100:300])
        assert part.headers["Content-Range"] == f"bytes 100-299/{len(content)}"
        head = ann.api.head(address)
        assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(content))
        assert ann.api.get(address, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert ann.api.get(segment, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert server.visitor().api.get(segment).status_code == 404, "hot or not, permission comes first"


def test_two_hundred_viewers_cost_one_read_a_segment(server: Server, ann: Person, ladder_clip: Path) -> None:
    video = ready_video_in(ann, ladder_clip.read_bytes(), server, "s3")
    ann.change(video, visibility="public")
    segments = [
        uri for playlist in video_playlists(ann.api, ann.look(video)["urls"]["master"])
        for uri in playlist_uris(server, playlist)
    ]  # fmt: skip
    before = store_call_count(server, "get_range")

    async def watch() -> set[bytes]:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

            async def viewer() -> bytes:
                got = [(await client.get(uri)).raise_for_status().content for uri in segments]
                return b"".join(got)

            return set(await asyncio.gather(*[viewer() for _ in range(VIEWERS)]))

    assert len(asyncio.run(watch())) == 1
    marker = 1  # which a collection in these moments looks at
    assert store_call_count(server, "get_range") - before <= len(segments) * 1.1 + marker


def playlist_uris(server: Server, playlist: str) -> list[str]:
    """Init segment and segments of a public video's rendition, not yet fetched."""
    lines = server.visitor().api.get(playlist).raise_for_status().text.splitlines()
    base = playlist.rpartition("/")[0]
    return [f"{base}/init.mp4", *(f"{base}/{line}" for line in lines if line.endswith(".m4s"))]


def test_everything_can_be_made_anew_from_the_bucket(server: Server, ann: Person, ladder_clip: Path) -> None:
    video = ready_video_in(ann, ladder_clip.read_bytes(), server, "s3")
    before = ann.look(video)
    master = before["urls"]["master"]
    old = video_playlists(ann.api, master)

    def anew(**wish: object) -> list[str]:
        assert ann.api.post(f"/api/v1/videos/{video}/retry", json=wish).status_code == 202
        wait_until(lambda: ann.look(video)["state"] == "ready", "ready", within_s=300)
        return video_playlists(ann.api, master)

    rung = anew(rungs=["240p"])
    assert (rung[0], len(rung)) == (old[0], len(old))
    assert rung[1] != old[1]
    new = anew(everything=True)
    assert not {*new} & {*old, *rung}
    for uri in new:
        assert decode(fetch(ann.api, uri)).frames == 150

    ann.change(video, poster_ms=5_000)
    poster = before["urls"]["poster"]
    wait_until(lambda: ann.look(video)["urls"]["poster"] != poster, "another poster", within_s=300)
    assert ann.api.get(ann.look(video)["urls"]["poster"]).raise_for_status().content[:2] == b"\xff\xd8"
    wait_all_stored_in(server, "s3")
    wait_until(lambda: server.files("spool") == [], "what was fetched is gone")


def test_without_an_original_pictures_come_from_parts_of_a_rendition(
    start_server: StartServer, bucket: Bucket, small_clip: Path
) -> None:
    server = start_server(**bucket.environ, STREAMTIME_TRANSCODE__KEEP_ORIGINAL="false")
    ann = server.person("ann")
    video = ready_video_in(ann, small_clip.read_bytes(), server, "s3")
    poster = ann.look(video)["urls"]["poster"]
    ann.change(video, poster_ms=3_000)
    wait_until(lambda: ann.look(video)["urls"]["poster"] != poster, "another poster", within_s=300)
    assert ann.api.get(ann.look(video)["urls"]["poster"]).raise_for_status().content[:2] == b"\xff\xd8"
