"""Feeds, previews of links, sitemap and robots.txt: what readers, podcast players and search engines get."""

import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

import httpx
import pytest

from tests.clips import make_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
TITLE = "Reed & <Son> \N{SNOWMAN}"
VISIBILITIES = ("private", "members", "unlisted", "public")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        server.person("admin", admin=True)
        yield server


@pytest.fixture(scope="module")
def ann(server: Server) -> Person:
    return server.person("ann")


@pytest.fixture(scope="module")
def videos(ann: Person, clips: Path) -> dict[str, str]:
    """A video of each visibility, by it; all but the public one with a tag."""
    content = make_clip(clips / "feeds.mp4", duration_s=2, width=320, height=180, fps=10).read_bytes()
    made = {}
    for at, visibility in enumerate(VISIBILITIES):
        # bytes after the end of the file make each upload another file
        video = ann.send(content + b"\0" * at, title=f"{TITLE} {visibility}", visibility=visibility)
        tags = [] if visibility == "public" else ["hidden"]
        change = {"description": "Two\nlines at 0:01", "tags": ["garden", "late garden?", *tags]}
        ann.api.patch(f"/api/v1/videos/{video}", json=change).raise_for_status()
        made[visibility] = video
    for video in made.values():
        wait_until(lambda video=video: ann.look(video)["state"] == "ready", "ready", within_s=120)  # type: ignore[misc]
    return made


def channel(client: httpx.Client, url: str) -> Element:
    answer = client.get(url).raise_for_status()
    assert answer.headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    found = fromstring(answer.content).find("channel")  # noqa: S314  # written by the server under test
    assert found is not None
    return found


def titles(client: httpx.Client, url: str) -> set[str]:
    """The visibilities in the titles of a feed's items."""
    return {item.findtext("title", "").rpartition(" ")[2] for item in channel(client, url).findall("item")}


def path_of(item: Element, name: str, attribute: str) -> str:
    """The path of a URL in an element of an item, which must have it."""
    found = item.find(name)
    assert found is not None
    return urlsplit(found.attrib[attribute]).path


def feed_token(person: Person) -> dict[str, Any]:
    body: dict[str, Any] = person.api.post("/api/v1/tokens", json={"label": "Player", "scope": "feed"}).json()
    return body


def test_a_public_feed_has_what_podcast_players_read(server: Server, videos: dict[str, str]) -> None:
    stranger = server.client()
    found = channel(stranger, "/feed.xml")
    (item,) = found.findall("item")
    assert item.findtext("title") == f"{TITLE} public"
    assert item.findtext("description") == "Two\nlines at 0:01"
    assert item.findtext("guid") == videos["public"]
    assert item.findtext(f"{ITUNES}duration") == "2"
    assert [tag.text for tag in item.findall("category")] == ["garden", "late garden?"]
    assert parsedate_to_datetime(item.findtext("pubDate", "")).year >= 2026
    content = stranger.get(path_of(item, "enclosure", "url")).raise_for_status().content
    (enclosure,) = item.findall("enclosure")
    assert enclosure.attrib["type"] == "video/mp4"
    assert int(enclosure.attrib["length"]) == pytest.approx(len(content), abs=2_000)
    assert stranger.get(path_of(item, f"{ITUNES}image", "href")).headers["Content-Type"] == "image/jpeg"


@pytest.mark.usefixtures("videos")
def test_each_caller_gets_the_feed_of_what_is_listed_for_them(server: Server, ann: Person) -> None:
    stranger, bob = server.client(), server.person("bob")
    for path in ("/feed.xml", "/@ann/feed.xml", "/feed.xml?tag=Garden"):
        assert titles(stranger, path) == {"public"}
        assert titles(bob.browser, path) == {"members", "public"}
        assert titles(ann.api, path) == {"members", "public"}
    assert channel(stranger, "/feed.xml?tag=late+garden%3F").findtext("link", "").endswith("/tags/late%20garden%3F")
    assert stranger.get("/feed.xml?tag=hidden").status_code == 404
    assert stranger.get("/@bob/feed.xml").status_code == 404
    assert stranger.get("/@nobody/feed.xml").status_code == 404


def test_a_playlist_is_a_feed_in_its_order(server: Server, ann: Person, videos: dict[str, str]) -> None:
    body = {"title": "Evenings", "visibility": "public"}
    playlist = ann.api.post("/api/v1/playlists", json=body).raise_for_status().json()["id"]
    for video in videos.values():
        ann.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": video}).raise_for_status()
    stranger = server.client()
    assert titles(stranger, f"/playlists/{playlist}/feed.xml") == {"public"}
    assert titles(stranger, f"/playlist/{playlist}/feed.xml") == {"public"}
    items = channel(ann.api, f"/playlists/{playlist}/feed.xml").findall("item")
    assert [item.findtext("guid") for item in items] == list(videos.values())


