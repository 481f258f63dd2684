"""The addresses that links carry which others are to open, by how the page was opened that makes them."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until

OUTSIDE = "https://video.example.org"


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    with running_server(STREAMTIME_SERVER__FRAME_ANCESTORS="https://blog.example.org") as server:
        yield server


@pytest.fixture(scope="module")
def video(admin_server: Server, film: bytes) -> str:
    return shown(admin_server, film)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_multitrack_clip(tmp_path_factory.mktemp("addresses") / "film.mkv", duration_s=1).read_bytes()


def shown(admin_server: Server, film: bytes) -> str:
    """A public video that other sites may embed."""
    ada = admin_server.person("ada", admin=True)
    found = ada.send(film, title="Sea", visibility="public")
    wait_until(lambda: ada.look(found)["playable"], "playable")
    ada.browser.post(f"/watch/{found}/embedding", data={"embeddable": "yes", "csrf_token": token_of(ada)})
    return found


def token_of(person: Person) -> str:
    return csrf_of(person.browser.get("/explore").text)


def everywhere(person: Person, video: str, host: str) -> dict[str, str]:
    """Every absolute address of ours that anything hands out, by what it is for, to a browser at `host`."""
    at = {"Host": host}
    found: dict[str, str] = {}

    def read(name: str, pattern: str, answer: httpx.Response) -> None:
        assert answer.status_code in {200, 201}, (name, answer.text)
        match = re.search(pattern, answer.text)
        assert match, (name, answer.text)
        found[name] = match[1]

    for kind, wishes in (("links", {"videos": [video]}), ("drops", {})):
        read(kind, r'"url":"([^"]+)"', person.api.post(f"/api/v1/{kind}", json=wishes, headers=at))
        read(f"{kind} listed", r'"url":"([^"]+)"', person.api.get(f"/api/v1/{kind}", headers=at))
        read(f"{kind} page", r'id="address-\w+" type="text" value="([^"]+)"',
             person.browser.get(f"/settings/{kind}", headers=at))  # fmt: skip
    read("share", r'id="share-address" type="text" value="([^"]+)"',
         person.browser.get(f"/watch/{video}/share", headers=at))  # fmt: skip
    read("embed", r"iframe src=&#34;([^&]+)&#34;", person.browser.get(f"/watch/{video}/share", headers=at))
    read("elsewhere", r'id="elsewhere-address" type="text" value="([^"]+)"',
         person.browser.get(f"/watch/{video}/elsewhere", headers=at))  # fmt: skip
    read("discovery", r'json\+oembed" href="([^"]+)"', person.browser.get(f"/watch/{video}", headers=at))
    described = person.browser.get("/oembed", params={"url": f"http://{host}/watch/{video}"}, headers=at)
    read("oembed provider", r'"provider_url":"([^"]+)"', described)
    read("oembed poster", r'"thumbnail_url":"([^"]+)"', described)
    read("oembed player", r'iframe src=\\"([^\\]+)\\"', described)
    form = {"label": "", "role": "member", "uses": "1", "days": "7", "csrf_token": token_of(person)}
    invited = person.browser.post("/admin/people/invites", data=form, headers={**at, "Origin": f"http://{host}"})
    read("invite", r'id="invite-address" type="text" value="([^"]+)"', invited)
    return found


def strangers_to(base: str, found: dict[str, str]) -> dict[str, str]:
    return {name: url for name, url in found.items() if url != base and not url.startswith(base + "/")}


@pytest.mark.parametrize("host", ["192.168.1.7:8000", "nas", "[fd00::7]:8000"])
def test_links_carry_the_address_that_the_page_was_opened_with(admin_server: Server, video: str, host: str) -> None:
    ada = admin_server.person("ada")
    assert strangers_to(f"http://{host}", everywhere(ada, video, host)) == {}
    page = ada.browser.get(f"/watch/{video}/share", headers={"Host": host}).text
    assert f"Links use http://{host}, the address you opened this page with." in page


def test_a_server_for_one_machine_says_that_its_links_open_nowhere_else(admin_server: Server, video: str) -> None:
    ada = admin_server.person("ada")
    for host in ("localhost:8000", "127.0.0.1:8000"):
        assert strangers_to(f"http://{host}", everywhere(ada, video, host)) == {}
        for path in (f"/watch/{video}/share", f"/watch/{video}/elsewhere", "/settings/links", "/settings/drops"):
            assert f"Only this computer can open {host}." in ada.browser.get(path, headers={"Host": host}).text


def test_a_public_address_is_in_all_links(film: bytes) -> None:
    blog = "https://blog.example.org"
    with running_server(STREAMTIME_SERVER__FRAME_ANCESTORS=blog, STREAMTIME_SERVER__PUBLIC_URL=OUTSIDE) as admin_server:
        video, ada = shown(admin_server, film), admin_server.person("ada")
        for host in ("localhost:8000", "192.168.1.7:8000"):
            assert strangers_to(OUTSIDE, everywhere(ada, video, host)) == {}
        assert f"Links use {OUTSIDE}, as set by" in ada.browser.get(f"/watch/{video}/share").text
