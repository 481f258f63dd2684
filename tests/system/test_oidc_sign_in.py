"""Signing in by an OpenID provider: the whole way, against one that runs and checks what we send."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fake_oidc_provider import running_provider
from tests.oidc_sign_in import (
    HOST,
    LOGIN_STATE_COOKIE,
    SESSION_COOKIE,
    SETTINGS,
    OidcSetup,
    assert_refused,
    audit_entries,
    open_oidc_setup,
    redirect_target,
    signed_in_name,
)
from tests.people import PASSWORD, csrf_of, sign_in
from tests.server import Server, StartServer, running_server


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcSetup]:
    """One that makes accounts, for the tests of this file."""
    with open_oidc_setup(create_accounts="true") as made:
        yield made


@pytest.fixture(scope="module")
def closed() -> Iterator[OidcSetup]:
    """One that makes none."""
    with open_oidc_setup() as made:
        yield made


@pytest.fixture(autouse=True)
def _obedient(request: pytest.FixtureRequest) -> Iterator[None]:
    """A provider that was told to do wrong forgets it."""
    yield
    for name in ("oidc", "closed"):
        if name in request.fixturenames:
            request.getfixturevalue(name).provider.configure()


def test_the_button_leads_there_and_back_to_where_one_was_going(oidc: OidcSetup) -> None:
    browser = oidc.browser()
    page = browser.get("/login?next=/settings/sessions").text
    assert "Sign in with Home SSO" in page
    assert 'href="/login/oidc?next=/settings/sessions"' in page
    browser.cookies.set(SESSION_COOKIE, "planted")
    answer = oidc.sign_in_via_provider("ida", browser=browser, following="/settings/sessions")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/sessions")
    assert browser.cookies.get(SESSION_COOKIE, domain=HOST) not in {None, "planted"}
    assert LOGIN_STATE_COOKIE not in browser.cookies
    browser = oidc.browser()
    browser.cookies.set(SESSION_COOKIE, answer.cookies[SESSION_COOKIE])
    assert signed_in_name(browser) == "ida"
    assert browser.get("/settings/sessions").status_code == 200


def test_what_is_asked_of_the_provider(oidc: OidcSetup) -> None:
    asked = parse_qs(urlsplit(oidc.start_sign_in(oidc.browser())).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid profile"]
    assert asked["redirect_uri"] == [oidc.server.url + "/login/oidc/callback"]
    again = parse_qs(urlsplit(oidc.start_sign_in(oidc.browser())).query)
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    assert all(len(asked[name][0]) >= 32 for name in ("state", "nonce", "code_challenge"))


def test_an_account_is_made_once_with_a_name_that_is_free(oidc: OidcSetup) -> None:
    oidc.server.person("taken")
    people = {"t": {"preferred_username": "Taken", "name": "A\u202eB"}, "m": {"preferred_username": "Zoë.Müller@x.org"}}
    oidc.provider.configure(people={**people, "nobody": {}})
    for subject, name in (("t", "Taken-2"), ("m", "Zoe.Muller"), ("nobody", "user")):
        for _ in range(2):
            browser = oidc.browser()
            assert oidc.sign_in_via_provider(subject, browser=browser).status_code == 303
            assert signed_in_name(browser) == name
    boss = oidc.server.person("boss")
    users = {user["name"]: user for user in boss.api.get("/api/v1/admin/users").json()["items"]}
    assert users["Taken-2"]["role"] == "member"
    made = [(actor, detail.get("by")) for deed, actor, detail in audit_entries(oidc) if deed == "account_created"]
    assert ("Zoe.Muller", "Home SSO") in made
    assert ("signed_in", "user", {"kind": "browser", "by": "Home SSO"}) in audit_entries(oidc)


def test_a_name_or_an_address_opens_nobodys_account(oidc: OidcSetup) -> None:
    oidc.server.person("victor")
    oidc.provider.configure(people={"mallory": {"preferred_username": "victor", "email": "victor@example.org"}})
    browser = oidc.browser()
    assert oidc.sign_in_via_provider("mallory", browser=browser).status_code == 303
    assert signed_in_name(browser) == "victor-2"


def test_an_account_that_was_made_has_no_password(oidc: OidcSetup) -> None:
    browser = oidc.browser()
    oidc.sign_in_via_provider("nopass", browser=browser)
    name = signed_in_name(browser)
    for guess in ("", "password", "x" * 20):
        assert sign_in(oidc.browser(), name, guess).status_code == 401
    for path in ("/settings/password", "/settings/account"):
        assert "Your account has no password" in browser.get(path).text
    page = browser.get(SETTINGS).text
    assert "no password" in page
    form = {"password": "", "csrf_token": csrf_of(page)}
    answer = browser.post(SETTINGS + "/disconnect", data=form)
    assert (answer.status_code, "no password" in answer.text) == (409, True)
    assert oidc.sign_in_via_provider("nopass").status_code == 303


def test_without_accounts_for_all_a_stranger_is_told_whom_to_ask(closed: OidcSetup) -> None:
    browser = closed.browser()
    answer = closed.sign_in_via_provider("ida", browser=browser)
    assert_refused(closed, browser, answer, 403, "ask an administrator")


def test_connecting_and_disconnecting(closed: OidcSetup) -> None:
    carl = closed.server.person("carl")
    assert SETTINGS in carl.browser.get("/settings/password").text
    token = csrf_of(carl.browser.get(SETTINGS).text)
    wrong = carl.browser.post(SETTINGS, data={"password": "wrong", "csrf_token": token})
    assert (wrong.status_code, "not your password" in wrong.text) == (400, True)
    done = closed.connect(carl, "carl at home")
    assert (done.status_code, done.headers["location"]) == (303, SETTINGS)
    assert "is connected with Home SSO" in carl.browser.get(SETTINGS).text
    browser = closed.browser()
    assert closed.sign_in_via_provider("carl at home", browser=browser).status_code == 303
    assert signed_in_name(browser) == "carl"
    assert sign_in(closed.browser(), "carl", PASSWORD).status_code == 303, "the password stays good"

    again = closed.connect(carl, "another carl")
    assert (again.status_code, "already" in again.text) == (409, True)
    other = closed.server.person("dora")
    theirs = closed.connect(other, "carl at home")
    assert (theirs.status_code, "is connected with another account already" in theirs.text) == (409, True)

    form = {"password": PASSWORD, "csrf_token": csrf_of(carl.browser.get(SETTINGS).text)}
    assert carl.browser.post(SETTINGS + "/disconnect", data=form).status_code == 303
    assert closed.sign_in_via_provider("carl at home").status_code == 403
    kinds = [deed for deed, actor, _ in audit_entries(closed) if actor == "carl"]
    assert {"identity_connected", "identity_disconnected"} <= set(kinds)


def test_a_connection_is_for_whoever_began_it(closed: OidcSetup) -> None:
    eve, finn = closed.server.person("eve"), closed.server.person("finn")
    form = {"password": PASSWORD, "csrf_token": csrf_of(eve.browser.get(SETTINGS).text)}
    page = eve.browser.post(SETTINGS, data=form)
    back = closed.callback_path(redirect_target(page.text), "eve at home")
    finn.browser.cookies.set(LOGIN_STATE_COOKIE, eve.browser.cookies[LOGIN_STATE_COOKIE])
    assert finn.browser.get(back).status_code == 401
    assert "is connected" not in finn.browser.get(SETTINGS).text
    assert closed.sign_in_via_provider("eve at home").status_code == 403


def test_who_may_reach_the_settings(closed: OidcSetup) -> None:
    token = closed.server.run("token", "create", closed.server.person("gus").name, "--label", "a", "--scope", "read")
    reading = closed.server.client(Authorization=f"Bearer {token.split()[-1]}")
    assert reading.get(SETTINGS).status_code == 403
    assert closed.browser().get(SETTINGS).headers["location"].startswith("/login?next=")
    gus = closed.server.person("gus")
    assert gus.browser.post(SETTINGS, data={"password": PASSWORD}).status_code == 403, "without the token of a form"
    assert gus.browser.get("/login/oidc?next=/upload").headers["location"] == "/upload", "signed in already"


@pytest.mark.parametrize(
    "following", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_next_leads_nowhere_else(oidc: OidcSetup, following: str) -> None:
    assert oidc.sign_in_via_provider("ida", following=following).headers["location"] == "/library"
    assert oidc.sign_in_via_provider("ida", following="/" + "x" * 2_000).headers["location"] == "/library"


def test_a_callback_is_good_in_the_browser_that_began_and_once(oidc: OidcSetup) -> None:
    browser, other = oidc.browser(), oidc.browser()
    back = oidc.callback_path(oidc.start_sign_in(browser), "ida")
    assert_refused(oidc, other, other.get(back), 401, "was not begun in this browser")
    note = browser.cookies[LOGIN_STATE_COOKIE]
    assert browser.get(back).status_code == 303
    for cookies in ({}, {LOGIN_STATE_COOKIE: note}):
        again = oidc.browser()
        for name, value in cookies.items():
            again.cookies.set(name, value, domain=HOST)
        assert_refused(oidc, again, again.get(back), 401, "has ended already")


def test_a_state_or_a_note_that_was_changed_is_refused(oidc: OidcSetup) -> None:
    for change in ("state", "note", "other"):
        browser = oidc.browser()
        back = oidc.callback_path(oidc.start_sign_in(browser), "ida")
        note = browser.cookies[LOGIN_STATE_COOKIE]
        browser.cookies.clear()
        if change == "state":
            back = back.replace("state=", "state=x")
        elif change == "note":
            note = note[:40] + ("A" if note[40] != "A" else "B") + note[41:]
        else:
            stranger = oidc.browser()
            oidc.start_sign_in(stranger)
            note = stranger.cookies[LOGIN_STATE_COOKIE]
        browser.cookies.set(LOGIN_STATE_COOKIE, note)
        assert browser.get(back).status_code == 401, change
        assert signed_in_name(browser) == ""


def test_a_code_of_another_browser_is_of_no_use(oidc: OidcSetup) -> None:
    """Injected into a sign-in of one's own it fails by PKCE, which the provider checks."""
    victim, thief = oidc.browser(), oidc.browser()
    stolen = parse_qs(urlsplit(oidc.callback_path(oidc.start_sign_in(victim), "ida")).query)["code"][0]
    state = parse_qs(urlsplit(oidc.start_sign_in(thief)).query)["state"][0]
    answer = thief.get("/login/oidc/callback", params={"code": stolen, "state": state})
    assert_refused(oidc, thief, answer, 401, "response is not valid")


