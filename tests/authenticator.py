"""A phone with an authenticator app, and the paper with the recovery codes: how people come by a second factor."""

import re
import time
from dataclasses import dataclass, field

import httpx
import pyotp

from tests.people import Person, csrf_of

PAGE = "/settings/second-factor"
STEP_S = 30


@dataclass
class AuthenticatorApp:
    """What somebody holds who has a second factor."""

    key: str
    recovery_codes: list[str] = field(default_factory=list)
    """Recovery codes that were not used."""

    def code(self, ahead: int = 0) -> str:
        """What it shows now, or would if its clock were so many steps ahead."""
        return pyotp.TOTP(self.key).generate_otp(int(time.time()) // STEP_S + ahead)

    def wrong_code(self) -> str:
        """Six digits that are good at no time near now."""
        near = {self.code(ahead) for ahead in range(-5, 6)}
        return next(code for code in ("000000", *(str(number) * 6 for number in range(1, 10))) if code not in near)


def send(client: httpx.Client, deed: str, *, shows: AuthenticatorApp | None = None, **fields: str) -> httpx.Response:
    """Send the form of that page, with what the phone shows at the last moment."""
    token = csrf_of(client.get(PAGE).text)
    if shows:
        fields["code"] = shows.code()
    return client.post(PAGE, data={**fields, "deed": deed, "csrf_token": token})


def start_enrolment(person: Person) -> AuthenticatorApp:
    """A phone that has just scanned the key; it counts for nothing yet."""
    page = send(person.browser, "offer", password=person.password)
    assert page.status_code == 200, page.text
    found = re.search(r'aria-label="The key">([A-Z2-7 ]+)<', page.text)
    assert found
    return AuthenticatorApp(found[1].replace(" ", ""))


def enrol(person: Person) -> AuthenticatorApp:
    """The phone and the paper of somebody who has just turned the second factor on."""
    phone = start_enrolment(person)
    page = send(person.browser, "on", shows=phone)
    assert page.status_code == 200, page.text
    phone.recovery_codes = recovery_codes_on(page)
    return phone


def recovery_codes_on(page: httpx.Response) -> list[str]:
    """The recovery codes on a page; none where it shows none."""
    found = re.search(r'<textarea id="recovery-codes"[^>]*>([^<]*)<', page.text)
    return found[1].split() if found else []
