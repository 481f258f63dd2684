"""Search: what is found by whom, where, in which order; and that nothing else can be learned by searching."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clips import make_clip
from tests.people import Person, csrf_of
from tests.server import Server, running_server, wait_until

WEBVTT = b"""WEBVTT

00:00:00.000 --> 00:00:00.500
the <i>lighthouse</i> keeper

00:00:00.500 --> 00:00:01.000
walks along the &amp; shore
"""


@dataclass(frozen=True)
class Library:
    """One playable video in each visibility, and an unfinished one."""

    server: Server
    owner: Person
    member: Person
    visitor: Person
    public: str
    members: str
    unlisted: str
    private: str

    def everybody(self) -> Iterator[Person]:
        yield from (self.owner, self.member, self.visitor)


@pytest.fixture(scope="module")
def library(clips: Path) -> Iterator[Library]:
    clip = make_clip(clips / "search.mp4", duration_s=1, width=160, height=90, fps=10)
    with running_server() as server:
        owner, member = server.person("olaf"), server.person("mia")
        videos: dict[str, str] = {}
        for visibility in ("public", "members", "unlisted", "private"):
            video = owner.upload(clip, title=f"Zebra {visibility}")
            owner.change(
                video,
                visibility=visibility,
                tags=["Zoo", f"only-{visibility}"],
                description=f"Filmed from the jetty, take {visibility}.",
            )
            captions = f"/api/v1/videos/{video}/captions"
            owner.api.post(captions, params={"language": "en"}, content=WEBVTT).raise_for_status()
            videos[visibility] = video
        wait_until(lambda: all(owner.look(video)["state"] == "ready" for video in videos.values()), "all are ready")
        yield Library(server, owner, member, server.visitor(), **videos)


def search(person: Person, q: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401  # of every type that a query can have
    """The answer of the search by API."""
    body: dict[str, Any] = person.api.get("/api/v1/search", params={"q": q, **params}).raise_for_status().json()
    return body


def ids(body: dict[str, Any]) -> set[str]:
    return {item["video"]["id"] for item in body["items"]}


@pytest.mark.parametrize("q", ["zebra", "jetty", "zoo", "lighthouse", '"keeper walks"', "olaf", "ebra"])
def test_the_same_rule_as_for_lists_decides_what_is_found(library: Library, q: str) -> None:
    expected = {
        library.owner: {library.public, library.members, library.unlisted, library.private},
        library.member: {library.public, library.members},
        library.visitor: {library.public},
    }
    for person, videos in expected.items():
        found = search(person, q)
        assert ids(found) == videos, person
        assert found["total"] == len(videos)
        tags = {facet["value"]: facet["count"] for facet in found["facets"]["tags"]}
        assert tags.pop("zoo") == len(videos)
        assert len(tags) == len(videos), "a tag of a hidden video is among the facets"
        assert found["facets"]["owners"] == [{"value": "olaf", "text": "olaf", "count": len(videos)}]


@pytest.mark.parametrize("secret", ["private", "unlisted"])
def test_hidden_videos_leave_no_trace(library: Library, secret: str) -> None:
    for person in (library.member, library.visitor):
        for q in (f"Zebra {secret}", f"take {secret}", f"only-{secret}"):
            assert search(person, q)["total"] == 0
            page = person.browser.get("/search", params={"q": q}).text
            assert "Nothing found" in page
        assert secret not in person.browser.get("/search/suggestions", params={"q": "only"}).text
        assert f"only-{secret}" not in person.browser.get("/tags").text
        assert person.browser.get(f"/tags/only-{secret}").status_code == 404
        params = {"tag": f"only-{secret}"}
        assert person.api.get("/api/v1/videos", params=params).json()["items"] == []
    assert library.owner.browser.get(f"/tags/only-{secret}").status_code == 404, "it lists what is listed"


def test_a_file_name_is_found_by_its_owner_only(library: Library) -> None:
    found = search(library.owner, "search.mp4")
    assert library.public in ids(found)
    assert {"field": "filename", "text": "search.mp4", "at_ms": None, "marks": [[0, 10]]} in found["items"][0][
        "matches"
    ]
    for person in (library.member, library.visitor):
        assert search(person, "search.mp4")["total"] == 0
        with_it, without = search(person, "zebra -mp4"), search(person, "zebra")
        assert ids(with_it) == ids(without), "excluding a word tells whether the file name has it"


def test_moments_of_captions_lead_into_the_video(library: Library) -> None:
    found = search(library.visitor, '"keeper walks along"')["items"][0]["matches"]
    assert found == [
        {
            "field": "caption",
            "text": "the lighthouse keeper walks along the & shore",
            "at_ms": 0,
            "marks": [[15, 33]],
        }
    ]
    page = library.visitor.browser.get("/search", params={"q": "shore"}).text
    assert f"/watch/{library.public}?t=0" in page
    assert "<mark>shore</mark>" in page


def test_whole_words_of_the_title_come_first(library: Library) -> None:
    owner = library.owner
    owner.begin(100, title="An okapi")
    owner.begin(100, title="Okapis in the rain")
    owner.change(owner.send(b"no film", title="Something else"), description="With an okapi in it")
    titles = [item["video"]["title"] for item in search(owner, "okapi")["items"]]
    assert titles == ["An okapi", "Okapis in the rain", "Something else"]
    by_title = [item["video"]["title"] for item in search(owner, "okapi", sort="title")["items"]]
    assert by_title == ["An okapi", "Okapis in the rain", "Something else"]


@pytest.mark.parametrize("sort", ["relevance", "new", "old", "title", "longest", "shortest"])
def test_pages_of_results_join_to_the_whole(library: Library, sort: str) -> None:
    whole = [item["video"]["id"] for item in search(library.owner, "zebra", sort=sort)["items"]]
    assert len(whole) == 4
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = search(library.owner, "zebra", sort=sort, limit=1, cursor=cursor)
        assert page["total"] == 4
        found += [item["video"]["id"] for item in page["items"]]
        cursor = page["next"]
    assert found == whole


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"visibility": "private"}, 1),
        ({"state": "failed"}, 0),
        ({"tag": ["zoo", "ONLY-public"]}, 1),
        ({"owner": "OLAF"}, 4),
        ({"owner": "nobody"}, 0),
        ({"min_duration_s": 0.5, "max_duration_s": 2}, 4),
        ({"min_duration_s": 60}, 0),
        ({"min_resolution": 90}, 4),
        ({"min_resolution": 91}, 0),
        ({"after": "2020-01-01"}, 4),
        ({"before": "2020-01-01"}, 0),
    ],
)
def test_filters_narrow_the_results(library: Library, params: dict[str, Any], count: int) -> None:
    assert search(library.owner, "zebra", **params)["total"] == count
    listed = library.owner.api.get("/api/v1/videos", params={"q": "zebra", **params}).raise_for_status().json()
    assert len(listed["items"]) == count


def test_pages_filter_by_links_and_forms(library: Library) -> None:
    get = library.owner.browser.get
    assert "4 videos" in get("/search?q=zebra").text
    assert "1 video<" in get("/search?q=zebra&visibility=private").text
    assert "1 video<" in get("/search?q=zebra&tag=zoo&tag=only-public").text
    assert "4 videos" in get("/search?q=zebra&length=short&uploaded=day&resolution=nonsense").text
    assert "0 videos" in get("/search?q=zebra&length=long").text
    assert get("/explore?q=zebra").headers["location"] == "/search?q=zebra"
    tag = get("/tags/ZOO")
    assert tag.status_code == 200
    assert f"/watch/{library.public}" in tag.text
    assert f"/watch/{library.private}" not in tag.text


def test_changes_are_found_at_the_next_request(library: Library) -> None:
    owner = library.owner
    changed = owner.send(b"no film", title="Quagga")
    assert ids(search(owner, "quagga")) == {changed}
    owner.change(changed, title="Kiwi", tags=["flightless"])
    assert search(owner, "quagga")["total"] == 0
    assert ids(search(owner, "flightless kiwi")) == {changed}
    assert owner.api.delete(f"/api/v1/videos/{changed}").status_code == 204
    assert search(owner, "kiwi")["total"] == 0
    owner.api.post(f"/api/v1/videos/{changed}/restore").raise_for_status()
    assert search(owner, "kiwi")["total"] == 1
    assert owner.api.delete(f"/api/v1/videos/{changed}", params={"now": "true"}).status_code == 204
    assert search(owner, "kiwi")["total"] == 0


def test_a_new_display_name_is_found_and_the_index_is_kept_after_a_kill(library: Library) -> None:
    owner, server = library.owner, library.server
    form = {"display_name": "Åse Quist", "csrf_token": csrf_of(owner.browser.get("/settings/profile").text)}
    assert owner.browser.post("/settings/profile", data=form).status_code == 303
    wait_until(lambda: search(library.visitor, "ase qui")["total"] == 1, "the new name is indexed", within_s=60)
    server.kill()
    server.start()
    assert search(library.visitor, "ase lighthouse")["total"] == 1


def test_words_that_mean_something_to_a_database_are_only_words(library: Library) -> None:
    for q in (
        '"',
        "zebra AND",
        "NEAR(zebra zoo)",
        "title:zebra",
        "zebra*",
        "{title}",
        "'; DROP TABLE videos",
        "^zebra",
    ):
        assert library.visitor.api.get("/api/v1/search", params={"q": q}).status_code == 200, q
        assert library.visitor.browser.get("/search", params={"q": q}).status_code == 200, q
    assert search(library.visitor, "zebra*")["total"] == 1


def test_wrong_filters_are_refused_in_words(library: Library) -> None:
    for name, value in (
        ("after", "soon"),
        ("min_duration_s", "-1"),
        ("min_resolution", "0"),
        ("cursor", "x"),
        ("sort", "best"),
    ):
        answer = library.visitor.api.get("/api/v1/search", params={"q": "zebra", name: value})
        assert answer.status_code in {400, 422}, name
        assert name in answer.json()["detail"] or name == "cursor"
