"""Clients that sign in by the API: a short-lived access token, a refresh token that is good once, and their end."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from tests.people import PASSWORD, TUS, Person, sign_in, upload_headers
from tests.server import Server, running_server

TOKEN, REVOKE = "/api/v1/auth/token", "/api/v1/auth/revoke"
COOKIE = "streamtime_session"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as made:
        yield made


@pytest.fixture(scope="module")
def ann(server: Server) -> Person:
    return server.person("ann")


def begin(person: Person) -> dict[str, Any]:
    body = {"username": person.name, "password": person.password}
    answer = person.server.client().post(TOKEN, json=body).raise_for_status()
    assert answer.headers["Cache-Control"] == "no-store"
    pair: dict[str, Any] = answer.json()
    return pair


def refresh(person: Person, token: str) -> httpx.Response:
    return person.server.client().post(TOKEN, json={"refresh_token": token})


def status(person: Person, token: str) -> int:
    return person.server.client(Authorization=f"Bearer {token}").get("/api/v1/me").status_code


def test_an_access_token_is_as_good_as_its_account_and_says_nothing_about_it(ann: Person) -> None:
    pair = begin(ann)
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
    client = ann.server.client(Authorization=f"Bearer {pair['access_token']}")
    assert client.get("/api/v1/me").json()["name"] == "ann"
    assert client.post("/api/v1/uploads", headers={**TUS, **upload_headers(5)}).status_code == 201
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp"}
    assert claims["exp"] - claims["iat"] == 900
    assert "ann" not in str(claims)


def test_a_refresh_token_is_good_once(ann: Person) -> None:
    first = begin(ann)
    second = refresh(ann, first["refresh_token"]).raise_for_status().json()
    assert second["refresh_token"] != first["refresh_token"]
    assert status(ann, first["access_token"]) == status(ann, second["access_token"]) == 200
    third = refresh(ann, second["refresh_token"]).raise_for_status().json()
    assert status(ann, third["access_token"]) == 200


def test_one_that_was_used_ends_the_session_for_everybody(ann: Person) -> None:
    other = begin(ann)
    first = begin(ann)
    second = refresh(ann, first["refresh_token"]).raise_for_status().json()
    stolen = refresh(ann, first["refresh_token"])
    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_token")
    assert status(ann, first["access_token"]) == status(ann, second["access_token"]) == 401
    assert refresh(ann, second["refresh_token"]).status_code == 401
    assert status(ann, other["access_token"]) == 200


def test_a_client_signs_out_by_either_token(ann: Person) -> None:
    by_refresh, by_access = begin(ann), begin(ann)
    client = ann.server.client()
    assert client.post(REVOKE, json={"refresh_token": by_refresh["refresh_token"]}).status_code == 204
    assert status(ann, by_refresh["access_token"]) == 401
    assert client.post(REVOKE, json={"refresh_token": "never was one"}).status_code == 204
    bearer = {"Authorization": f"Bearer {by_access['access_token']}"}
    assert client.post(REVOKE, headers=bearer).status_code == 204
    assert status(ann, by_access["access_token"]) == 401
    assert refresh(ann, by_access["refresh_token"]).status_code == 401
    assert client.post(REVOKE).status_code == 401


def test_secrets_of_one_kind_are_none_of_another(ann: Person, server: Server) -> None:
    pair = begin(ann)
    browser = server.client()
    cookie = sign_in(browser, ann.name, PASSWORD).cookies[COOKIE]
    assert server.client(Cookie=f"{COOKIE}={pair['refresh_token']}").get("/api/v1/me").status_code == 401
    assert server.client(Cookie=f"{COOKIE}={pair['access_token']}").get("/api/v1/me").status_code == 401
    for secret in (pair["refresh_token"], cookie, "st_", "a.b.c", "x" * 5_000):
        assert status(ann, secret) == 401
    for secret in (cookie, ann.token, pair["access_token"][:300]):
        assert refresh(ann, secret).status_code == 401
    assert status(ann, pair["access_token"]) == 200


def test_only_what_this_server_signed_as_it_signs_is_believed(ann: Person, server: Server) -> None:
    token = begin(ann)["access_token"]
    claims, header = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)
    with sqlite3.connect(server.data_dir / "streamtime.db") as database:
        asked = database.execute("SELECT secret FROM signing_keys WHERE public_id = ?", (header["kid"],))
        key: bytes = asked.fetchone()[0]
    database.close()

    def signed(key: bytes | str = key, algorithm: str = "HS256", kid: str = header["kid"], **changes: Any) -> str:  # noqa: ANN401  # claims are any JSON
        return jwt.encode({**claims, **changes}, key, algorithm=algorithm, headers={"kid": kid})

    assert status(ann, signed()) == 200, "so far it is made as the server makes it"
    long = b"k" * 64
    someone = begin(server.person("leaving"))["access_token"]
    others = jwt.decode(someone, options={"verify_signature": False})
    forged = [
        signed(key="", algorithm="none"),
        signed(key=long, algorithm="HS512"),
        signed(key=long),
        signed(kid="no-such-key"),
        signed(iss="another"),
        signed(aud="another"),
        signed(exp=claims["iat"] - 1),
        signed(sid="no-such-session"),
        signed(sid=others["sid"]),
        signed(sub=others["sub"]),
        token[:-2],
        token.rpartition(".")[0] + ".",
    ]
    assert [status(ann, token) for token in forged] == [401] * len(forged)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        assert status(ann, signed(algorithm="HS384")) == 401, "even with the right key"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": PASSWORD},
        {"username": "ann", "password": PASSWORD, "refresh_token": "x"},
        {"username": "ann", "password": PASSWORD, "otp": 7, "more": 1},
        {"username": ["ann"], "password": PASSWORD},
        {"username": "ann", "password": "x" * 10_000},
        [],
        "ann",
        None,
    ],
)
def test_anything_else_is_refused_in_words(server: Server, body: object) -> None:
    answer = server.client().post(TOKEN, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_who_is_shut_out_or_has_a_new_password_is_out_with_every_client(server: Server) -> None:
    person = server.person("moving")
    pair = begin(person)
    server.run("user", "disable", "moving")
    assert status(person, pair["access_token"]) == 401
    assert refresh(person, pair["refresh_token"]).status_code == 401
    server.run("user", "enable", "moving")
    assert status(person, pair["access_token"]) == 200
    server.run("user", "password", "moving", "--password-stdin", given="another fine password\n")
    assert status(person, pair["access_token"]) == 401
    assert refresh(person, pair["refresh_token"]).status_code == 401