def test_an_address_with_a_token_needs_no_sign_in(server: Server, videos: dict[str, str]) -> None:
    bob, reader = server.person("bob"), server.client()
    made = feed_token(bob)
    path = urlsplit(made["feed_url"]).path
    assert titles(reader, path) == {"members", "public"}
    items = channel(reader, path).findall("item")
    media = [path_of(item, "enclosure", "url") for item in items]
    assert [reader.get(each, headers={"Range": "bytes=0-9"}).status_code for each in media] == [206, 206]
    assert all(reader.get(path_of(item, f"{ITUNES}image", "href")).status_code == 200 for item in items)
    base = path.removesuffix("/feed.xml")
    assert titles(reader, f"{base}/@ann/feed.xml") == {"members", "public"}
    assert reader.head(path).status_code == 200
    assert reader.get(f"{base}/media/{videos['private']}/master.m3u8").status_code == 404
    for other in ("/explore", "/api/v1/videos", "/library", "/settings/tokens", ""):
        assert reader.get(base + other).status_code == 404
    bob.api.delete(f"/api/v1/tokens/{made['id']}").raise_for_status()
    assert reader.get(path).status_code == 404
    assert reader.get(media[0]).status_code == 404


def test_the_token_of_a_feed_opens_nothing_else(server: Server) -> None:
    bob = server.person("bob")
    secret = feed_token(bob)["token"]
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {secret}"}) as client:
        for path in ("/api/v1/videos", "/api/v1/me", "/explore", "/feed.xml", "/library"):
            assert client.get(path).status_code == 403
    wider = bob.api.post("/api/v1/tokens", json={"label": "Script", "scope": "read"}).json()
    assert wider["feed_url"] is None
    assert server.client().get(f"/feeds/{wider['token']}/feed.xml").status_code == 404
    assert secret not in server.log_output


def test_an_unchanged_feed_is_not_sent_again(server: Server, ann: Person, videos: dict[str, str]) -> None:
    stranger = server.client()
    etag = stranger.get("/feed.xml").headers["ETag"]
    again = stranger.get("/feed.xml", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    ann.api.patch(f"/api/v1/videos/{videos['public']}", json={"description": "New"}).raise_for_status()
    assert stranger.get("/feed.xml", headers={"If-None-Match": etag}).status_code == 200
    ann.api.patch(f"/api/v1/videos/{videos['public']}", json={"description": "Two\nlines at 0:01"}).raise_for_status()


def test_the_address_is_made_on_a_page_and_shown_once(server: Server) -> None:
    eve = server.person("eve")
    page = eve.browser.get("/settings/tokens?scope=feed").text
    form = {"csrf_token": csrf_of(page), "label": "Player", "scope": "feed"}
    made = eve.browser.post("/settings/tokens", data=form, headers={"Origin": server.url}).text
    (path,) = re.findall(r"/feeds/st_[\w-]+/feed\.xml", made)
    assert server.client().get(path).status_code == 200
    assert "/feeds/" not in eve.browser.get("/settings/tokens").text


def test_links_to_a_video_show_a_preview_elsewhere(server: Server, ann: Person, videos: dict[str, str]) -> None:
    stranger = server.client()
    page = stranger.get(f"/watch/{videos['public']}").text
    assert '<meta property="og:title" content="Reed &amp; &lt;Son&gt;' in page
    (image,) = re.findall(r'property="og:image" content="([^"]+)"', page)
    assert stranger.get(urlsplit(image.replace("&amp;", "&")).path).headers["Content-Type"] == "image/jpeg"
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    found = json.loads(text)
    assert (found["@type"], found["name"], found["duration"]) == ("VideoObject", f"{TITLE} public", "PT2S")
    assert 'rel="alternate" type="application/rss+xml" href="/feed.xml"' in stranger.get("/explore").text
    for visibility, previewed in (("unlisted", True), ("members", False), ("private", False)):
        assert ("og:title" in ann.browser.get(f"/watch/{videos[visibility]}").text) is previewed
    assert "noindex" in stranger.get(f"/watch/{videos['unlisted']}").headers["X-Robots-Tag"]


def test_search_engines_find_public_pages_only(server: Server, videos: dict[str, str]) -> None:
    stranger = server.client()
    text = stranger.get("/sitemap.xml").raise_for_status().text
    assert [video for video in videos.values() if video in text] == [videos["public"]]
    robots = stranger.get("/robots.txt").text
    assert "Disallow: /s/" in robots
    assert re.search(r"^Sitemap: http://.+/sitemap\.xml$", robots, re.MULTILINE)


def test_a_server_for_members_has_feeds_by_secret_address_only(clips: Path) -> None:
    with running_server(STREAMTIME_ACCOUNTS__ANONYMOUS_BROWSING="false") as server:
        ann, stranger = server.person("ann", admin=True), server.client()
        content = make_clip(clips / "feeds.mp4", duration_s=2, width=320, height=180, fps=10).read_bytes()
        video = ann.send(content, title="Seen public", visibility="public")
        wait_until(lambda: ann.look(video)["state"] == "ready", "ready", within_s=120)
        for path in ("/feed.xml", "/@ann/feed.xml"):
            assert stranger.get(path).headers["Location"].startswith("/login")
        assert stranger.get("/sitemap.xml").status_code == 404
        assert stranger.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
        assert "og:title" not in ann.browser.get(f"/watch/{video}").text
        assert titles(stranger, urlsplit(feed_token(ann)["feed_url"]).path) == {"public"}
