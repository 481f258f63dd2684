"""Who sees what: every door to a video, for everybody, in every visibility; hidden looks like not there."""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person
from tests.server import Server, wait_until
from tests.system.player import fetch, video_playlists

VISIBILITIES = ("private", "members", "unlisted", "public")
PEOPLE = ("visitor", "member", "owner", "admin")
MAY_VIEW = {
    "visitor": {"unlisted", "public"},
    "member": {"members", "unlisted", "public"},
    "owner": set(VISIBILITIES),
    "admin": set(VISIBILITIES),
}
LISTED_FOR = {
    "visitor": {"public"},
    "member": {"members", "public"},
    "owner": {"members", "public"},
    "admin": {"members", "public"},
}


@dataclass(frozen=True)
class Shown:
    """A ready video, and every address that leads to it."""

    id: str
    reading: dict[str, str]
    managing: tuple[str, ...]


@dataclass(frozen=True)
class Cast:
    """One video in each visibility, and the people who look."""

    people: dict[str, Person]
    videos: dict[str, Shown]

    def client(self, who: str, by: str) -> httpx.Client:
        return self.people[who].api if by == "token" else self.people[who].browser


@pytest.fixture(scope="module")
def film(clips: Path) -> Path:
    """A clip with captions and chapters."""
    folder = clips / "visibility"
    folder.mkdir(exist_ok=True)
    return make_multitrack_clip(folder / "film.mkv", duration_s=2)


@pytest.fixture(scope="module")
def cast(shared_server: Server, film: Path) -> Cast:
    people = {
        "visitor": shared_server.visitor(),
        "member": shared_server.person("ben"),
        "owner": shared_server.person("olga"),
        "admin": shared_server.person("admin"),
    }
    owner = people["owner"]
    sent = {v: owner.send(film.read_bytes(), title=f"Cast {v}", visibility=v) for v in VISIBILITIES}
    return Cast(people, {visibility: shown(owner, video) for visibility, video in sent.items()})


def shown(owner: Person, video: str) -> Shown:
    """The video once it is ready and has its stills, with all its addresses."""
    wait_until(lambda: owner.look(video)["state"] == "ready", "ready", within_s=60)
    wait_until(lambda: owner.look(video)["urls"]["storyboard"], "stills", within_s=60)
    urls = owner.look(video)["urls"]
    playlist = video_playlists(owner.api, urls["master"])[0]
    init, segment, *_ = fetch(owner.api, playlist).segment_uris
    reading = {
        **{name: url for name, url in urls.items() if name != "mp4"},
        "mp4": next(iter(urls["mp4"].values())),
        "playlist": playlist,
        "init": init,
        "segment": segment,
        "iframes": playlist.replace("playlist.m3u8", "iframes.m3u8"),
        "sheet": urls["storyboard"].replace("storyboard.vtt", "storyboard-0.jpg"),
        "api": f"/api/v1/videos/{video}",
        "events": f"/api/v1/events?video={video}",
    }
    for track in owner.look(video)["captions"]:
        base = track["url"].removesuffix(f"/captions/{track['name']}.vtt")
        reading |= {
            "captions": track["url"],
            "captions playlist": track["url"].removesuffix(".vtt") + ".m3u8",
            "chapters": f"{base}/chapters.vtt",
            "captions list": f"/api/v1/videos/{video}/captions",
        }
    return Shown(video, reading, (f"/watch/{video}/edit", f"/watch/{video}/delete"))


def status(client: httpx.Client, address: str, method: str = "GET") -> int:
    """The status alone: an event stream is left as soon as it has begun."""
    with client.stream(method, address) as answer:
        return answer.status_code


@pytest.mark.parametrize("visibility", VISIBILITIES)
@pytest.mark.parametrize("by", ["token", "cookie"])
@pytest.mark.parametrize("who", PEOPLE)
def test_every_door_to_a_video(cast: Cast, who: str, by: str, visibility: str) -> None:
    video = cast.videos[visibility]
    expected = 200 if visibility in MAY_VIEW[who] else 404
    client = cast.client(who, by)
    assert {name: status(client, at) for name, at in video.reading.items()} == dict.fromkeys(video.reading, expected)
    heads = {name: at for name, at in video.reading.items() if name != "events"}
    assert {name: status(client, at, "HEAD") for name, at in heads.items()} == dict.fromkeys(heads, expected)


