"""https and plain HTTP: whose word about them counts, and what follows from it for cookies, headers and pages."""

from collections.abc import Iterator

import httpx
import pytest

from tests.people import PASSWORD, Person
from tests.server import Server, running_server

OUTSIDE = "video.example.org"
OVER_HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7", "Host": OUTSIDE}
PLAIN, SECURE = "streamtime_session", "__Host-streamtime_session"


@pytest.fixture(scope="module")
def behind() -> Iterator[Server]:
    """A server that believes this machine, and knows its own address outside."""
    with running_server(
        STREAMTIME_SERVER__PUBLIC_URL=f"https://{OUTSIDE}", STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1"
    ) as server:
        server.person("root", admin=True)
        yield server


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    """A server that knows the same address, and believes nobody."""
    with running_server(STREAMTIME_SERVER__PUBLIC_URL=f"https://{OUTSIDE}") as server:
        server.person("root", admin=True)
        yield server


def signed_in(server: Server, **headers: str) -> tuple[httpx.Client, httpx.Response]:
    """A client that has just signed in, and what it was answered."""
    client = server.client(**headers)
    answer = client.post("/login", data={"name": "root", "password": PASSWORD, "next": "/library"})
    assert answer.status_code == 303
    return client, answer


def cookie_of(answer: httpx.Response) -> tuple[str, bool]:
    """Its name, and whether it is kept to https."""
    said = answer.headers["set-cookie"]
    return said.partition("=")[0], "; secure" in said.lower()


def insists(answer: httpx.Response) -> bool:
    return "strict-transport-security" in answer.headers


def test_https_by_a_proxy_that_is_believed(behind: Server) -> None:
    _, answer = signed_in(behind, **OVER_HTTPS)
    assert cookie_of(answer) == (SECURE, True)
    assert insists(answer)
    for path, status in (("/login", 200), ("/nothing", 404), ("/media/x/master.m3u8", 404), ("/healthz", 200)):
        answer = behind.client(**OVER_HTTPS).get(path)
        assert (answer.status_code, insists(answer)) == (status, True), path


def test_the_same_server_by_plain_http_at_home(behind: Server) -> None:
    for headers in ({}, {"Host": "nas:8000"}, {**OVER_HTTPS, "X-Forwarded-Proto": "http"}):
        client, answer = signed_in(behind, **headers)
        assert cookie_of(answer) == (PLAIN, False)
        assert not insists(answer)
        kept = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        assert client.get("/library", headers=kept).status_code == 200


def test_another_name_by_https_is_not_kept_to_it(behind: Server) -> None:
    _, answer = signed_in(behind, **{**OVER_HTTPS, "Host": "nas"})
    assert cookie_of(answer) == (SECURE, True)
    assert not insists(answer)


def test_a_proxy_that_is_not_believed_changes_nothing(alone: Server) -> None:
    _, answer = signed_in(alone, **OVER_HTTPS)
    assert cookie_of(answer) == (PLAIN, False)
    assert not insists(answer)


def test_a_cookie_of_plain_http_is_none_over_https(behind: Server) -> None:
    _, answer = signed_in(behind)
    plain = answer.headers["set-cookie"].partition(";")[0]
    assert behind.client(Cookie=plain).get("/library").status_code == 200
    assert behind.client(**OVER_HTTPS, Cookie=plain).get("/library").status_code == 303
    renamed = plain.replace(PLAIN, SECURE)
    assert behind.client(Cookie=renamed).get("/library").status_code == 303


def storage_page(person: Person, **headers: str) -> str:
    text: str = person.browser.get("/admin/storage", headers=headers).raise_for_status().text
    return text


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("127.0.0.1:8000", False),
        ("127.9.9.9", False),
        ("[::1]:8000", False),
        ("localhost", False),
        ("video.localhost:8000", False),
        ("nas", True),
        ("nas.local:8000", True),
        ("192.168.1.5:8000", True),
        ("[fd00::5]", True),
        (OUTSIDE, True),
    ],
)
def test_who_runs_it_is_told_that_others_could_read_along(alone: Server, host: str, *, warned: bool) -> None:
    page = storage_page(alone.person("root"), Host=host)
    assert ("This connection is plain HTTP" in page) is warned
    assert "is not trusted" not in page


def test_who_runs_it_is_told_of_a_proxy_to_be_believed(alone: Server, behind: Server) -> None:
    page = storage_page(alone.person("root"), **OVER_HTTPS)
    assert "add 127.0.0.1 to <code>server.trusted_proxies</code>" in page
    assert "This connection is plain HTTP" not in page
    client, answer = signed_in(behind, **OVER_HTTPS)
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    page = client.get("/admin/storage", headers=cookie).raise_for_status().text
    assert "server.trusted_proxies" not in page
    assert "This connection is plain HTTP" not in page
