"""Embedding, shared caches, and a server without anonymous browsing: settings of what strangers get."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until
from tests.system.player import fetch, video_playlists

BLOG = "https://blog.example.org"


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    with running_server(STREAMTIME_SERVER__FRAME_ANCESTORS=BLOG, STREAMTIME_SERVER__SHARED_CACHE="90s") as server:
        server.person("admin", admin=True)
        yield server


@pytest.fixture(scope="module")
def owner(admin_server: Server) -> Person:
    return admin_server.person("emma")


@pytest.fixture(scope="module")
def video(owner: Person, clips: Path) -> str:
    folder = clips / "embedding"
    folder.mkdir(exist_ok=True)
    film = make_multitrack_clip(folder / "film.mkv", duration_s=1)
    video = owner.send(film.read_bytes(), title='A "framed" <video>', visibility="public")
    wait_until(lambda: owner.look(video)["state"] == "ready", "ready", within_s=90)
    return video


def oembed(client: httpx.Client, url: str, **query: Any) -> httpx.Response:  # noqa: ANN401  # what a query may hold
    return client.get("/oembed", params={"url": url, **query})


def test_the_owner_lets_others_frame_it(admin_server: Server, owner: Person, video: str) -> None:
    stranger = admin_server.client()
    page = f"{admin_server.url}/watch/{video}"
    assert stranger.get(f"/embed/{video}").status_code == 404
    assert oembed(stranger, page).status_code == 404
    assert "oembed" not in stranger.get(page).text
    share = owner.browser.get(f"/watch/{video}/share").text
    form = {"csrf_token": csrf_of(share), "embeddable": "yes"}
    sent = owner.browser.post(f"/watch/{video}/embedding", data=form, headers={"Origin": admin_server.url})
    assert sent.status_code == 303
    assert owner.look(video)["embeddable"] is True

    framed = stranger.get(f"/embed/{video}")
    assert framed.status_code == 200
    assert f"frame-ancestors 'self' {BLOG}" in framed.headers["content-security-policy"]
    assert "x-frame-options" not in framed.headers
    for other in (f"/watch/{video}", "/explore", "/login"):
        answer = stranger.get(other)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


def test_oembed_tells_of_it(admin_server: Server, owner: Person, video: str) -> None:
    owner.change(video, embeddable=True, visibility="public")
    stranger = admin_server.client()
    page = f"{admin_server.url}/watch/{video}"
    told = oembed(stranger, page).raise_for_status().json()
    assert told["type"] == "video"
    assert told["version"] == "1.0"
    assert told["title"] == 'A "framed" <video>'
    assert f'src="{admin_server.url}/embed/{video}"' in told["html"]
    assert "<video>" not in told["html"]
    assert stranger.get(told["thumbnail_url"]).status_code == 200
    small = oembed(stranger, page, maxwidth=320, maxheight=90).json()
    assert small["width"] <= 320
    assert small["height"] <= 90
    assert oembed(stranger, page, format="xml").status_code == 501
    for url in ("https://elsewhere.example/watch/" + video, f"{admin_server.url}/explore", "http://[", "x", page + "x"):
        assert oembed(stranger, url).status_code == 404, url
    assert 'type="application/json+oembed"' in stranger.get(page).text


def test_hiding_it_ends_the_frame(admin_server: Server, owner: Person, video: str) -> None:
    owner.change(video, embeddable=True, visibility="members")
    for client in (admin_server.client(), owner.browser):  # a cookie changes nothing: no other site's frame has one
        assert client.get(f"/embed/{video}").status_code == 404
        assert oembed(client, f"{admin_server.url}/watch/{video}").status_code == 404
    owner.change(video, visibility="unlisted")
    assert admin_server.client().get(f"/embed/{video}").status_code == 200


def test_only_what_is_public_is_kept_by_shared_caches(admin_server: Server, owner: Person, video: str) -> None:
    stranger = admin_server.client()

    def kept(client: httpx.Client) -> tuple[str, str]:
        segment = fetch(client, video_playlists(client, f"/media/{video}/master.m3u8")[0]).segment_uris[0]
        headers = client.get(segment).raise_for_status().headers
        assert "no" in client.get(f"/media/{video}/master.m3u8").headers["cache-control"]
        return headers["cache-control"], headers.get("vary", "")

    owner.change(video, visibility="public")
    assert kept(stranger) == ("public, max-age=90", "")
    owner.change(video, visibility="unlisted")
    assert kept(stranger)[0].startswith("private")
    owner.change(video, visibility="private")
    assert kept(owner.browser)[0].startswith("private")


def test_a_server_for_its_own_people(admin_server: Server, owner: Person, video: str) -> None:
    owner.change(video, embeddable=True, visibility="public")
    link = owner.api.post("/api/v1/links", json={"videos": [video]}).json()["url"]
    admin_server.restart(STREAMTIME_ACCOUNTS__ANONYMOUS_BROWSING="false")
    stranger = admin_server.client()
    for page in ("/", "/explore", "/search?q=framed", "/tags", "/tags/framed", f"/@{owner.name}", f"/watch/{video}"):
        answer = stranger.get(page)
        assert answer.status_code == 303, page
        assert answer.headers["location"].startswith("/login"), page
    assert stranger.get("/login").status_code == 200
    assert stranger.get("/api/v1/videos").status_code == 401
    for path in (f"/api/v1/videos/{video}", f"/media/{video}/master.m3u8", f"/embed/{video}"):
        assert stranger.get(path).status_code == 404, path
    assert oembed(stranger, f"{admin_server.url}/watch/{video}").status_code == 404
    assert "data-src" in stranger.get(httpx.URL(link).path).text
    assert owner.look(video)["visibility"] == "public"
    segment = fetch(owner.api, video_playlists(owner.api, f"/media/{video}/master.m3u8")[0]).segment_uris[0]
    assert owner.api.get(segment).headers["cache-control"].startswith("private")