@pytest.mark.parametrize("visibility", VISIBILITIES)
@pytest.mark.parametrize("who", PEOPLE)
def test_only_owner_and_admin_manage(cast: Cast, who: str, visibility: str) -> None:
    video = cast.videos[visibility]
    client = cast.people[who].api
    manages = who in {"owner", "admin"}
    denied = 403 if visibility in MAY_VIEW[who] else 404
    for page in video.managing:
        assert client.get(page).status_code == (200 if manages else denied)
    assert client.patch(f"/api/v1/videos/{video.id}", json={}).status_code == (200 if manages else denied)
    assert client.post(f"/api/v1/videos/{video.id}/retry").status_code == (409 if manages else denied)
    if not manages:
        assert client.delete(f"/api/v1/videos/{video.id}").status_code == denied
        captions = f"/api/v1/videos/{video.id}/captions"
        subrip = b"1\n00:00:00,000 --> 00:00:01,000\nMine\n"
        assert client.post(captions, params={"language": "en"}, content=subrip).status_code == denied
        assert client.put(f"{captions}/en", content=subrip).status_code == denied
        assert client.delete(f"{captions}/en").status_code == denied
        for form in ("visibility", "edit", "delete", "retry", "captions", "captions/en", "captions/en/delete"):
            answer = client.post(f"/watch/{video.id}/{form}", data={"visibility": "public", "title": "Mine"})
            assert answer.status_code == denied
    assert cast.people["owner"].look(video.id)["title"] == f"Cast {visibility}"


@pytest.mark.parametrize("who", PEOPLE)
def test_lists_show_what_is_listed_and_no_more(cast: Cast, who: str) -> None:
    person = cast.people[who]
    ids = {video.id: visibility for visibility, video in cast.videos.items()}
    in_api = {ids[item["id"]] for item in listed(person.api) if item["id"] in ids}
    assert in_api == (set(VISIBILITIES) if who == "owner" else LISTED_FOR[who])
    for page in ("/explore", "/@olga"):
        text = person.browser.get(page).text
        assert {visibility for video, visibility in ids.items() if f"/watch/{video}" in text} == LISTED_FOR[who], page
    if who != "visitor":
        text = person.browser.get("/library?q=Cast").text
        own = set(VISIBILITIES) if who == "owner" else set()
        assert {visibility for video, visibility in ids.items() if f"/watch/{video}" in text} == own


def listed(client: httpx.Client) -> list[dict[str, str]]:
    """All that the API lists for a client."""
    answer = client.get("/api/v1/videos", params={"q": "Cast", "limit": 100})
    found: list[dict[str, str]] = answer.raise_for_status().json()["items"]
    return found


@pytest.mark.parametrize("hidden", ["private", "members"])
def test_hiding_takes_effect_on_the_next_request(cast: Cast, film: Path, hidden: str) -> None:
    owner, visitor = cast.people["owner"], cast.people["visitor"]
    video = shown(owner, owner.send(film.read_bytes(), title="Hide me", visibility="public"))
    known = {name: at for name, at in video.reading.items() if name != "events"}
    assert {status(visitor.browser, at) for at in known.values()} == {200}
    owner.change(video.id, visibility=hidden)
    assert {name: status(visitor.browser, at) for name, at in known.items()} == dict.fromkeys(known, 404)
    assert status(visitor.api, video.reading["events"]) == 404
    before = video.reading["segment"]
    now = fetch(owner.api, video_playlists(owner.api, video.reading["master"])[0]).segment_uris[1]
    assert now != before
    assert (status(owner.api, now), status(owner.api, before)) == (200, 404), "the public time's address is over"
    owner.change(video.id, visibility="public")
    assert (status(visitor.browser, now), status(visitor.browser, before)) == (200, 404)


def test_showing_takes_effect_on_the_next_request(cast: Cast, film: Path) -> None:
    owner, visitor, member = (cast.people[who] for who in ("owner", "visitor", "member"))
    video = shown(owner, owner.send(film.read_bytes(), title="Show me", visibility="private"))
    segment = video.reading["segment"]
    for visibility, seen_by in (("members", {"member"}), ("private", set()), ("unlisted", {"member", "visitor"})):
        owner.change(video.id, visibility=visibility)
        seeing = {
            who for who, person in (("member", member), ("visitor", visitor)) if status(person.api, segment) == 200
        }
        assert seeing == seen_by


def test_an_event_stream_tells_that_its_video_was_hidden(cast: Cast, film: Path) -> None:
    owner, visitor = cast.people["owner"], cast.people["visitor"]
    video = shown(owner, owner.send(film.read_bytes(), title="Stream me", visibility="public"))
    with visitor.browser.stream("GET", video.reading["events"], timeout=90) as events:
        lines = events.iter_lines()
        wait_until(lambda: next(lines) == "event: video", "how it is now")
        owner.change(video.id, visibility="private", title="Secret now")
        told = list(takewhile(lambda line: line != "event: gone", lines))
        assert "Secret" not in "".join(told)


def test_pages_of_what_is_not_public_ask_not_to_be_indexed(cast: Cast) -> None:
    owner = cast.people["owner"]
    for visibility, video in cast.videos.items():
        told = owner.browser.get(video.reading["watch"]).headers
        assert (told.get("X-Robots-Tag") == "noindex") == (visibility != "public")
        assert told["Cache-Control"] == "no-store"


def test_why_a_video_failed_is_for_those_who_manage_it(cast: Cast) -> None:
    owner, visitor = cast.people["owner"], cast.people["visitor"]
    video = owner.send(b"just text, no video", title="Failing", visibility="public")
    wait_until(lambda: owner.look(video)["state"] == "failed", "failed")
    assert owner.look(video)["failure"]["message"]
    assert visitor.look(video)["failure"] is None
