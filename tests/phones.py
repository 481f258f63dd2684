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
class Phone:
    """What somebody holds who has a second factor."""

    key: str
    paper: list[str] = field(default_factory=list)
    """Recovery codes that were not used."""

    def code(self, ahead: int = 0) -> str:
        """What it shows now, or would if its clock were so many steps ahead."""
        return pyotp.TOTP(self.key).generate_otp(int(time.time()) // STEP_S + ahead)

    def wrong(self) -> str:
        """Six digits that are good at no time near now."""
        near = {self.code(ahead) for ahead in range(-5, 6)}
        return next(code for code in ("000000", *(str(number) * 6 for number in range(1, 10))) if code not in near)


def send(client: httpx.Client, deed: str, *, shows: Phone | None = None, **fields: str) -> httpx.Response:
    """Send the form of that page, with what the phone shows at the last moment."""
    token = csrf_of(client.get(PAGE).text)
    if shows:
        fields["code"] = shows.code()
    return client.post(PAGE, data={**fields, "deed": deed, "csrf_token": token})


def offered(person: Person) -> Phone:
    """A phone that has just scanned the key; it counts for nothing yet."""
    page = send(person.browser, "offer", password=person.password)
    assert page.status_code == 200, page.text
    found = re.search(r'aria-label="The key">([A-Z2-7 ]+)<', page.text)
    assert found
    return Phone(found[1].replace(" ", ""))


def turned_on(person: Person) -> Phone:
    """The phone and the paper of somebody who has just turned the second factor on."""
    phone = offered(person)
    page = send(person.browser, "on", shows=phone)
    assert page.status_code == 200, page.text
    phone.paper = paper_of(page)
    return phone


def paper_of(page: httpx.Response) -> list[str]:
    """The recovery codes on a page; none where it shows none."""
    found = re.search(r'<textarea id="recovery-codes"[^>]*>([^<]*)<', page.text)
    return found[1].split() if found else []