def test_a_provider_may_change_its_keys(oidc: OidcSetup) -> None:
    assert oidc.sign_in_via_provider("ida").status_code == 303
    oidc.provider.configure(new_keys=True)
    assert oidc.sign_in_via_provider("ida").status_code == 303
    oidc.provider.configure(nameless_key=True)
    assert oidc.sign_in_via_provider("ida").status_code == 303


def test_a_provider_that_is_away(start_server: StartServer) -> None:
    """The server starts without it, and passwords go on."""
    with running_provider() as provider:
        settings = provider.settings()
    server: Server = start_server(**settings)
    person = server.person("ann")
    browser = server.client()
    answer = browser.get("/login/oidc?next=/upload")
    assert (answer.status_code, "does not respond" in answer.text) == (503, True)
    assert 'href="/login?next=/upload"' in answer.text
    assert sign_in(browser, person.name, PASSWORD).status_code == 303
    done = server.command("check")
    assert done.returncode == 1
    assert "fault  provider: " in done.stdout
    assert "cannot be reached" in done.stdout


def test_who_does_not_go_on_there_is_told_so(oidc: OidcSetup) -> None:
    browser = oidc.browser()
    answer = oidc.provider.deny(oidc.start_sign_in(browser))
    back = answer.headers["location"].removeprefix(oidc.server.url)
    assert "error=access_denied" in back
    assert_refused(oidc, browser, browser.get(back), 401, "did not let you in, or you did not go on")
    browser = oidc.browser()
    state = parse_qs(urlsplit(oidc.start_sign_in(browser)).query)["state"][0]
    strange = browser.get("/login/oidc/callback", params={"state": state, "error": "<script>alert(1)</script>"})
    assert_refused(oidc, browser, strange, 401, "did not sign you in")
    assert "<script>alert" not in strange.text


