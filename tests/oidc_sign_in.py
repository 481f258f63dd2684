"""A server and the provider that its people sign in by, and the way from one to the other as a browser goes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import httpx

from tests.fake_oidc_provider import FakeOidcProvider, running_provider
from tests.people import PASSWORD, Person, csrf_of
from tests.server import Server, running_server

HOST = "127.0.0.1"
SETTINGS = "/settings/provider"
LOGIN_STATE_COOKIE = "streamtime_attempt"
SESSION_COOKIE = "streamtime_session"

_numbers = count(1)


@dataclass(frozen=True)
class OidcSetup:
    """A server and the provider that its people may sign in by."""

    server: Server
    provider: FakeOidcProvider

    def browser(self) -> httpx.Client:
        """Somebody's at an address that nobody was at before: each address has tries of its own."""
        number = next(_numbers)
        return self.server.client(**{"X-Forwarded-For": f"198.51.{number // 250}.{number % 250 + 1}"})

    def start_sign_in(self, browser: httpx.Client, *, following: str = "") -> str:
        """Press the button; the address that the browser is sent to."""
        answer = browser.get("/login/oidc", params={"next": following})
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(self.provider.issuer + "/authorize?")
        return answer.headers["location"]

    def callback_path(self, address: str, subject: str) -> str:
        """Go on at the provider as somebody; the path that the browser is sent back to."""
        answer = self.provider.consent(address, subject)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"].removeprefix(self.server.url)

    def sign_in_via_provider(
        self, subject: str, *, browser: httpx.Client | None = None, following: str = ""
    ) -> httpx.Response:
        """The whole way; the answer to coming back."""
        browser = browser or self.browser()
        return browser.get(self.callback_path(self.start_sign_in(browser, following=following), subject))

    def connect(self, person: Person, subject: str) -> httpx.Response:
        """Connect the account of somebody who is signed in."""
        form = {"password": PASSWORD, "csrf_token": csrf_of(person.browser.get(SETTINGS).text)}
        page = person.browser.post(SETTINGS, data=form)
        assert page.status_code == 200, page.text
        return person.browser.get(self.callback_path(redirect_target(page.text), subject))


@contextmanager
def open_oidc_setup(**settings: str) -> Iterator[OidcSetup]:
    """A house with settings of its own."""
    with (
        running_provider() as provider,
        running_server(
            **provider.settings(**settings),
            STREAMTIME_SERVER__LOG_LEVEL="debug",
            STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1",
        ) as server,
    ):
        server.person("boss", admin=True)
        provider.register_client(server, ida={"preferred_username": "ida", "name": "Ida Lovelace"})
        yield OidcSetup(server, provider)


def redirect_target(page: str) -> str:
    """Where a page goes on to by itself."""
    found = page.partition('content="0; url=')[2].partition('"')[0]
    assert found, page
    return found.replace("&amp;", "&")


def signed_in_name(browser: httpx.Client) -> str:
    """The name of whoever is signed in, or nothing."""
    answer = browser.get("/api/v1/me")
    return str(answer.json()["name"]) if answer.status_code == 200 else ""


def audit_entries(house: OidcSetup) -> list[tuple[str, str, dict[str, str]]]:
    """The audit, the latest line first."""
    lines = house.server.person("boss").api.get("/api/v1/admin/audit").raise_for_status().json()["items"]
    return [(line["deed"], line["actor"], line["detail"]) for line in lines]


def assert_refused(house: OidcSetup, browser: httpx.Client, answer: httpx.Response, status: int, words: str) -> None:
    """A page says why nobody is signed in, with a way back, and nothing of it can be tried again."""
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert 'href="/login?next=' in answer.text
    assert SESSION_COOKIE not in browser.cookies
    assert LOGIN_STATE_COOKIE not in browser.cookies
    assert signed_in_name(browser) == ""
    del house
