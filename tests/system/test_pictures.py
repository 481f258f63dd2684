"""Pictures of people: how they come and go, who sees them, and what is no picture."""

import re
from pathlib import Path

import httpx
import pytest

from tests.images import SECRET, UPRIGHT, exif, jpeg_with, make_picture, png_bomb, png_with, quadrant_colours
from tests.people import ACCOUNTS, PASSWORD, Person, csrf_of
from tests.server import Server

PICTURE = "/api/v1/me/picture"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def send(person: Person, data: bytes, name: str = "me.jpg") -> httpx.Response:
    """Send a file by the form of the profile page."""
    token = csrf_of(person.browser.get("/settings/profile").text)
    files = {"picture": (name, data)}
    return person.browser.post("/settings/picture", data={"csrf_token": token}, files=files)


def press(person: Person, address: str) -> httpx.Response:
    """Press a button of a page of theirs."""
    return person.browser.post(address, data={"csrf_token": csrf_of(person.browser.get("/explore").text)})


def address_of(person: Person) -> str | None:
    """Where their picture is."""
    address: str | None = person.api.get("/api/v1/me").raise_for_status().json()["picture"]
    return address


def said(answer: httpx.Response) -> str:
    """What stands under the field."""
    found = re.search(r'id="note-picture">.*?<span>(.*?)</span>', answer.text, re.DOTALL)
    assert found, answer.text
    return found[1]


def test_a_picture_is_sent_seen_exchanged_and_removed(admin_server: Server, tmp_path: Path) -> None:
    pia, ben = admin_server.person("pia"), admin_server.person("ben")
    assert address_of(pia) is None
    assert send(pia, make_picture(tmp_path / "a.jpg", "-q:v", "2")).headers["location"] == "/settings/profile"
    first = address_of(pia)
    assert first
    assert re.fullmatch(r"/people/\w{22}/picture-\d+\.jpg", first)
    for client in (pia.browser, pia.api, ben.browser, ben.api):
        answer = client.get(first)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert quadrant_colours(answer.content) == ((256, 256), UPRIGHT)
        assert answer.headers["cache-control"].startswith("private, ")
        assert answer.headers["vary"] == "Cookie, Authorization"
        assert answer.headers["x-content-type-options"] == "nosniff"
    head, length = ben.browser.head(first), len(ben.browser.get(first).content)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(length))
    for who, page in ((pia, "/settings/profile"), (pia, "/explore"), (pia, "/@pia"), (ben, "/@pia")):
        assert f'src="{first}"' in who.browser.get(page).text, page
    sent = pia.api.put(PICTURE, content=make_picture(tmp_path / "a.png"))
    second = sent.raise_for_status().json()["url"]
    assert second == address_of(pia) != first
    assert ben.browser.get(first).status_code == 404
    assert ben.browser.get(second).status_code == 200
    assert press(pia, "/settings/picture/remove").status_code == 303
    assert address_of(pia) is None
    assert ben.browser.get(second).status_code == 404
    assert "/people/" not in pia.browser.get("/explore").text
    assert pia.api.delete(PICTURE).status_code == 204, "where there is none, all is as it should be"


def test_it_lies_as_the_camera_was_held_and_tells_nothing(admin_server: Server, tmp_path: Path) -> None:
    ida = admin_server.person("ida")
    for name, carrying in (("a.jpg", jpeg_with), ("a.png", png_with)):
        data = carrying(make_picture(tmp_path / name), exif(6))
        assert data.count(SECRET) == 2
        assert send(ida, data).status_code == 303
        address = address_of(ida)
        assert address
        jpeg = ida.browser.get(address).content
        assert quadrant_colours(jpeg)[1] == ["blue", "red", "white", "green"]
        assert SECRET not in jpeg
        assert b"Exif" not in jpeg
        assert len(jpeg) < 20_000