def test_accounts_that_are_shut_out_stay_out(oidc: OidcSetup) -> None:
    browser = oidc.browser()
    oidc.sign_in_via_provider("harry", browser=browser)
    name = signed_in_name(browser)
    oidc.server.run("user", "disable", name)
    fresh = oidc.browser()
    assert_refused(oidc, fresh, oidc.sign_in_via_provider("harry", browser=fresh), 401, "This account is disabled")
    oidc.server.run("user", "enable", name)
    assert oidc.sign_in_via_provider("harry").status_code == 303
    oidc.server.run("user", "delete", name, "--delete-videos")
    again = oidc.browser()
    assert oidc.sign_in_via_provider("harry", browser=again).status_code == 303
    videos = oidc.server.person("boss").api.get("/api/v1/admin/users").json()["items"]
    assert [user["state"] for user in videos if user["name"] == signed_in_name(again)] == ["active"], (
        "another account, a new one"
    )


def test_groups_make_administrators_and_take_it_back() -> None:
    with open_oidc_setup(
        create_accounts="true", admin_group="house", role="viewer", scopes="openid,profile,groups"
    ) as oidc:
        for orders in ({}, {"tell_at_userinfo": True}):
            oidc.provider.configure(
                people={"kim": {"preferred_username": "kim", "groups": ["house", "cats"]}}, **orders
            )
            browser = oidc.browser()
            oidc.sign_in_via_provider("kim", browser=browser)
            assert browser.get("/api/v1/me").json()["role"] == "admin"
            oidc.provider.configure(people={"kim": {"preferred_username": "kim", "groups": "cats"}}, **orders)
            oidc.sign_in_via_provider("kim")
            assert browser.get("/api/v1/me").json()["role"] == "viewer"
        boss = oidc.server.person("boss")
        oidc.connect(boss, "boss at home")
        assert oidc.sign_in_via_provider("boss at home").status_code == 303
        assert boss.browser.get("/admin/audit").status_code == 200, "the last administrator stays one"
        changes = [(actor, detail) for deed, actor, detail in audit_entries(oidc) if deed == "role_changed"]
        assert ("Home SSO", {"before": "admin", "now": "viewer"}) in changes


