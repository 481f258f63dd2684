"""Who guesses at names, passwords and codes: told nothing, slowed down, and only they."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest

from tests.people import PASSWORD, TUS, sign_in
from tests.server import Server, StartServer, running_server, wait_until

WRONG = "y" * 300
"""Longer than any password: it is wrong at once, so that a slow machine does not fill tries in meanwhile."""

A_PAIR, UPLOADS_AT_ONCE = 10, 500
"""Tries at once at one account from one address; uploads that one account begins at once."""

AN_ADDRESS, CODES = (30, 20), (20, 30)
"""Tries at once from one address, and at the setup code, and after how many seconds there is one more."""

_numbers = count(1)


@pytest.fixture(scope="module")
def proxied() -> Iterator[Server]:
    """A server that believes this machine about whom a request is from: each test can come from elsewhere."""
    with running_server(STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1") as server:
        server.person("ann")
        yield server


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Server]:
    """A server that believes nobody."""
    with running_server() as server:
        server.person("ann")
        yield server


def from_elsewhere(server: Server, **headers: str) -> httpx.Client:
    """Somebody at an address that nobody was at before."""
    number = next(_numbers)
    return server.client(**{"X-Forwarded-For": f"203.0.{number // 250}.{number % 250 + 1}", **headers})


def guess(client: httpx.Client, name: str = "ann") -> int:
    return sign_in(client, name, WRONG).status_code


def pass_until_refused(attempt: Callable[[], int], rule: tuple[int, int]) -> None:
    """Try until it is too often: not before the limit, and not long after it."""
    burst, every_s = rule
    begun, passed = time.monotonic(), 0
    while attempt() != 429:
        passed += 1
        assert passed <= burst + (time.monotonic() - begun) / every_s + 1
    assert passed >= burst


@pytest.mark.parametrize("name", ["ann", "ANN", "nobody", "", "x" * 1000, "ann'--", "\u00e4\u0000"])
@pytest.mark.parametrize("password", ["wrong", "", "y" * 300])
def test_a_failed_login_says_nothing_about_the_name(proxied: Server, name: str, password: str) -> None:
    answer = sign_in(from_elsewhere(proxied), name, password)
    assert answer.status_code == 401
    assert "That name and password do not belong together." in answer.text
    assert not answer.cookies


def test_a_failed_login_takes_as_long_for_nobody(start_server: StartServer) -> None:
    server = start_server(FULL_PASSWORD_HASHES="yes")
    server.person("ann")
    client = server.client()
    _seconds(client, "nobody")  # the first one makes the hash that nobody has
    # By turns, so that what else the machine does falls on both alike.
    pairs = [(_seconds(client, "ann"), _seconds(client, "nobody")) for _ in range(9)]
    known, unknown = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    assert unknown > known / 3


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_who_guesses_is_told_to_wait_and_others_are_not(proxied: Server, name: str) -> None:
    client = from_elsewhere(proxied)
    assert [guess(client, name) for _ in range(A_PAIR)] == [401] * A_PAIR
    page = sign_in(client, name, PASSWORD)
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "too often" in page.text
    assert not page.cookies
    problem = client.post("/api/v1/auth/token", json={"username": name.upper(), "password": WRONG})
    assert (problem.status_code, problem.json()["code"]) == (429, "too_many")
    assert int(problem.headers["Retry-After"]) > 0
    assert sign_in(from_elsewhere(proxied), "ann", PASSWORD).status_code == 303


def test_many_names_from_one_address_are_too_many(proxied: Server) -> None:
    client = from_elsewhere(proxied)
    names = (f"name{number}" for number in count())
    pass_until_refused(lambda: guess(client, next(names)), AN_ADDRESS)


def test_who_proves_themselves_has_spent_nothing(proxied: Server) -> None:
    client = from_elsewhere(proxied)
    for _ in range(A_PAIR + 2):
        assert sign_in(client, "ann", PASSWORD).status_code == 303
        client.cookies.clear()


def test_a_forged_address_changes_nothing(open_to_all: Server) -> None:
    clients = [from_elsewhere(open_to_all) for _ in range(A_PAIR + 1)]
    assert [guess(client) for client in clients] == [401] * A_PAIR + [429]


def test_behind_a_proxy_the_address_that_it_saw_counts(proxied: Server) -> None:
    assert [guess(from_elsewhere(proxied)) for _ in range(A_PAIR + 2)] == [401] * (A_PAIR + 2)
    said = [f"198.51.100.{number}, 203.0.113.250" for number in range(A_PAIR + 1)]
    clients = [proxied.client(**{"X-Forwarded-For": words}) for words in said]
    assert [guess(client) for client in clients] == [401] * A_PAIR + [429]


def test_the_setup_code_is_not_guessed(start_server: StartServer) -> None:
    server = start_server()
    client = server.client(Accept="text/html")
    form = {"code": "2222-2222-2222", "name": "eve", "password": PASSWORD}
    pass_until_refused(lambda: client.post("/setup", data=form).status_code, CODES)
    refused = client.post("/setup", data={**form, "code": server.setup_code})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "<html" in refused.text


def test_uploads_are_begun_so_often_by_one_account_wherever_it_is(proxied: Server) -> None:
    busy, calm = proxied.person("busy"), proxied.person("ann")
    headers = {**TUS, "Upload-Length": "none"}
    answers = {busy.api.post("/api/v1/uploads", headers=headers).status_code for _ in range(UPLOADS_AT_ONCE)}
    assert answers == {400}
    elsewhere = from_elsewhere(proxied, Authorization=f"Bearer {busy.token}")

    def refused() -> httpx.Response | None:
        """What was filled in meanwhile is spent first: one more each second."""
        answer = elsewhere.post("/api/v1/uploads", headers=headers)
        return answer if answer.status_code == 429 else None

    assert int(wait_until(refused, "uploads are refused").headers["Retry-After"]) > 0
    assert calm.api.post("/api/v1/uploads", headers=headers).status_code == 400


def _seconds(client: httpx.Client, name: str) -> float:
    started = time.perf_counter()
    sign_in(client, name, "a wrong password")
    return time.perf_counter() - started
