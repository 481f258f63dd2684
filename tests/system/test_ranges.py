"""Range, If-Range, ETag and HEAD (RFC 9110) on everything that is served as bytes."""

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import fetch, video_playlists

KINDS = ("original", "segment", "init", "poster", "mp4")


@dataclass(frozen=True)
class Files:
    """A video's files by kind, and who may read them."""

    person: Person
    uris: dict[str, str]
    playlists: dict[str, str]


@pytest.fixture(scope="module")
def files(shared_server: Server, small_clip: Path) -> Files:
    person = shared_server.person("ann")
    video = person.upload(small_clip)
    wait_until(lambda: person.look(video)["state"] == "ready", "ready")
    urls = person.look(video)["urls"]
    playlist = video_playlists(person.api, urls["master"])[0]
    init, segment, *_ = fetch(person.api, playlist).segment_uris
    (mp4, *_) = urls["mp4"].values()
    uris = {"original": urls["original"], "segment": segment, "init": init, "poster": urls["poster"], "mp4": mp4}
    return Files(person, uris, {"master": urls["master"], "media": playlist})


@pytest.fixture(params=KINDS)
def uri(request: pytest.FixtureRequest, files: Files) -> str:
    return files.uris[request.param]


@pytest.fixture
def api(files: Files) -> httpx.Client:
    return files.person.api


def test_the_whole_of_it(api: httpx.Client, uri: str) -> None:
    answer = api.get(uri)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 100
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    assert api.get(uri).headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-49", 10, 50),
        ("bytes=50-", 50, None),
        ("bytes=0-", 0, None),
        ("bytes=-1", -1, None),
        ("bytes=-100", -100, None),
        ("bytes=-99999999999", 0, None),
        ("bytes=10-99999999999", 10, None),
        ("bytes=0-9223372036854775807", 0, None),
    ],
)
def test_a_part_of_it(api: httpx.Client, uri: str, asked: str, start: int, end: int | None) -> None:
    whole = api.get(uri).content
    answer = api.get(uri, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = start % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("asked", ["bytes={length}-", "bytes={length}-{length}", "bytes=99999999999-", "bytes=-0"])
def test_nothing_of_it(api: httpx.Client, uri: str, asked: str) -> None:
    length = len(api.get(uri).content)
    answer = api.get(uri, headers={"Range": asked.format(length=length)})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{length}"
    assert answer.content == b""


@pytest.mark.parametrize(
    "asked",
    ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "items=0-5", "bytes 0-5", "bytes=0-1,5-9", "", "bytes=0--5"],
)
def test_what_is_no_single_range_is_answered_with_all(api: httpx.Client, uri: str, asked: str) -> None:
    answer = api.get(uri, headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == api.get(uri).content


def test_what_the_client_has_is_not_sent_again(api: httpx.Client, uri: str) -> None:
    etag = api.get(uri).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = api.get(uri, headers={"If-None-Match": known, "Range": "bytes=0-9"})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "Cache-Control" in answer.headers
    assert api.get(uri, headers={"If-None-Match": '"other"'}).status_code == 200


def test_if_range_sends_a_part_of_the_same_thing_only(api: httpx.Client, uri: str) -> None:
    etag = api.get(uri).headers["ETag"]
    wanted = {"Range": "bytes=0-9"}
    assert api.get(uri, headers={**wanted, "If-Range": etag}).status_code == 206
    for other in ('"other"', f"W/{etag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert api.get(uri, headers={**wanted, "If-Range": other}).status_code == 200


def test_head_tells_what_get_would(api: httpx.Client, uri: str) -> None:
    got, told = api.get(uri), api.head(uri)
    check_same_headers(told, got)
    assert api.head(uri, headers={"If-None-Match": got.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=-5", "bytes=999999999-", "bytes=x"])
def test_head_knows_no_ranges(api: httpx.Client, uri: str, asked: str) -> None:
    """RFC 9110, section 14.2: ranges are defined for GET alone."""
    check_same_headers(api.head(uri, headers={"Range": asked}), api.get(uri))


def check_same_headers(told: httpx.Response, got: httpx.Response) -> None:
    """The answer to a HEAD has every header of the answer to a GET, and no body."""
    assert told.status_code == got.status_code == 200
    assert told.content == b""
    assert {**told.headers, "date": ""} == {**got.headers, "date": ""}


def test_playlists_tell_head_the_same(api: httpx.Client, files: Files) -> None:
    for playlist in files.playlists.values():
        got = api.get(playlist)
        check_same_headers(api.head(playlist), got)
        assert got.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert got.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_media_can_only_be_read(api: httpx.Client, files: Files, method: str) -> None:
    for uri in (*files.uris.values(), *files.playlists.values()):
        answer = api.request(method, uri)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_immutable_is_said_of_what_never_changes(api: httpx.Client, files: Files) -> None:
    for kind in ("segment", "init", "poster"):
        assert "immutable" in api.get(files.uris[kind]).headers["Cache-Control"]
    assert "immutable" not in api.get(files.uris["original"]).headers["Cache-Control"]


def test_the_original_comes_under_its_own_name(shared_server: Server) -> None:
    person = shared_server.person("ann")
    video = person.send(b"not a video", filename='J\u00fcrgen "1"\r\n; x.mp4')
    told = person.api.get(f"/media/{video}/original").headers
    assert told["Content-Disposition"] == (
        "attachment; filename=\"J_rgen _1_; x.mp4\"; filename*=UTF-8''J%C3%BCrgen%20%221%22%3B%20x.mp4"
    )
    assert told["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "/",
        "/original/",
        "/original/..",
        "/%2e%2e/original",
        "/..%2foriginal",
        "/original%00",
        "/0/x/0.m4s",
        "/999999999/x/playlist.m3u8",
        "/1/x/-1.m4s",
        "/1/x/99999999999999999999.m4s",
        "/1/%2e%2e/init.mp4",
    ],
)
def test_other_addresses_lead_nowhere(api: httpx.Client, files: Files, tail: str) -> None:
    base = files.uris["original"].removesuffix("/original")
    answer = api.get(httpx.URL(files.person.server.url, raw_path=(base + tail).encode()))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_segment_beyond_the_end_is_not_there(api: httpx.Client, files: Files) -> None:
    assert api.get(files.uris["segment"].replace("/0.m4s", "/2.m4s")).status_code == 404