def test_a_client_without_a_good_secret_is_told_apart_in_the_log_only() -> None:
    with open_oidc_setup(client_secret="wrong") as oidc:
        browser = oidc.browser()
        assert_refused(oidc, browser, oidc.sign_in_via_provider("ida", browser=browser), 401, "response is not valid")
        assert "invalid_client" in oidc.server.log_output
        assert "accounts.oidc.client_id" in oidc.server.log_output


def test_nothing_secret_is_logged(oidc: OidcSetup) -> None:
    browser = oidc.browser()
    back = oidc.callback_path(oidc.start_sign_in(browser), "ida")
    note = browser.cookies[LOGIN_STATE_COOKIE]
    assert browser.get(back).status_code == 303
    said = oidc.server.log_output
    for secret in (*parse_qs(urlsplit(back).query)["code"], note, "provider's secret", browser.cookies[SESSION_COOKIE]):
        assert secret not in said


def test_failures_are_in_the_audit_and_have_a_limit() -> None:
    with open_oidc_setup() as oidc:
        assert oidc.sign_in_via_provider("ida").status_code == 403
        assert ("sign_in_failed", "", {"by": "Home SSO", "reason": "provider_unknown"}) in audit_entries(oidc)
        answers = [
            oidc.server.client().get("/login/oidc/callback").status_code for _ in range(75)
        ]  # of which 60 pass at once
        assert answers[0] == 401
        assert ("sign_in_failed", "", {"by": "Home SSO", "reason": "provider_state"}) in audit_entries(oidc)
        assert answers[-1] == 429
        answer = oidc.server.client().get("/login/oidc")
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)


def test_the_way_goes_by_the_public_address() -> None:
    """A browser that came by another one is sent there first, since the provider leads back there."""
    with open_oidc_setup(create_accounts="true") as oidc:
        port = urlsplit(oidc.server.url).port
        oidc.server.restart(STREAMTIME_SERVER__PUBLIC_URL="http://video.example.org", STREAMTIME_SERVER__PORT=str(port))
        browser = oidc.browser()
        moved = browser.get("/login/oidc", params={"next": "/upload"})
        assert moved.headers["location"] == "http://video.example.org/login/oidc?next=%2Fupload&moved=1"
        there = browser.get("/login/oidc?moved=1", headers={"Host": "video.example.org"})
        assert there.status_code == 303
        asked = parse_qs(urlsplit(there.headers["location"]).query)
        assert asked["redirect_uri"] == ["http://video.example.org/login/oidc/callback"]


def test_before_it_is_set_up_nobody_comes_in_that_way() -> None:
    with running_provider() as provider, running_server(**provider.settings(create_accounts="true")) as server:
        assert server.client().get("/login/oidc").headers["location"] == "/setup"


def test_without_a_provider_there_is_nothing(shared_server: Server) -> None:
    person = shared_server.person("iris")
    assert "/login/oidc" not in shared_server.client().get("/login").text
    assert SETTINGS not in person.browser.get("/settings/password").text
    for path in ("/login/oidc", "/login/oidc/callback", SETTINGS):
        assert shared_server.client().get(path).status_code == 404
        assert person.browser.get(path).status_code == 404
