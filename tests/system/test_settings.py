"""What people see of their sessions and tokens, and how what they end there is over everywhere at the next request."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.people import PASSWORD, TUS, Person, csrf_of, sign_in, upload_headers
from tests.server import Server, running_server, wait_until

SESSIONS, TOKENS = "/settings/sessions", "/settings/tokens"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One whose log says all that it can."""
    with running_server(STREAMTIME_SERVER__LOG_LEVEL="debug") as made:
        yield made


@pytest.fixture
def ann(server: Server) -> Person:
    return server.person("ann")


def browser(person: Person, agent: str) -> httpx.Client:
    """One of their browsers, signed in."""
    client = person.server.client(**{"User-Agent": agent})
    assert sign_in(client, person.name, PASSWORD).status_code == 303
    return client


def post(client: httpx.Client, at: str, **form: str) -> httpx.Response:
    """Send a form of theirs."""
    return client.post(at, data={**form, "csrf_token": csrf_of(client.get(SESSIONS).text)})


def rows(client: httpx.Client) -> dict[str, str]:
    """The sessions on the page: the words of each by its id."""
    page = client.get(SESSIONS).raise_for_status().text
    found = re.findall(r'id="session-(\w+)">(.*?)</li>', page, re.DOTALL)
    return {session: " ".join(re.sub(r"<[^>]*>", " ", words).split()) for session, words in found}


