"""Preferences of an account: defaults, changes of some, and that they hold for all of its sessions and no other."""

import pytest

from tests.people import Person
from tests.server import Server

PREFERENCES = "/api/v1/me/preferences"
DEFAULTS = {
    "theme": "auto",
    "density": "comfortable",
    "autoplay": "auto",
    "captions_language": "auto",
    "audio_language": "auto",
    "page_language": "auto",
}


def preferences(person: Person) -> dict[str, str]:
    found: dict[str, str] = person.api.get(PREFERENCES).raise_for_status().json()
    return found


def test_preferences_hold_for_an_account_and_its_pages(shared_server: Server) -> None:
    ann, bob = shared_server.person("ann-p"), shared_server.person("bob-p")
    assert preferences(ann) == DEFAULTS
    assert 'data-appearance="auto"' in ann.browser.get("/explore").text
    changes = {"theme": "light", "density": "compact", "captions_language": "deu", "audio_language": "pt_br"}
    changed = ann.api.patch(PREFERENCES, json=changes).raise_for_status().json()
    tags = {"captions_language": "de", "audio_language": "pt-BR"}
    assert changed == {**DEFAULTS, **changes, **tags}
    assert ann.api.patch(PREFERENCES, json={"autoplay": "off"}).json() == {**changed, "autoplay": "off"}
    page = ann.browser.get("/explore").text
    assert all(attribute in page for attribute in ('data-theme="light"', 'data-density="compact"'))
    assert preferences(bob) == DEFAULTS
    assert "data-appearance" not in shared_server.client().get("/explore").text


@pytest.mark.parametrize(
    "changes",
    [{"theme": "blue"}, {"autoplay": True}, {"captions_language": "<b>"}, {"audio_language": "off"}, {"font": "large"}],
)
def test_what_is_no_choice_is_refused(shared_server: Server, changes: dict[str, object]) -> None:
    person = shared_server.person("bob-p")
    assert person.api.patch(PREFERENCES, json=changes).status_code == 400
    assert preferences(person) == DEFAULTS
