"""The second factor: nobody is in by the password alone, no code is good twice, and who has lost it gets in again."""

import re
import sqlite3
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.authenticator import PAGE, enrol, recovery_codes_on, send, start_enrolment
from tests.people import PASSWORD, Person, csrf_of, sign_in
from tests.server import Server, running_server

CODE, TOKEN = "/login/code", "/api/v1/auth/token"
COOKIE, HALF_WAY = "streamtime_session", "streamtime_half_way"
TRIES = 10
"""At codes of one account from one address, and as many at its password."""

_numbers = count(1)


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    """A server that believes this machine about addresses, and whose log says all that it can."""
    with running_server(STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1", STREAMTIME_SERVER__LOG_LEVEL="debug") as server:
        server.person("boss", admin=True)
        yield server


@pytest.fixture
def ann(admin_server: Server) -> Person:
    """Somebody new, of a name of their own."""
    return admin_server.person(f"ann{next(_numbers)}")


def visitor(admin_server: Server) -> httpx.Client:
    """Somebody at an address that nobody was at before."""
    return admin_server.client(**{"X-Forwarded-For": f"203.0.113.{next(_numbers)}"})


def half_way(person: Person, admin_server: Server, following: str = "") -> httpx.Client:
    """A browser somewhere that has shown the password and no code."""
    client = visitor(admin_server)
    answer = sign_in(client, person.name, PASSWORD, following=following)
    assert (answer.status_code, httpx.URL(answer.headers["Location"]).path) == (303, CODE)
    assert COOKIE not in client.cookies
    return client


def show(client: httpx.Client, code: str, following: str = "") -> httpx.Response:
    return client.post(CODE, data={"code": code, "next": following})


def inside(client: httpx.Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def sent_back(answer: httpx.Response) -> bool:
    """Whether somebody is led back to the password, and told why."""
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login?again=true")


def tell(boss: Person, name: str) -> list[tuple[str, str, dict[str, str]]]:
    """What the audit says about somebody, the first deed first."""
    found = boss.api.get("/api/v1/admin/audit", params={"person": name, "limit": 200}).raise_for_status().json()
    return [(line["deed"], line["actor"], line["detail"]) for line in reversed(found["items"])]


def test_it_counts_after_its_first_code_and_not_before(admin_server: Server, ann: Person) -> None:
    refused = send(ann.browser, "offer", password="a wrong password")
    assert refused.status_code == 400
    assert "The key" not in refused.text
    before = start_enrolment(ann)
    phone = start_enrolment(ann)
    assert before.key != phone.key
    assert sign_in(visitor(admin_server), ann.name, PASSWORD).headers["Location"] == "/library"
    for code in (phone.wrong_code(), before.code(), "", "x" * 500):
        page = send(ann.browser, "on", code=code)
        assert page.status_code == 400
        assert "That code is wrong" in page.text
        assert phone.key not in page.text.replace(" ", "")
    page = send(ann.browser, "on", shows=phone)
    assert page.headers["Cache-Control"] == "no-store"
    assert len(set(recovery_codes_on(page))) == 10
    page = ann.browser.get(PAGE)
    assert "10 recovery codes" in page.text
    assert "The key" not in page.text
    assert not recovery_codes_on(page)
    half_way(ann, admin_server)
    assert send(ann.browser, "offer", password=PASSWORD).status_code == 409
    assert send(ann.browser, "on", code=phone.code(1)).status_code == 409


def test_password_then_code_then_where_one_was_going(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server, "/settings/space")
    page = client.get(CODE, params={"next": "/settings/space"})
    assert 'name="next" value="/settings/space"' in page.text
    assert 'autocomplete="one-time-code"' in page.text
    assert not inside(client)
    answer = show(client, phone.code(1), "/settings/space")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/space")
    assert inside(client)
    assert HALF_WAY not in client.cookies
    assert client.get(CODE).headers["Location"] == "/library"
    assert (
        show(half_way(ann, admin_server), phone.recovery_codes[0], "//evil.example").headers["Location"] == "/library"
    )


def test_no_code_is_good_twice(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    ahead = phone.code(1)
    now = phone.code()
    assert show(half_way(ann, admin_server), ahead).status_code == 303
    for used in (ahead, now):
        client = half_way(ann, admin_server)
        answer = show(client, used)
        assert answer.status_code == 401
        assert "used already" in answer.text
        assert not inside(client)


def test_a_recovery_code_is_good_once_however_it_is_typed(admin_server: Server, boss: Person, ann: Person) -> None:
    phone = enrol(ann)
    assert {re.fullmatch(r"(?:[2-9a-z]{4}-){3}[2-9a-z]{4}", code) is not None for code in phone.recovery_codes} == {
        True
    }
    typed = [
        phone.recovery_codes[0],
        phone.recovery_codes[1].upper(),
        phone.recovery_codes[2].replace("-", ""),
        phone.recovery_codes[3].replace("-", " "),
    ]
    for code in typed:
        client = half_way(ann, admin_server)
        assert client.get(CODE, params={"recovery": True}).status_code == 200
        assert show(client, f" {code} ").status_code == 303
        assert inside(client)
        assert show(half_way(ann, admin_server), code).status_code == 401
    assert "6 recovery codes" in ann.browser.get(PAGE).text
    used = [detail for deed, _, detail in tell(boss, ann.name) if deed == "recovery_code_used"]
    assert used == [{"left": "9"}, {"left": "8"}, {"left": "7"}, {"left": "6"}]


def test_a_code_of_somebody_else_is_wrong(admin_server: Server, ann: Person) -> None:
    other = admin_server.person(f"eve{next(_numbers)}")
    phone, others = enrol(ann), enrol(other)
    client = half_way(ann, admin_server)
    assert [show(client, code).status_code for code in (others.code(1), others.recovery_codes[0])] == [401, 401]
    assert show(client, phone.code(1)).status_code == 303
    assert show(half_way(other, admin_server), others.recovery_codes[0]).status_code == 303


def test_who_guesses_codes_is_told_to_wait_and_the_owner_is_not(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server)
    assert [show(client, phone.wrong_code()).status_code for _ in range(TRIES)] == [401] * TRIES
    refused = show(client, phone.code(1))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "too often" in refused.text
    assert not inside(client)
    api = client.post(TOKEN, json={"username": ann.name, "password": PASSWORD, "otp": phone.code(1)})
    assert (api.status_code, api.json()["code"]) == (429, "too_many")
    assert show(half_way(ann, admin_server), phone.code(1)).status_code == 303


def test_a_password_alone_gives_no_try_back(admin_server: Server, ann: Person) -> None:
    enrol(ann)
    client = visitor(admin_server)
    assert [sign_in(client, ann.name, PASSWORD).status_code for _ in range(TRIES)] == [303] * TRIES
    assert sign_in(client, ann.name, PASSWORD).status_code == 429


def test_who_passes_both_has_spent_nothing(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    address = {"X-Forwarded-For": f"203.0.113.{next(_numbers)}"}
    for _ in range(TRIES // 5):
        for code in phone.recovery_codes[1:]:
            client = admin_server.client(**address)
            assert sign_in(client, ann.name, PASSWORD).status_code == 303
            assert show(client, code).status_code == 303
        phone.recovery_codes = recovery_codes_on(
            send(ann.browser, "codes", password=PASSWORD, code=phone.recovery_codes[0])
        )


def test_wrong_codes_are_in_the_audit_as_wrong_passwords_are(admin_server: Server, boss: Person, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server)
    assert show(client, phone.wrong_code()).status_code == 401
    assert show(client, phone.recovery_codes[0]).status_code == 303
    lines = [line for line in tell(boss, ann.name) if line[1] != "command line"]
    assert lines == [
        ("signed_in", ann.name, {"kind": "browser"}),
        ("second_factor_on", ann.name, {}),
        ("sign_in_failed", "", {"why": "wrong code"}),
        ("recovery_code_used", ann.name, {"left": "9"}),
        ("signed_in", ann.name, {"kind": "browser"}),
    ]
    assert "why: wrong code" in boss.browser.get("/admin/audit", params={"person": ann.name}).text


def test_clients_of_the_api_bring_a_code_too(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = visitor(admin_server)
    body = {"username": ann.name, "password": PASSWORD}

    def refused(**more: str) -> tuple[int, str]:
        answer = client.post(TOKEN, json={**body, **more})
        return answer.status_code, answer.json()["code"]

    assert refused() == refused(otp="") == (401, "otp_needed")
    assert refused(otp=phone.wrong_code()) == (401, "wrong_code")
    assert refused(password="wrong", otp=phone.recovery_codes[0]) == (401, "wrong_password")
    for code in (phone.code(1), phone.recovery_codes[0]):
        pair = client.post(TOKEN, json={**body, "otp": code}).raise_for_status().json()
        bearer = admin_server.client(Authorization=f"Bearer {pair['access_token']}")
        assert inside(bearer)
        assert refused(otp=code) == (401, "wrong_code")
        assert client.post(TOKEN, json={"refresh_token": pair["refresh_token"]}).status_code == 200
    assert ann.api.get("/api/v1/me").status_code == 200, "an API token is asked for no code"
    nobody = admin_server.person(f"eve{next(_numbers)}")
    answer = client.post(TOKEN, json={**body, "username": nobody.name, "otp": "000000"})
    assert answer.status_code == 200, "who has no second factor may send what they like"


def test_turning_it_on_and_off_ends_the_other_sessions(admin_server: Server, boss: Person, ann: Person) -> None:
    here, there = ann.browser, visitor(admin_server)
    sign_in(there, ann.name, PASSWORD)
    before = here.cookies[COOKIE]
    phone = enrol(ann)
    assert (inside(here), inside(there)) == (True, False)
    assert here.cookies[COOKIE] != before
    assert not inside(admin_server.client(Cookie=f"{COOKIE}={before}"))
    show(there := half_way(ann, admin_server), phone.recovery_codes[0])
    answer = send(here, "off", password=PASSWORD, code=phone.recovery_codes[1])
    assert answer.status_code == 200
    assert "The second factor is off." in answer.text
    assert here.post("/logout", data={"csrf_token": csrf_of(answer.text)}).status_code == 303, "its forms are good"
    assert not inside(there)
    assert sign_in(there, ann.name, PASSWORD).headers["Location"] == "/library"
    assert ann.api.get("/api/v1/me").status_code == 200
    assert [deed for deed, _, _ in tell(boss, ann.name) if "factor" in deed] == [
        "second_factor_on",
        "second_factor_off",
    ]


def test_new_codes_and_its_end_take_password_and_code(admin_server: Server, boss: Person, ann: Person) -> None:
    phone = enrol(ann)
    for deed in ("codes", "off"):
        wrong = send(ann.browser, deed, password="wrong", code=phone.recovery_codes[0])
        assert (wrong.status_code, "not your password" in wrong.text) == (400, True)
        wrong = send(ann.browser, deed, password=PASSWORD, code=phone.wrong_code())
        assert (wrong.status_code, "That code is wrong" in wrong.text) == (400, True)
    page = send(ann.browser, "codes", password=PASSWORD, code=phone.recovery_codes[0])
    fresh = recovery_codes_on(page)
    assert len(fresh) == 10
    assert not set(fresh) & set(phone.recovery_codes)
    client = half_way(ann, admin_server)
    assert show(client, phone.recovery_codes[1]).status_code == 401
    assert show(client, fresh[0]).status_code == 303
    assert "recovery_codes_made" in [deed for deed, _, _ in tell(boss, ann.name)]
    assert send(ann.browser, "off", password=PASSWORD, code=fresh[1]).status_code == 200
    assert send(ann.browser, "off", password=PASSWORD, code=fresh[2]).status_code == 409
    assert send(ann.browser, "nothing", password=PASSWORD).status_code == 400
    assert send(ann.browser, "on", code="123456").status_code == 409


def test_half_way_is_nowhere(admin_server: Server, ann: Person) -> None:
    enrol(ann)
    client = visitor(admin_server)
    answer = sign_in(client, ann.name, PASSWORD)
    said = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/login/code", "SameSite=lax", "Max-Age=300"} <= set(said.split("; "))
    note = client.cookies[HALF_WAY]
    everywhere = admin_server.client(Cookie=f"{HALF_WAY}={note}; {COOKIE}={note}")
    assert not inside(everywhere)
    assert not inside(admin_server.client(Authorization=f"Bearer {note}"))
    assert everywhere.get("/library").headers["Location"].startswith("/login?")
    assert everywhere.get(PAGE).status_code == 303
    assert everywhere.post("/api/v1/tokens", json={"label": "x"}).status_code == 401


def test_without_a_good_note_no_code_is_looked_at(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = visitor(admin_server)
    assert client.get(CODE, params={"next": "/upload"}).headers["Location"] == "/login?next=%2Fupload"
    assert show(client, phone.recovery_codes[0]).headers["Location"].startswith("/login?")
    note = half_way(ann, admin_server).cookies[HALF_WAY]
    header, _, signature = note.split(".")
    other = admin_server.person(f"eve{next(_numbers)}")
    enrol(other)
    others = half_way(other, admin_server).cookies[HALF_WAY].split(".")[1]
    for forged in (f"{header}.{others}.{signature}", note[:-1], f"{note}x", "x" * 3000):
        thief = admin_server.client(Cookie=f"{HALF_WAY}={forged}")
        assert sent_back(show(thief, phone.recovery_codes[0]))
        assert sent_back(thief.get(CODE))
    assert show(half_way(ann, admin_server), phone.recovery_codes[0]).status_code == 303, "it was not used up"
    assert "The time for the code has expired" in client.get("/login", params={"again": True}).text


def test_what_is_changed_between_the_steps_ends_them(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server)
    admin_server.run("user", "disable", ann.name)
    assert sent_back(show(client, phone.recovery_codes[0]))
    assert not inside(client)
    admin_server.run("user", "enable", ann.name)
    assert show(client, phone.recovery_codes[0]).status_code == 303, "it was not used up"
    client = half_way(ann, admin_server)
    admin_server.run("user", "password", ann.name, "--password-stdin", given="another fine password\n")
    assert sent_back(show(client, phone.recovery_codes[1]))
    assert not inside(client)
    assert sign_in(client, ann.name, "another fine password").headers["Location"].startswith(CODE)
    admin_server.run("user", "second-factor", ann.name, "--off")
    assert sent_back(show(client, phone.recovery_codes[1]))
    assert not inside(client)


def test_another_site_sends_no_code(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server)
    refused = client.post(CODE, data={"code": phone.code(1)}, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    assert show(client, phone.code(1)).status_code == 303


def test_a_new_password_and_the_end_of_the_account_leave_no_way_around(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    admin_server.run("user", "password", ann.name, "--password-stdin", given=PASSWORD + "\n")
    client = half_way(ann, admin_server)
    assert show(client, phone.recovery_codes[0]).status_code == 303
    admin_server.run("user", "delete", ann.name, "--delete-videos")
    with sqlite3.connect(admin_server.data_dir / "streamtime.db") as database:
        left = database.execute("SELECT count(*) FROM users WHERE totp_secret = ?", (phone.key,)).fetchone()
    database.close()
    assert left == (0,)


def test_keys_and_codes_stand_in_no_log_and_codes_in_no_database(admin_server: Server, ann: Person) -> None:
    phone = enrol(ann)
    client = half_way(ann, admin_server)
    note = client.cookies[HALF_WAY]
    code = phone.code(1)
    assert show(client, code).status_code == 303
    show(half_way(ann, admin_server), phone.recovery_codes[0])
    said = admin_server.log_output
    secrets: list[Any] = [
        phone.key,
        note,
        *phone.recovery_codes,
        *(code.replace("-", "") for code in phone.recovery_codes),
    ]
    assert "/login/code" in said
    assert [secret for secret in secrets if secret in said] == []
    with sqlite3.connect(admin_server.data_dir / "streamtime.db") as database:
        stored = "\n".join(database.iterdump())
    database.close()
    assert [
        recovery_codes
        for recovery_codes in phone.recovery_codes
        if recovery_codes in stored or recovery_codes.replace("-", "") in stored
    ] == []