def signed_in(client: httpx.Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def test_sessions_say_where_they_are_and_which_is_this_one(server: Server, ann: Person) -> None:
    here, _ = browser(ann, FIREFOX), browser(ann, PHONE)
    server.client(**{"User-Agent": "tv-app/2.0"}).post(
        "/api/v1/auth/token", json={"username": "ann", "password": PASSWORD}
    ).raise_for_status()
    words = list(rows(here).values())
    assert words[0].startswith("Firefox on Linux This session 127.0.0.1")
    assert {"Safari on iPhone", "tv-app 2.0 API"} <= {line.split(" 127.0.0.1")[0] for line in words[1:]}
    assert [line for line in words if "This session" in line] == words[:1]


def test_one_that_is_ended_is_refused_the_next_segment_and_its_stream_ends(ann: Person, small_clip: Path) -> None:
    video = ann.send(small_clip.read_bytes(), filename="small.mp4")
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    here, there = browser(ann, FIREFOX), browser(ann, PHONE)
    master = there.get(f"/media/{video}/master.m3u8").raise_for_status().text
    playlist = next(line for line in master.splitlines() if line and line[0] != "#")
    segment = f"/media/{video}/{playlist.rpartition('/')[0]}/0.m4s"
    assert there.get(segment).status_code == 200
    begun, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with there.stream("GET", "/api/v1/events") as stream:
            for _ in stream.iter_lines():
                begun.set()
        ended.set()

    listening = threading.Thread(target=listen)
    listening.start()
    assert begun.wait(60)
    session = next(iter(rows(there)))
    assert post(here, f"{SESSIONS}/{session}/end").status_code == 303
    assert there.get(segment).status_code == 404
    assert not signed_in(there)
    assert here.get(segment).status_code == 200
    assert ended.wait(60)
    listening.join()


def test_a_command_beside_the_server_ends_a_session_too(server: Server, ann: Person) -> None:
    client = browser(ann, FIREFOX)
    session = next(iter(rows(client)))
    listed = [line.split("\t") for line in server.run("session", "list", "ann").splitlines()]
    assert [line[1:4] for line in listed if line[0] == session] == [["browser", "Firefox on Linux", "127.0.0.1"]]
    assert server.run("session", "end", session) == "A session of ann is ended."
    assert not signed_in(client)
    assert "no session" in server.command("session", "end", session).stderr


def test_all_others_at_once(server: Server) -> None:
    person = server.person("careful")
    here, others = browser(person, FIREFOX), [browser(person, PHONE) for _ in range(2)]
    assert post(here, f"{SESSIONS}/end-others").status_code == 303
    assert [signed_in(client) for client in (here, *others)] == [True, False, False]
    assert len(rows(here)) == 1


def test_nobody_ends_anothers(server: Server, ann: Person) -> None:
    here, other = browser(ann, FIREFOX), browser(server.person("eve"), PHONE)
    for session in rows(here):
        assert post(other, f"{SESSIONS}/{session}/end").status_code == 404
    assert signed_in(here)
    assert server.visitor().browser.get(SESSIONS).status_code == 303


def test_a_token_is_shown_once_and_used_until_it_is_revoked(server: Server, ann: Person) -> None:
    client = browser(ann, FIREFOX)
    made = post(client, TOKENS, label="NAS <b>", scope="upload")
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    (secret,) = re.findall(r"st_[\w-]{43}", made.text)
    assert "NAS &lt;b&gt;" in made.text
    page = client.get(TOKENS).text
    assert secret not in page
    assert "never used" in page
    script = server.client(Authorization=f"Bearer {secret}")
    assert script.get("/api/v1/me").status_code == 200
    (token,) = re.findall(r'id="token-(\w+)">(?:(?!</li>).)*NAS', page, re.DOTALL)
    wait_until(lambda: "last used" in _row(client.get(TOKENS).text, token), "its use is shown")
    assert post(client, f"{TOKENS}/{token}/revoke").status_code == 303
    assert script.get("/api/v1/me").status_code == 401
    assert token not in client.get(TOKENS).text


@pytest.mark.parametrize(("label", "scope"), [("", "read"), ("x" * 101, "read"), ("fine", ""), ("fine", "root")])
def test_a_form_that_will_not_do_says_why(ann: Person, label: str, scope: str) -> None:
    answer = post(browser(ann, FIREFOX), TOKENS, label=label, scope=scope)
    assert answer.status_code == 400
    assert "field-error" in answer.text
    assert "st_" not in answer.text


def test_a_token_does_what_its_scope_says_and_makes_no_wider_one(server: Server, ann: Person) -> None:
    clients = {}
    for scope in ("read", "upload", "admin"):
        secret = server.run("token", "create", "ann", "--label", scope, "--scope", scope)
        clients[scope] = server.client(Authorization=f"Bearer {secret}")
    video = ann.send(b"no video", title="Mine")
    expected = {
        "read": [200, 403, 403, 403, 403],
        "upload": [200, 200, 201, 403, 403],
        "admin": [200] * 2 + [201] * 2 + [200],
    }
    for scope, client in clients.items():
        answers = [
            client.get(f"/api/v1/videos/{video}"),
            client.patch(f"/api/v1/videos/{video}", json={"title": scope}),
            client.post("/api/v1/uploads", headers={**TUS, **upload_headers(5)}),
            client.post("/api/v1/tokens", json={"label": "more", "scope": "read"}),
            client.get("/api/v1/tokens"),
        ]
        assert [answer.status_code for answer in answers] == expected[scope], scope
        refused = [answer.json()["code"] for answer in answers if answer.status_code == 403]
        assert set(refused) <= {"scope"}


def test_tokens_by_the_api(server: Server, ann: Person) -> None:
    client = browser(ann, FIREFOX)
    csrf = {"X-CSRF-Token": csrf_of(client.get(SESSIONS).text)}
    assert client.post("/api/v1/tokens", json={"label": "x"}).status_code == 403
    made = client.post("/api/v1/tokens", json={"label": "x"}, headers=csrf).raise_for_status().json()
    assert (made["scope"], made["label"], made["last_used_at"]) == ("read", "x", None)
    script = server.client(Authorization=f"Bearer {made['token']}")
    assert script.get("/api/v1/me").status_code == 200
    listed = client.get("/api/v1/tokens").raise_for_status().json()["items"][0]
    assert listed["id"] == made["id"]
    assert listed.keys() == made.keys() - {"token", "feed_url"}
    at = f"/api/v1/tokens/{made['id']}"
    assert server.person("eve").api.delete(at).status_code == 404
    assert client.delete(at, headers=csrf).status_code == 204
    assert client.delete(at, headers=csrf).status_code == 404
    assert script.get("/api/v1/me").status_code == 401
    assert server.visitor().api.get("/api/v1/tokens").status_code == 401


def test_no_secret_stands_in_a_log_that_says_all(server: Server, ann: Person) -> None:
    wrong = "a wrong password that nobody logs"
    client = browser(ann, FIREFOX)
    sign_in(server.client(), "ann", wrong)
    sign_in(server.client(), wrong, PASSWORD)
    pair = client.post(
        "/api/v1/auth/token",
        json={"username": "ann", "password": PASSWORD},
        headers={"X-CSRF-Token": csrf_of(client.get(SESSIONS).text)},
    ).json()
    refreshed = server.client().post("/api/v1/auth/token", json={"refresh_token": pair["refresh_token"]}).json()
    (secret,) = re.findall(r"st_[\w-]{43}", post(client, TOKENS, label="logged?", scope="read").text)
    assert server.client(Authorization=f"Bearer {refreshed['access_token']}").get("/api/v1/me").status_code == 200
    assert server.client(Authorization=f"Bearer {secret}").get("/api/v1/me").status_code == 200
    secrets = [PASSWORD, wrong, secret, ann.token, *client.cookies.values(), csrf_of(client.get(SESSIONS).text)]
    secrets += [made[name] for made in (pair, refreshed) for name in ("access_token", "refresh_token")]
    said = server.log_output
    assert "/api/v1/auth/token" in said
    assert [secret for secret in secrets if secret in said] == []
    assert "argon2id" not in said


def _row(page: str, token: str) -> str:
    found = re.search(rf'id="token-{token}">(.*?)</li>', page, re.DOTALL)
    assert found, token
    return found[1]
