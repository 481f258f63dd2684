"""Saved filters of the library by the API: each account has its own."""

from collections.abc import Iterator

import pytest

from tests.people import Person
from tests.server import Server, running_server

FILTERS = "/api/v1/me/filters"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as started:
        yield started


def names(person: Person) -> list[str]:
    return [each["name"] for each in person.api.get(FILTERS).raise_for_status().json()["items"]]


def test_filters_are_saved_changed_and_deleted_by_their_owner_alone(server: Server) -> None:
    ann, bob = server.person("ann"), server.person("bob")
    query = "visibility=public&state=failed&cursor=abc&sort=new&tag=Sea+side&length=epic"
    made = ann.api.post(FILTERS, json={"name": " My  films ", "query": query}).raise_for_status().json()
    assert made["name"] == "My films"
    assert made["query"] == "state=failed&visibility=public&tag=Sea+side", "what the library does not know is left out"
    assert made["page"] == f"/library?{made['query']}"
    ann.api.post(FILTERS, json={"name": "Älter", "query": "sort=old"}).raise_for_status()
    assert ann.api.post(FILTERS, json={"name": "my FILMS", "query": ""}).json()["code"] == "name_taken"
    assert names(bob) == []
    bob.api.post(FILTERS, json={"name": "My films", "query": ""}).raise_for_status()
    at = f"{FILTERS}/{made['id']}"
    assert bob.api.patch(at, json={"name": "His"}).status_code == 404
    assert bob.api.delete(at).status_code == 404
    changed = ann.api.patch(at, json={"name": "Mine", "query": "q=%3Cb%3E"}).raise_for_status().json()
    assert (changed["name"], changed["page"]) == ("Mine", "/library?q=%3Cb%3E")
    assert ann.api.patch(at, json={"name": "älter"}).status_code == 409
    assert names(ann) == ["Mine", "Älter"]
    ann.api.delete(at).raise_for_status()
    assert ann.api.delete(at).status_code == 404
    assert names(ann) == ["Älter"]


@pytest.mark.parametrize(
    "body", [{"name": " ", "query": ""}, {"name": "x" * 61, "query": ""}, {"name": "a"}, {"name": "a", "owner": "bob"}]
)
def test_an_impossible_filter_is_refused(server: Server, body: dict[str, str]) -> None:
    assert server.person("ann").api.post(FILTERS, json=body).status_code == 400


def test_an_account_has_a_limited_number(server: Server) -> None:
    person = server.person("carl")
    for number in range(20):
        person.api.post(FILTERS, json={"name": f"{number}", "query": ""}).raise_for_status()
    assert person.api.post(FILTERS, json={"name": "One more", "query": ""}).json()["code"] == "too_many_filters"