@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("letter.jpg", b"Dear all, this is no picture.", "not_a_picture", "This is not a picture that can be read"),
        ("drawing.svg", SVG, "not_a_picture", "This is not a picture that can be read"),
        ("drawing.png", SVG, "not_a_picture", "This is not a picture that can be read"),
        ("bomb.png", png_bomb(30_000, 30_000), "too_large", "30000 x 30000 pixels is larger than what is supported"),
        ("half.jpg", None, "damaged_picture", "This picture is damaged, or its end is missing."),
        ("none.jpg", b"", "", "Choose a file."),
    ],
)
def test_what_is_no_picture_is_refused_in_words(
    admin_server: Server, tmp_path: Path, name: str, data: bytes | None, code: str, words: str
) -> None:
    eva = admin_server.person("eva")
    if data is None:
        data = make_picture(tmp_path / name)[:-300]
    page = send(eva, data, name)
    assert page.status_code == 400
    assert words in said(page)
    if code:
        told = eva.api.put(PICTURE, content=data)
        assert (told.status_code, told.json()["code"], told.json()["field"]) == (400, code, "picture")
    assert address_of(eva) is None


def test_what_is_too_long_is_refused_in_words(admin_server: Server) -> None:
    eva = admin_server.person("eva")
    data = b"\xff\xd8\xff" + b"\0" * 10_000_000
    for body in (data, data * 2):
        page = send(eva, body)
        assert page.status_code == 413
        assert "This picture is larger than 10 MB." in page.text
        told = eva.api.put(PICTURE, content=body)
        assert (told.status_code, told.json()["code"], told.json()["limit"]) == (413, "too_large", 10_000_000)


def test_strangers_see_whom_they_can_watch(admin_server: Server, tmp_path: Path) -> None:
    uma, stranger = admin_server.person("uma"), admin_server.visitor()
    assert send(uma, make_picture(tmp_path / "a.jpg")).status_code == 303
    address = address_of(uma)
    assert address
    assert stranger.browser.get(address).status_code == 404
    video = uma.send(b"no film", filename="a.mp4", title="Hers", visibility="members")
    assert stranger.browser.get(address).status_code == 404
    uma.change(video, visibility="unlisted")
    assert stranger.browser.get(address).status_code == 200
    assert f'src="{address}"' in stranger.browser.get(f"/watch/{video}").text
    uma.change(video, visibility="private")
    assert stranger.browser.get(address).status_code == 404
    uma.change(video, visibility="public")
    assert stranger.browser.head(address).status_code == 200
    uma.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert stranger.browser.get(address).status_code == 404
    person = address.split("/")[2]
    for other in (f"/people/{person}/picture-0.jpg", f"/people/{person}/picture-1.jpg", f"/people/{person}/me.jpg"):
        assert uma.browser.get(other).status_code == 404


def test_an_admin_takes_a_picture_away(admin_server: Server, boss: Person, tmp_path: Path) -> None:
    for name, by_page in (("tom", True), ("tim", False)):
        person = admin_server.person(name)
        assert send(person, make_picture(tmp_path / "a.gif")).status_code == 303
        address = address_of(person)
        row = boss.account(name)
        assert row["picture"] == address
        assert address
        page = boss.browser.get(f"/admin/people/{row['id']}").text
        assert f'src="{address}"' in page
        if by_page:
            assert press(boss, f"/admin/people/{row['id']}/remove-picture").status_code == 303
        else:
            assert boss.api.delete(f"{ACCOUNTS}/{row['id']}/picture").status_code == 204
        assert address_of(person) is None
        assert boss.browser.get(address).status_code == 404
        deeds = boss.api.get("/api/v1/admin/audit", params={"person": name}).json()["items"]
        removed = [(deed["actor"], deed["subject"]) for deed in deeds if deed["deed"] == "picture_removed"]
        assert removed == [("boss", name)]


def test_it_goes_with_the_account(admin_server: Server, boss: Person, tmp_path: Path) -> None:
    boss.api.post(ACCOUNTS, json={"name": "gus", "password": PASSWORD, "role": "viewer"}).raise_for_status()
    gus = Person(admin_server, "gus")
    assert send(gus, make_picture(tmp_path / "a.webp", "-c:v", "libwebp")).status_code == 303
    address = address_of(gus)
    assert address
    assert boss.browser.get(address).status_code == 200
    assert boss.api.delete(f"{ACCOUNTS}/{address.split('/')[2]}").status_code == 204
    assert boss.browser.get(address).status_code == 404
