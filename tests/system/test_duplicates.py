"""What somebody has already is pointed out by its bytes; what becomes of the copy is theirs to say."""

import secrets

import pytest

from tests.people import TUS, UPLOADS, Person, upload_headers
from tests.server import Server, wait_until


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


def failed(person: Person, video: str) -> bool:
    return str(person.look(video)["state"]) == "failed"


def test_a_copy_is_pointed_out_and_prepared_all_the_same(ann: Person, shared_server: Server) -> None:
    data = secrets.token_bytes(3000)
    first = ann.send(data, filename="one.mp4", title="The first")
    second = ann.send(data, filename="two.mp4")
    assert ann.look(first)["duplicate_of"] is None
    duplicate = {"id": first, "title": "The first", "binned": False, "asked": False}
    assert ann.look(second)["duplicate_of"] == duplicate
    listed = {item["id"]: item["duplicate_of"] for item in ann.api.get("/api/v1/videos?limit=100").json()["items"]}
    assert (listed[first], listed[second]) == (None, duplicate)
    wait_until(lambda: failed(ann, second), "tried like any other")
    assert "The first" in ann.browser.get(f"/watch/{second}/edit").text
    ben = shared_server.person("ben")
    assert ben.look(ben.send(data, filename="one.mp4"))["duplicate_of"] is None
    ann.api.delete(f"/api/v1/videos/{first}").raise_for_status()
    assert ann.look(second)["duplicate_of"] == {**duplicate, "binned": True}
    ann.api.delete(f"/api/v1/videos/{first}?now=true").raise_for_status()
    assert ann.look(second)["duplicate_of"] is None


def test_a_client_that_asks_its_person_has_the_copy_wait(ann: Person) -> None:
    data = secrets.token_bytes(3000)
    first = ann.send(data, filename="one.mp4")
    wait_until(lambda: failed(ann, first), "tried")
    second = ann.send(data, filename="two.mp4", duplicates="ask")
    assert ann.look(second)["duplicate_of"]["asked"]
    assert ann.look(second)["state"] == "queued"
    kept = ann.api.post(f"/api/v1/videos/{second}/keep")
    assert (kept.status_code, kept.json()["duplicate_of"]) == (200, None)
    wait_until(lambda: failed(ann, second), "tried")
    other = secrets.token_bytes(3000)
    gone = ann.send(other, filename="gone.mp4")
    waits = ann.send(other, filename="waits.mp4", duplicates="ask")
    assert ann.look(waits)["duplicate_of"]["id"] == gone
    ann.api.delete(f"/api/v1/videos/{gone}?now=true").raise_for_status()
    wait_until(lambda: failed(ann, waits), "nobody can answer any more: it is tried")
    third = ann.send(data, filename="three.mp4", duplicates="ask")
    assert ann.api.delete(f"/api/v1/videos/{third}?now=true").status_code == 204
    assert ann.api.get(f"/api/v1/videos/{third}").status_code == 404
    assert ann.api.get(f"/media/{first}/original").content == data


def test_a_copy_is_known_after_a_restart_in_its_middle(server: Server) -> None:
    ann = server.person("ann")
    data = secrets.token_bytes(3000)
    first = ann.send(data, filename="one.mp4")
    at = ann.begin(len(data), filename="two.mp4")
    ann.append(at, 0, data[:1000])
    server.restart()
    ann.append(at, 1000, data[1000:]).raise_for_status()
    second = ann.api.head(at, headers=TUS).headers["Streamtime-Video"]
    wait_until(lambda: ann.look(second)["duplicate_of"], "found when it settles")
    assert ann.look(second)["duplicate_of"]["id"] == first


def test_what_looks_the_same_is_said_before_a_byte_is_sent(ann: Person) -> None:
    data = secrets.token_bytes(3210)
    first = ann.send(data, filename="Same name.mp4")
    like = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(3210, filename="Same name.mp4")})
    assert like.headers["Streamtime-Looks-Like"] == first
    for length, name in ((3211, "Same name.mp4"), (3210, "Other name.mp4")):
        other = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(length, filename=name)})
        assert "Streamtime-Looks-Like" not in other.headers
