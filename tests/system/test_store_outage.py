"""A bucket that is away, slow, resetting or out of order: pages answer, media says when to ask again, jobs wait."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.fault_proxy import FaultProxy, Faults
from tests.people import Person
from tests.s3 import Bucket
from tests.server import Server, StartServer, wait_until
from tests.system.player import fetch, video_playlists
from tests.system.remote import all_bytes, ready_video_in

HEAVY_BYTES = 24 << 20
RESET_AFTER_BYTES = 16 << 20
"""A reset discards what lies unread in a socket's buffers: more than they hold has to have passed before it."""


@dataclass
class Away:
    """A video in a bucket behind a proxy."""

    server: Server
    person: Person
    proxy: FaultProxy
    video: str
    urls: dict[str, str]
    segment: str
    original: bytes


@pytest.fixture
def away(start_server: StartServer, bucket: Bucket, s3_endpoint: str, small_clip: Path) -> Iterator[Away]:
    original = small_clip.read_bytes() + struct.pack(">I4s", HEAVY_BYTES + 8, b"free") + bytes(HEAVY_BYTES)
    with FaultProxy(s3_endpoint) as proxy:
        server = start_server(**bucket.through(proxy.endpoint).environ, STREAMTIME_STORAGE__MEMORY_CACHE="0")
        person = server.person("ann")
        video = ready_video_in(person, original, server, "s3")
        urls = person.look(video)["urls"]
        segment = fetch(person.api, video_playlists(person.api, urls["master"])[0]).segment_uris[1]
        yield Away(server, person, proxy, video, urls, segment, original)


def says_when_to_ask_again(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "storage"


def test_while_it_is_away_everything_else_goes_on(away: Away) -> None:
    ann, api = away.person, away.person.api
    away.proxy.stop()
    for page in ("/library", "/explore", f"/watch/{away.video}", f"/watch/{away.video}/edit"):
        assert ann.browser.get(page).status_code == 200
    assert ann.look(away.video)["state"] == "ready"
    assert video_playlists(api, away.urls["master"])
    assert api.head(away.segment).status_code == 200
    for uri in (away.segment, away.urls["original"], away.urls["poster"]):
        says_when_to_ask_again(api.get(uri))
    assert api.get("/healthz").status_code == 200
    ready = api.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["storage"].startswith("s3: ")
    assert ready.json()["database"] == "ok"

    assert api.post(f"/api/v1/videos/{away.video}/retry", json={"everything": True}).status_code == 202
    old = video_playlists(api, away.urls["master"])
    away.proxy.start()
    wait_until(lambda: ann.look(away.video)["state"] == "ready", "ready", within_s=300)
    wait_until(lambda: not {*video_playlists(api, away.urls["master"])} & {*old}, "made anew", within_s=300)
    assert all_bytes(ann, away.video)[away.urls["original"]] == away.original


@pytest.mark.parametrize(
    "faults",
    [Faults(status=503), Faults(status=500), Faults(bytes_per_s=10_000), Faults(reset_answer_after=3_000)],
    ids=["503", "500", "slow", "reset"],
)
def test_media_of_a_store_at_fault_says_when_to_ask_again(away: Away, faults: Faults) -> None:
    api = away.person.api
    with away.proxy.failing(faults):
        for uri in (away.segment, away.urls["original"]):
            says_when_to_ask_again(api.get(uri))
        assert away.person.browser.get(f"/watch/{away.video}").status_code == 200
    wait_until(lambda: api.get(away.segment).status_code == 200, "it is back")
    assert api.get(away.urls["original"]).content == away.original


def test_what_breaks_off_in_the_middle_does_not_look_whole(away: Away) -> None:
    away.proxy.stop()  # what a kept connection has answered before would count
    away.proxy.start()
    away.proxy.set_faults(Faults(reset_answer_after=RESET_AFTER_BYTES))
    with away.person.api.stream("GET", away.urls["original"]) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert "Traceback" not in away.server.log_output
