"""What goes out compressed, what never does, and that tags, lengths and ranges are those of what was sent."""

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.people import Person, csrf_of
from tests.server import Server, wait_until

Get = Callable[..., tuple[httpx.Response, bytes]]


@pytest.fixture(scope="module")
def video(shared_server: Server, small_clip: Path) -> str:
    owner = shared_server.person("packer")
    made = owner.upload(small_clip, visibility="public")
    wait_until(lambda: owner.look(made)["state"] == "ready", "ready")
    return made


@pytest.fixture
def get(shared_server: Server) -> Get:
    """Asks for an address and gives the bytes as they came, with their coding."""
    client = shared_server.client()

    def ask(
        path: str, *, method: str = "GET", by: httpx.Client = client, **headers: str
    ) -> tuple[httpx.Response, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with by.stream(method, path, headers={"Accept-Encoding": "", **named}) as answer:
            return answer, b"".join(answer.iter_raw())

    return ask


def assets_of(page: bytes) -> list[str]:
    return sorted(set(re.findall(r'"(/assets/[^"#]+)', page.decode())))


def test_each_asset_comes_in_each_coding(get: Get, shared_server: Server) -> None:
    codings = set()
    for path in assets_of(get("/explore")[1]):
        plain, content = get(path)
        tags = {plain.headers["etag"]}
        for coding in ("br", "gzip"):
            answer, packed = get(path, Accept_Encoding=coding)
            assert answer.status_code == 200
            assert answer.headers["content-length"] == str(len(packed))
            assert answer.headers["content-type"] == plain.headers["content-type"]
            if "content-encoding" not in answer.headers:  # a PNG and a font are as small as they get
                assert path.endswith((".png", ".woff2"))
                continue
            codings.add(answer.headers["content-encoding"])
            assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
            assert len(packed) < len(content)
            assert answer.headers["etag"] not in tags
            tags.add(answer.headers["etag"])
            assert shared_server.client().get(path, headers={"Accept-Encoding": "gzip"}).content == content
    assert codings == {"br", "gzip"}


def test_a_part_of_an_asset_is_a_part_of_that_variant(get: Get) -> None:
    path = next(name for name in assets_of(get("/explore")[1]) if name.endswith(".css"))
    for coding in ("br", "gzip", "identity"):
        whole, content = get(path, Accept_Encoding=coding)
        part, some = get(path, Accept_Encoding=coding, Range="bytes=100-299")
        assert (part.status_code, some) == (206, content[100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(content)}"
        assert part.headers.get("content-encoding") == whole.headers.get("content-encoding")
        last, some = get(path, Accept_Encoding=coding, Range="bytes=-10", If_Range=whole.headers["etag"])
        assert (last.status_code, some) == (206, content[-10:])
        other, some = get(path, Accept_Encoding=coding, Range="bytes=0-9", If_Range='"another"')
        assert (other.status_code, some) == (200, content)
        beyond, _ = get(path, Accept_Encoding=coding, Range=f"bytes={len(content)}-")
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
        kept, nothing = get(path, Accept_Encoding=coding, If_None_Match=whole.headers["etag"])
        assert (kept.status_code, nothing, kept.headers["etag"]) == (304, b"", whole.headers["etag"])
        head, nothing = get(path, method="HEAD", Accept_Encoding=coding, Range="bytes=0-9")
        assert (head.status_code, nothing) == (200, b"")
        for name in ("content-length", "etag", "vary", "content-type"):
            assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("refusing", ["identity;q=0", "*;q=0", "br;q=0, gzip;q=0, identity;q=0"])
def test_who_takes_nothing_that_there_is_is_told_so(get: Get, refusing: str) -> None:
    path = next(name for name in assets_of(get("/explore")[1]) if name.endswith(".css"))
    answer, _ = get(path, Accept_Encoding=refusing)
    assert answer.status_code == 406
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_pages_api_playlists_and_captions_are_compressed(get: Get, video: str) -> None:
    master = f"/media/{video}/master.m3u8"
    for path in ("/explore", f"/watch/{video}", f"/api/v1/videos/{video}", "/api/openapi.json", master):
        plain, content = get(path)
        answer, packed = get(path, Accept_Encoding="br, gzip;q=0.5")
        assert "content-encoding" not in plain.headers
        for each in (plain, answer):
            assert "Accept-Encoding" in each.headers["vary"].split(", ")
        assert answer.headers["content-length"] == str(len(packed))
        if len(content) > 1024:
            assert answer.headers["content-encoding"] == "gzip"
            assert len(packed) < len(content)
            assert len(gzip.decompress(packed)) == len(content)
        else:
            assert packed == content
        head, nothing = get(path, method="HEAD", Accept_Encoding="gzip")
        assert (head.status_code, nothing) == (200, b"")
        assert head.headers.get("content-encoding") == answer.headers.get("content-encoding")
        assert head.headers["content-length"] == answer.headers["content-length"]


def test_a_short_text_is_compressed_for_who_takes_nothing_else(get: Get) -> None:
    answer, packed = get("/healthz", Accept_Encoding="gzip, identity;q=0")
    assert answer.headers["content-encoding"] == "gzip"
    assert zlib.decompress(packed, 31) == get("/healthz")[1]


def test_a_compressed_text_has_a_tag_of_its_own(get: Get, shared_server: Server, video: str) -> None:
    owner = shared_server.person("packer")
    cues = [f"00:00.{at:03} --> 00:03.000\nA line of words, number {at}.\n\n" for at in range(90)]
    at = f"/api/v1/videos/{video}/captions"
    owner.api.post(at, params={"language": "en"}, content="".join(["WEBVTT\n\n", *cues]).encode()).raise_for_status()
    (track,) = owner.look(video)["captions"]
    path = track["url"].removeprefix(shared_server.url)
    plain, content = get(path)
    answer, packed = get(path, Accept_Encoding="gzip")
    assert gzip.decompress(packed) == content
    assert answer.headers["etag"] != plain.headers["etag"]
    for coding, first in (("gzip", answer), ("", plain)):
        again, nothing = get(path, Accept_Encoding=coding, If_None_Match=first.headers["etag"])
        assert (again.status_code, nothing, again.headers["etag"]) == (304, b"", first.headers["etag"])
        part, some = get(path, Accept_Encoding=coding, Range="bytes=0-9", If_Range=answer.headers["etag"])
        assert part.status_code == 200
        assert some == (packed if coding else content)


def test_media_and_events_are_never_compressed(get: Get, shared_server: Server, video: str) -> None:
    owner = shared_server.person("packer")
    poster = owner.look(video)["urls"]["poster"]
    for path in (poster.removeprefix(shared_server.url), f"/media/{video}/original"):
        answer, content = get(path, by=owner.api, Accept_Encoding="br, gzip")
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-length"] == str(len(content))
    with shared_server.client().stream("GET", "/api/v1/events", params={"video": video}) as events:
        assert "content-encoding" not in events.headers
        assert next(events.iter_text()).startswith(":")


def test_an_answer_that_another_site_caused_is_not_compressed(get: Get) -> None:
    for site, coding in (("cross-site", None), ("same-site", None), ("same-origin", "gzip"), ("none", "gzip")):
        answer, _ = get("/search?q=words", Accept_Encoding="gzip", Sec_Fetch_Site=site)
        assert answer.headers.get("content-encoding") == coding


def test_pages_that_tell_a_secret_are_not_compressed(get: Get, shared_server: Server, video: str) -> None:
    owner: Person = shared_server.person("packer")
    made = owner.api.post("/api/v1/links", json={"videos": [video]}).raise_for_status().json()
    shared = made["url"].removeprefix(shared_server.url)
    for path in (f"/watch/{video}/share", "/settings/links", "/settings/drops", "/settings/tokens", shared):
        answer, content = get(path, by=owner.browser, Accept_Encoding="gzip")
        assert answer.status_code == 200, path
        assert len(content) > 1024
        assert "content-encoding" not in answer.headers


def test_the_token_of_forms_is_another_each_time_and_each_is_good(shared_server: Server) -> None:
    owner = shared_server.person("packer")
    tokens = [csrf_of(owner.browser.get("/library").text) for _ in range(3)]
    assert len(set(tokens)) == 3
    halves = {token[start : start + 64] for token in tokens for start in (0, 64)}
    assert len(halves) == 6
    for token in tokens:
        answer = owner.browser.post("/settings/tokens", data={"csrf_token": token, "label": "x", "scope": "read"})
        assert answer.status_code == 200
    good = tokens[0]
    for bad in ("", good[:64], good[:-2], good[64:] + good[:62] + "0g", "00" * 64, good[:-1] + "é"):
        answer = owner.browser.post("/settings/tokens", data={"csrf_token": bad, "label": "x", "scope": "read"})
        assert answer.status_code == 403, bad
