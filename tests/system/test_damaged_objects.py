"""Stored bytes that are not what their row says: a 500 before the first byte, a connection cut off after it.

Neither leaves a traceback in the log, and each leaves one line.
"""

import json
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.fault_proxy import FaultProxy, Faults
from tests.people import Person
from tests.s3 import Bucket
from tests.server import Server, StartServer, wait_until
from tests.system.player import audio_playlists, fetch, video_playlists
from tests.system.remote import ready_video_in

HEAVY_BYTES = 40 << 20
"""More than is read in one piece, and than the buffers between a server and a client that does not read hold."""

LATE = 30 << 20
"""Where an object is cut, behind what such buffers hold."""

Store = Callable[[str, bytes | None], bytes]
"""Writes an object behind the server's back, or with None only reads it; gives what was there before."""


@dataclass(frozen=True)
class DamageSetup:
    """A server with one video, and its store."""

    server: Server
    person: Person
    video: str
    addresses: list[str]
    keys: list[str]
    store: Store

    @property
    def warnings(self) -> list[str]:
        """The events that it has logged as a warning or worse."""
        return warnings(self.server)


def warnings(server: Server) -> list[str]:
    lines = [json.loads(line) for line in server.log_output.splitlines() if line.startswith("{")]
    return [line["event"] for line in lines if line["level"] in {"warning", "error", "critical"}]


def on_disk(server: Server) -> tuple[list[str], Store]:
    root = server.data_dir / "objects"

    def store(key: str, data: bytes | None) -> bytes:
        before = (root / key).read_bytes()
        if data is not None:
            (root / key).write_bytes(data)  # the same file: it may be open
        return before

    return [str(path.relative_to(root)) for path in server.files("objects")], store


def in_bucket(bucket: Bucket) -> tuple[list[str], Store]:
    def store(key: str, data: bytes | None) -> bytes:
        before = bucket.read(key)
        if data is not None:
            bucket.write(key, data)
        return before

    return bucket.objects(), store


@pytest.fixture(params=["local", "s3"])
def setup(request: pytest.FixtureRequest, start_server: StartServer, small_clip: Path) -> DamageSetup:
    backend: str = request.param
    bucket: Bucket = request.getfixturevalue("bucket")
    environ = bucket.environ if backend == "s3" else {}
    server = start_server(**environ, STREAMTIME_STORAGE__MEMORY_CACHE="0")
    person = server.person("ann")
    video = ready_video_in(person, small_clip.read_bytes(), server, backend)
    urls = person.look(video)["urls"]
    addresses = [urls["original"], urls["poster"], urls["preview"], re.sub(r"\.vtt.*", "-0.jpg", urls["storyboard"])]
    for playlist in (*video_playlists(person.api, urls["master"]), *audio_playlists(person.api, urls["master"])):
        segments = fetch(person.api, playlist).segment_uris
        addresses += [playlist.replace("playlist.m3u8", "rendition.mp4"), *segments]
    keys, store = in_bucket(bucket) if backend == "s3" else on_disk(server)
    return DamageSetup(server, person, video, addresses, keys, store)


def is_damage(answer: httpx.Response) -> bool:
    """Whether the answer says that stored bytes are not what they should be."""
    if answer.status_code != 500:
        return False
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "damaged"
    return True


def test_an_object_that_is_too_short_is_not_begun(setup: DamageSetup) -> None:
    truth = {uri: setup.person.api.get(uri).raise_for_status().content for uri in setup.addresses}
    objects = {key: setup.store(key, None) for key in setup.keys}
    damaged = 0
    for share in (0, 0.3, 0.999):
        for key, whole in objects.items():
            setup.store(key, whole[: int(len(whole) * share)])
        for uri, content in truth.items():
            last = len(content) - 1
            found = [
                damage(setup.person, uri, content, part) for part in (None, (0, 0), (last, last), (last // 2, last))
            ]
            damaged += sum(found)
            if not re.search(r"init\.mp4|\.m4s", uri):  # these may lie before the cut
                assert found[0]
                assert found[3]
    assert setup.warnings.count("media_damaged") == damaged
    assert {*setup.warnings} == {"media_damaged"}
    assert "Traceback" not in setup.server.log_output


def damage(person: Person, uri: str, content: bytes, part: tuple[int, int] | None) -> bool:
    """Ask for an address or a part of it; whether that is damaged. Else it is right."""
    headers = {} if part is None else {"Range": f"bytes={part[0]}-{part[1]}"}
    answer = person.api.get(uri, headers=headers)
    if is_damage(answer):
        return True
    assert answer.status_code == (200 if part is None else 206)
    assert answer.content == (content if part is None else content[part[0] : part[1] + 1])
    return False


def test_an_object_that_is_too_long_gives_what_its_row_says(setup: DamageSetup) -> None:
    truth = {uri: setup.person.api.get(uri).raise_for_status().content for uri in setup.addresses}
    for key in setup.keys:
        setup.store(key, setup.store(key, None) + bytes(100_000))
    for uri, content in truth.items():
        assert setup.person.api.get(uri).content == content
        assert setup.person.api.get(uri, headers={"Range": "bytes=-100"}).content == content[-100:]
        assert setup.person.api.get(uri, headers={"Range": "bytes=5-"}).content == content[5:]
    assert setup.warnings == []


def heavy(small_clip: Path) -> bytes:
    """A film that is streamed, since it is too large to be read in one piece."""
    return small_clip.read_bytes() + struct.pack(">I4s", HEAVY_BYTES + 8, b"free") + bytes(HEAVY_BYTES)


def breaks_off(person: Person, video: str, spoil: Callable[[], object]) -> int:
    """Begin to read an original, spoil it, read on to the end that it has; how many bytes came."""
    got = 0
    with person.api.stream("GET", f"/media/{video}/original") as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        got += len(next(pieces))
        spoil()
        try:
            for piece in pieces:
                got += len(piece)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return got
    raise AssertionError("the answer seems whole")


@pytest.mark.parametrize("left_bytes", [0, LATE + 12_345])
def test_a_file_cut_short_while_it_is_sent(server: Server, small_clip: Path, left_bytes: int) -> None:
    ann, data = server.person("ann"), heavy(small_clip)
    video = ready_video_in(ann, data, server, "local")
    (source,) = [path for path in server.files("objects") if path.stat().st_size == len(data)]
    assert breaks_off(ann, video, lambda: os.truncate(source, left_bytes)) < len(data)
    wait_until(lambda: '"media_response_aborted"' in server.log_output, "a line in the log")
    assert warnings(server) == ["media_response_aborted"]
    assert is_damage(ann.api.get(f"/media/{video}/original"))


def test_a_bucket_that_breaks_off_while_it_sends(
    start_server: StartServer, bucket: Bucket, s3_endpoint: str, small_clip: Path
) -> None:
    data = heavy(small_clip)
    with FaultProxy(s3_endpoint) as proxy:
        server = start_server(**bucket.through(proxy.endpoint).environ)
        ann = server.person("ann")
        video = ready_video_in(ann, data, server, "s3")
        assert breaks_off(ann, video, lambda: proxy.set_faults(Faults(reset_answer_after=0))) < len(data)
        wait_until(lambda: '"media_response_aborted"' in server.log_output, "a line in the log")
        assert sorted({*warnings(server)} - {"store_unavailable"}) == ["media_response_aborted"]
        assert warnings(server).count("media_response_aborted") == 1
        proxy.clear()
        assert ann.api.get(f"/media/{video}/original").content == data
