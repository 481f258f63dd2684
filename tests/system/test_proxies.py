"""Behind nginx and Caddy, with the examples of docker/ as they are: what passes, what does not, and who is who."""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.people import BYTES, PASSWORD, TUS, UPLOADS, Person, csrf_of, sign_in, upload_headers
from tests.proxies import CLIENT, NAME, PROXIES, Proxy, sending, server_behind
from tests.server import wait_until
from tests.system.player import decode, fetch, video_playlists

METRICS_TOKEN = "for prometheus alone"
SOON_S = 2.0
MIB = 2**20


@pytest.fixture(scope="module", params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp(request.param)
    with server_behind(request.param, folder, metrics_token=METRICS_TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def ada(proxy: Proxy) -> Person:
    """Somebody all of whose requests come by the proxy."""
    return Person(proxy, "ada")


@pytest.fixture(scope="module")
def large(small_clip: Path) -> bytes:
    """A film of more than 12 MiB, nearly all of it a box that players pass over."""
    free = os.urandom(12 * MIB)
    return small_clip.read_bytes() + struct.pack(">I4s", len(free) + 8, b"free") + free


def set_cookies(answer: httpx.Response) -> list[tuple[str, set[str]]]:
    """Names, and what is said about each, in small letters."""
    said = [[part.strip() for part in line.split(";")] for line in answer.headers.get_list("set-cookie")]
    return [(pair.partition("=")[0], {part.lower() for part in rest}) for pair, *rest in said]


def test_who_signs_in_has_a_cookie_of_this_host_over_https_alone(proxy: Proxy) -> None:
    client = proxy.client()
    answer = sign_in(client, "ada", PASSWORD, following="/library")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/library"
    ((name, said),) = set_cookies(answer)
    assert name == "__Host-streamtime_session"
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= said
    assert not any(part.startswith("domain") for part in said)
    page = client.get("/library")
    assert page.status_code == 200
    assert client.post("/logout", data={"csrf_token": csrf_of(page.text)}).status_code == 303
    assert client.get("/library").status_code == 303


def test_browsers_are_told_to_stay_with_https(proxy: Proxy) -> None:
    client = proxy.client()
    for path in ("/login", "/explore", "/nothing-here", "/media/nothing/master.m3u8", "/api/v1/videos"):
        assert client.get(path).headers.get_list("strict-transport-security") == ["max-age=15552000"], path


def test_plain_http_is_led_to_https(proxy: Proxy) -> None:
    plain = httpx.get(f"http://127.0.0.1:{proxy.ports.plain}/watch/x?t=1", headers={"Host": NAME})
    assert plain.status_code == 308
    led = httpx.URL(plain.headers["location"])
    assert (led.scheme, led.host, led.raw_path) == ("https", NAME, b"/watch/x?t=1")
    assert "set-cookie" not in plain.headers


def test_an_upload_in_pieces_and_ranges_of_what_came_of_it(proxy: Proxy, ada: Person, large: bytes) -> None:
    at = ada.begin(len(large), filename="large.mp4")
    for offset in range(0, len(large), 5 * MIB):
        assert ada.append(at, offset, large[offset : offset + 5 * MIB]).status_code == 204
    video = ada.api.head(at, headers=TUS).headers["Streamtime-Video"]
    wait_until(lambda: ada.look(video)["state"] == "ready", "ready")
    urls = ada.look(video)["urls"]

    part = ada.api.get(urls["original"], headers={"Range": "bytes=5000000-9999999"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 5000000-9999999/{len(large)}"
    assert part.content == large[5_000_000:10_000_000]
    beyond = ada.api.get(urls["original"], headers={"Range": f"bytes={len(large)}-"})
    assert beyond.status_code == 416
    again = ada.api.get(urls["original"], headers={"If-None-Match": part.headers["etag"]})
    assert again.status_code == 304
    assert ada.api.get(urls["original"]).content == large

    track = fetch(ada.browser, video_playlists(ada.browser, urls["master"])[0])
    assert decode(track).frames > 0
    assert proxy.buffered_bytes == 0


def test_the_server_has_a_body_while_it_is_still_being_sent(proxy: Proxy, ada: Person, large: bytes) -> None:
    before = set(proxy.server.files("spool"))
    half = len(large) // 2
    headers = {**TUS, **BYTES, **upload_headers(len(large), filename="slow.mp4"), "Content-Length": str(len(large))}
    with sending(proxy, "POST", UPLOADS, {**headers, "Authorization": f"Bearer {ada.token}"}) as connection:
        connection.sendall(large[:half])

        def arrived() -> bool:
            new = [path for path in proxy.server.files("spool") if path not in before]
            return any(path.stat().st_size >= half - MIB for path in new)

        wait_until(arrived, "the first half is on the server's disk")
        connection.sendall(large[half:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert proxy.buffered_bytes == 0


def test_events_arrive_at_once_and_the_stream_stays_open(ada: Person) -> None:
    ats = [ada.begin(9, title=f"Told {number}") for number in range(3)]
    took_s = []
    with ada.api.stream("GET", "/api/v1/events") as events:
        lines = events.iter_lines()
        assert next(lines) == ": hello"
        for number, at in enumerate(ats):
            assert ada.append(at, 0, b"not media").status_code == 204
            begun = time.monotonic()
            assert any(line.startswith("data: ") and f"Told {number}" in line for line in lines)
            took_s.append(time.monotonic() - begun)
    assert min(took_s) < SOON_S  # a machine may be busy once; what is buffered comes late each time


def test_the_audit_has_the_address_of_the_client_whatever_it_says_itself(proxy: Proxy) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Real-IP": "198.51.100.7",
        "Forwarded": "for=198.51.100.7;proto=http",
        "X-Forwarded-Proto": "http",
    }
    answer = sign_in(proxy.client(**forged), "ada", PASSWORD)
    assert set_cookies(answer)[0][0].startswith("__Host-")
    sign_in(proxy.client(**forged), "ada", "a wrong password")
    root = Person(proxy, "root")
    entries = root.api.get("/api/v1/admin/audit").raise_for_status().json()["items"]
    assert {entry["deed"] for entry in entries} >= {"signed_in", "sign_in_failed"}
    about = [entry for entry in entries if entry["deed"] in {"signed_in", "sign_in_failed"}]
    assert {entry["address"] for entry in about} == {CLIENT}


def test_numbers_are_not_for_the_outside(proxy: Proxy) -> None:
    token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    client = proxy.client(**token)
    for path in ("/metrics", "/metrics/", "/metrics?x", "/%6detrics", "//metrics", "/x/../metrics", "/METRICS"):
        answer = client.send(client.build_request("GET", httpx.URL(proxy.url).copy_with(raw_path=path.encode())))
        assert answer.status_code in {400, 404}, path
        assert "streamtime_" not in answer.text, path
    inside = httpx.get(f"{proxy.server.url}/metrics", headers=token)
    assert inside.status_code == 200
    assert "streamtime_requests_total" in inside.text


def test_a_foreign_name_is_refused(proxy: Proxy) -> None:
    client = proxy.client()
    for name in ("evil.example.org", f"evil.example.org:{proxy.ports.secure}"):
        answer = client.get("/login", headers={"Host": name})
        assert answer.status_code == 421, name
        assert "Sign in" not in answer.text
    assert client.get("/login").status_code == 200


def test_what_opens_something_is_in_no_log(proxy: Proxy) -> None:
    client = proxy.client()
    for place in ("/s", "/drop", "/join", "/t", "/settings/links", "/api/v1/links", "/api/v1/drops"):
        client.get(f"{place}/not-to-be-known/x", headers={"Referer": f"{proxy.url}/join/not-to-be-known"})
    client.get("/login?seen", headers={"Referer": f"{proxy.url}/join/not-to-be-known"})
    logs = (proxy.folder / "said", proxy.folder / "access.log")
    written = "".join(log.read_text(errors="replace") for log in logs if log.exists())
    assert "not-to-be-known" not in written
