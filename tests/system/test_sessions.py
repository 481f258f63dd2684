"""Signing in and out, what other sites cannot do, and how fast a right that was taken away is gone."""

import http.client
from urllib.parse import urlsplit

import httpx
import pytest

from tests.people import PASSWORD, Person, csrf_of, sign_in
from tests.server import Server

COOKIE = "streamtime_session"


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


@pytest.fixture
def fresh(shared_server: Server) -> httpx.Client:
    """A browser that has never been here."""
    return shared_server.client()


def signed_in(client: httpx.Client) -> bool:
    return client.get("/library").status_code == 200


def test_pages_send_a_stranger_to_the_login_and_back(ann: Person, fresh: httpx.Client) -> None:
    turned_away = fresh.get("/library?state=ready")
    assert turned_away.status_code == 303
    assert turned_away.headers["location"] == "/login?next=%2Flibrary%3Fstate%3Dready"
    assert fresh.get(turned_away.headers["location"]).status_code == 200
    done = sign_in(fresh, ann.name, PASSWORD, following="/library?state=ready")
    assert done.headers["location"] == "/library?state=ready"
    assert signed_in(fresh)
    assert fresh.get("/login").headers["location"] == "/library"


def test_the_cookie_is_for_this_server_and_no_script(ann: Person, fresh: httpx.Client) -> None:
    (cookie,) = sign_in(fresh, ann.name, PASSWORD).headers.get_list("set-cookie")
    attributes = {
        part.strip().partition("=")[0].casefold(): part.strip().partition("=")[2] for part in cookie.split(";")
    }
    assert attributes.keys() == {COOKIE, "httponly", "path", "samesite", "max-age"}
    assert (attributes["path"], attributes["samesite"].casefold()) == ("/", "lax")


def test_a_planted_cookie_never_becomes_a_session(ann: Person, fresh: httpx.Client) -> None:
    planted = "p" * 43
    fresh.cookies.set(COOKIE, planted)
    assert not signed_in(fresh)
    given = sign_in(fresh, ann.name, PASSWORD).cookies[COOKIE]
    assert given != planted
    assert not signed_in(_with_cookie(ann, planted))
    assert signed_in(_with_cookie(ann, given))


def test_each_sign_in_is_a_session_of_its_own(ann: Person, shared_server: Server) -> None:
    browsers = [shared_server.client() for _ in range(2)]
    cookies = [sign_in(browser, ann.name, PASSWORD).cookies[COOKIE] for browser in browsers]
    assert cookies[0] != cookies[1]
    _log_out(browsers[0])
    assert [signed_in(browser) for browser in browsers] == [False, True]


def test_logout_ends_the_session_wherever_its_cookie_is(ann: Person, fresh: httpx.Client) -> None:
    kept = sign_in(fresh, ann.name, PASSWORD).cookies[COOKIE]
    assert signed_in(_with_cookie(ann, kept))
    answer = _log_out(fresh)
    assert answer.status_code == 303
    assert "max-age=0" in answer.headers["set-cookie"].casefold()
    assert not signed_in(_with_cookie(ann, kept))


def test_a_script_needs_the_token_of_our_pages(ann: Person, fresh: httpx.Client) -> None:
    video = ann.send(b"no video", title="Mine")
    sign_in(fresh, ann.name, PASSWORD)
    token = csrf_of(fresh.get("/library").text)
    at = f"/api/v1/videos/{video}"
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": token[:-1]}):
        refused = fresh.patch(at, json={"title": "Theirs"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    assert ann.look(video)["title"] == "Mine"
    assert fresh.patch(at, json={"title": "Still mine"}, headers={"X-CSRF-Token": token}).status_code == 200
    other = csrf_of(ann.browser.get("/library").text)
    assert other != token
    assert fresh.patch(at, json={"title": "x"}, headers={"X-CSRF-Token": other}).status_code == 403


def test_a_form_needs_the_token_too(ann: Person, fresh: httpx.Client) -> None:
    video = ann.send(b"no video", title="Form")
    sign_in(fresh, ann.name, PASSWORD)
    token = csrf_of(fresh.get("/library").text)
    form = {"visibility": "public"}
    assert fresh.post(f"/watch/{video}/visibility", data=form).status_code == 403
    assert fresh.post("/logout").status_code == 403
    assert fresh.post(f"/watch/{video}/visibility", data={**form, "csrf_token": token}).status_code == 303
    assert ann.look(video)["visibility"] == "public"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://[", "http://127.0.0.1", ""]
)
def test_another_site_can_do_nothing(ann: Person, fresh: httpx.Client, origin: str) -> None:
    sign_in(fresh, ann.name, PASSWORD)
    token = csrf_of(fresh.get("/library").text)
    headers = {"Origin": origin, "X-CSRF-Token": token}
    for at in ("/logout", "/login", "/api/v1/uploads", "/watch/x/delete"):
        refused = fresh.post(at, headers=headers, data={"name": ann.name, "password": PASSWORD})
        assert refused.status_code == 403, at
    assert signed_in(fresh)
    assert "access-control-allow-origin" not in fresh.get("/library", headers=headers).headers


def test_another_site_cannot_sign_a_visitor_in(ann: Person, fresh: httpx.Client) -> None:
    form = {"name": ann.name, "password": PASSWORD}
    refused = fresh.post("/login", data=form, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    assert COOKIE not in fresh.cookies


def test_a_bearer_token_needs_no_other(ann: Person) -> None:
    video = ann.send(b"no video", title="By token")
    assert ann.api.patch(f"/api/v1/videos/{video}", json={"title": "x"}).status_code == 200
    crossing = {"Origin": "http://evil.example"}
    assert ann.api.patch(f"/api/v1/videos/{video}", json={"title": "y"}, headers=crossing).status_code == 200


def test_a_bad_bearer_token_is_nobody_whatever_the_cookie(ann: Person, fresh: httpx.Client) -> None:
    sign_in(fresh, ann.name, PASSWORD)
    for header in ("Bearer wrong", "bearer wrong", "Bearer " + "x" * 5000, f"Bearer {ann.token}x"):
        assert fresh.get("/api/v1/me", headers={"Authorization": header}).status_code == 401
    known = fresh.get("/api/v1/me").json()
    assert (known["name"], known["role"]) == ("ann", "member")


def test_what_a_proxy_before_us_asks_for_is_no_token_of_ours(
    ann: Person, fresh: httpx.Client, shared_server: Server
) -> None:
    basic = {"Authorization": "Basic YW5uOng="}
    assert shared_server.visitor().api.get("/api/v1/me", headers=basic).status_code == 401
    sign_in(fresh, ann.name, PASSWORD)
    assert fresh.get("/api/v1/me", headers=basic).json()["name"] == "ann"
    assert fresh.post("/logout", headers=basic).status_code == 403, "it stands in for no token of our pages"


def test_a_disabled_user_is_out_on_the_next_request(shared_server: Server) -> None:
    gone = shared_server.person("gone")
    assert signed_in(gone.browser)
    assert gone.api.get("/api/v1/me").status_code == 200
    shared_server.run("user", "disable", "gone")
    assert gone.api.get("/api/v1/me").status_code == 401
    assert not signed_in(gone.browser)
    assert sign_in(shared_server.client(), "gone", PASSWORD).status_code == 401
    shared_server.run("user", "enable", "gone")
    assert gone.api.get("/api/v1/me").status_code == 200


def test_a_new_password_ends_all_sessions(shared_server: Server) -> None:
    changed = shared_server.person("changed")
    assert signed_in(changed.browser)
    shared_server.run("user", "password", "changed", "--password-stdin", given="another fine password\n")
    assert not signed_in(changed.browser)
    assert sign_in(shared_server.client(), "changed", PASSWORD).status_code == 401
    assert sign_in(shared_server.client(), "changed", "another fine password").status_code == 303


def test_a_revoked_token_is_over_on_the_next_request(shared_server: Server) -> None:
    person = shared_server.person("revoked")
    assert person.api.get("/api/v1/me").status_code == 200
    rows = [line.split("\t") for line in shared_server.run("token", "list").splitlines()]
    (token_id,) = [row[0] for row in rows if row[1] == "revoked"]
    shared_server.run("token", "revoke", token_id)
    assert person.api.get("/api/v1/me").status_code == 401
    assert signed_in(person.browser)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000"])
@pytest.mark.parametrize("path", ["/", "/login", "/api/v1/videos", "/media/x/original", "/healthz", "/assets/x"])
def test_a_name_that_is_not_ours_is_refused_everywhere(shared_server: Server, host: str, path: str) -> None:
    assert _status_for_host(shared_server, host, path) == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8000", "[::1]:80", "nas", "nas.local", "NAS.Local.", "10.0.0.9"]
)
def test_names_of_a_home_network_are_ours(shared_server: Server, host: str) -> None:
    assert _status_for_host(shared_server, host, "/healthz") == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "//[",
        "http:/evil.example",
        "javascript:alert(1)",
        "/\n/evil.example",
        " //evil.example",
        "evil.example",
        "",
    ],
)
def test_nobody_is_led_to_another_site_after_the_login(ann: Person, fresh: httpx.Client, target: str) -> None:
    assert fresh.get("/login", params={"next": target}).status_code == 200
    assert sign_in(fresh, ann.name, PASSWORD, following=target).headers["location"] == "/library"
    assert fresh.get("/login", params={"next": target}).headers["location"] == "/library"


def test_secrets_stand_in_no_log(ann: Person, fresh: httpx.Client, shared_server: Server) -> None:
    cookie = sign_in(fresh, ann.name, PASSWORD).cookies[COOKIE]
    sign_in(fresh, ann.name, "a wrong password that nobody logs")
    assert ann.api.get("/api/v1/me").status_code == 200
    for secret in (cookie, ann.token, PASSWORD, "a wrong password that nobody logs"):
        assert secret not in shared_server.log_output


def _with_cookie(person: Person, value: str) -> httpx.Client:
    return person.server.client(Cookie=f"{COOKIE}={value}")


def _log_out(client: httpx.Client) -> httpx.Response:
    return client.post("/logout", data={"csrf_token": csrf_of(client.get("/library").text)})


def _status_for_host(server: Server, host: str, path: str) -> int:
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port or 0, timeout=90)
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()
