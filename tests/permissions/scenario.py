"""The callers of the permission matrix, the videos, and the values in URLs."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from select import select
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.images import make_picture
from tests.in_process import InProcessApplication, open_in_process
from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person, csrf_of, sign_in
from tests.permissions.rules import LINKED, SHARED_WITH, STATES, TICKETS, State, Who
from tests.permissions.tickets import TicketFactory, TicketSource
from tests.server import Server, running_server, wait_until
from tests.system.player import fetch, video_playlists

CSRF = "X-CSRF-Token"

FIELDS = ("title", "visibility", "state", "renditions", "captions", "created_at")
"""State that changes if a request was allowed by mistake."""


class Wire:
    """A connection for thousands of requests, which takes a quarter of the time that httpx takes to send them.

    Cookies are those of the request alone: what an answer sets is not kept.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = HTTPConnection(address.hostname or "", address.port, timeout=90)

    def close(self) -> None:
        self._connection.close()

    def ask(self, request: httpx.Request) -> tuple[int, str]:
        """The status and location of the answer. An event stream is left as soon as it has begun."""
        connection = self._connection
        if connection.sock is not None and select([connection.sock], [], [], 0)[0]:
            connection.close()  # the server has ended it meanwhile
        target = request.url.raw_path.decode()
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.multi_items():
            connection.putheader(name, value)
        connection.endheaders(request.read())
        with connection.getresponse() as answer:
            if answer.getheader("Content-Type", "").startswith("text/event-stream"):
                connection.close()
            else:
                answer.read()
            return answer.status, answer.getheader("Location", "")


@dataclass(frozen=True)
class VideoParts:
    """A video and the values of its URLs; what does not exist gets a plausible name."""

    id: str
    parts: dict[str, str]


Ask = Callable[[httpx.Request], tuple[int, str]]
"""Sends a request and returns the status and location of the response."""


@dataclass
class Scenario:
    """All callers and videos, on one server. `clients` make the requests that `ask` sends."""

    server: Server
    people: dict[str, Person]
    clients: dict[Who, httpx.Client]
    ask: Ask
    in_process: bool = False
    videos: dict[State, VideoParts] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    """Further values in URLs: links and tokens of the owner, and an uninvolved account."""
    tickets: dict[Who, Callable[[str], str]] = field(default_factory=dict)
    """Creates a caller's ticket for a video."""
    made_tickets: dict[tuple[Who, str], str] = field(default_factory=dict)

    @property
    def ticket_factory(self) -> TicketFactory:
        return TicketFactory(self.server.data_dir / "streamtime.db")

    @property
    def owner(self) -> Person:
        return self.people["owner"]

    def throwaway(self, state: State) -> VideoParts:
        """Another video of the owner, for a route that changes its video."""
        if state == "deleted":
            video = self.owner.send(b"no film", filename="no.mp4", visibility="public")
            self.owner.api.delete(f"/api/v1/videos/{video}").raise_for_status()
        else:
            video = self.video_of(self.owner.begin(5, filename="no.mp4", visibility=state))
        parts = {"video": video, "upload": self.upload(), "playlist": self.playlist(video, state)}
        self.share(video, parts["playlist"], state)
        return VideoParts(video, {**self.videos["public"].parts, **parts})

    def share(self, video: str, playlist: str, state: State) -> None:
        """Share a video and a playlist of the owner by name and with a group."""
        for each in () if state == "deleted" else (f"videos/{video}", f"playlists/{playlist}"):
            for grantee in ("people/named", f"groups/{self.things['group']}"):
                self.owner.api.put(f"/api/v1/{each}/grants/{grantee}").raise_for_status()

    def playlist(self, video: str, state: State) -> str:
        """A new playlist of the owner with that visibility, of that video and a public one; maybe deleted."""
        visibility = state if state in {"private", "members", "unlisted"} else "public"
        made = self.owner.api.post("/api/v1/playlists", json={"title": f"With a {state} one", "visibility": visibility})
        playlist: str = made.raise_for_status().json()["id"]
        if state == "deleted":
            self.owner.api.delete(f"/api/v1/playlists/{playlist}").raise_for_status()
        else:
            for each in (video, self.things["item"]):
                self.owner.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": each}).raise_for_status()
        return playlist

    def with_ticket(self, who: Who, shown: VideoParts) -> VideoParts:
        """The video with the caller's ticket in its URLs; callers without one get an expired one of the owner."""
        kind = who if who in self.tickets else "expired ticket"
        if (kind, shown.id) not in self.made_tickets:
            self.made_tickets[kind, shown.id] = self.tickets[kind](shown.id)
        return replace(shown, parts={**shown.parts, "ticket": self.made_tickets[kind, shown.id]})

    def upload(self) -> str:
        """A new upload of the owner."""
        return self.owner.begin(5, filename="no.mp4").rpartition("/")[2]

    def video_of(self, upload: str) -> str:
        """The video of an upload."""
        return self.owner.api.head(upload, headers={"Tus-Resumable": "1.0.0"}).headers["Streamtime-Video"]

    def snapshot(self) -> dict[State, Any]:
        """The state of all videos, as their owner sees it."""
        seen = {state: self.owner.look(shown.id) for state, shown in self.videos.items() if state != "deleted"}
        binned = self.owner.api.get("/api/v1/videos", params={"state": "binned", "limit": 100}).json()["items"]
        there = any(video["id"] == self.videos["deleted"].id for video in binned)
        users = self.people["admin"].api.get("/api/v1/admin/users").json()["items"]
        people = {user["name"]: (user["role"], user["state"]) for user in users}
        own = [len(self.owner.browser.get(f"/api/v1/{kind}").json()) for kind in ("links", "drops")]
        kept = (shown.parts["playlist"] for state, shown in self.videos.items() if state != "deleted")
        playlists = {each: self.owner.api.get(f"/api/v1/playlists/{each}").json() for each in kept}
        return (
            {"people": people, "own": own, "playlists": playlists}
            | {state: {name: body[name] for name in FIELDS} for state, body in seen.items()}
            | {"deleted": there}
        )


@contextmanager
def open_scenario(folder: Path) -> Iterator[Scenario]:
    """A server with all callers and videos. Encoding is paused at the end, so that one video stays in processing."""
    with running_server(STREAMTIME_SERVER__FRAME_ANCESTORS="https://blog.example") as server:
        server.run("user", "create", "stranger", "--role", "viewer", "--password-stdin", given=Person.password + "\n")
        people = {who: server.person(who) for who in ("member", "owner")}
        people["admin"] = server.person("admin", admin=True)
        people |= {who: server.person(who.replace(" ", "-")) for who in SHARED_WITH}
        people["stranger"] = Person(server, "stranger")
        cast = Scenario(server, people, {}, _not_yet)
        cast.clients.update(_clients(server, people))
        revoked = _revoked_session(cast)
        small = make_multitrack_clip(folder / "small.mkv", duration_s=2)
        large = make_multitrack_clip(folder / "large.mkv", duration_s=2, size="640x360")
        _send(cast, small.read_bytes(), large.read_bytes())
        cast.tickets.update(_tickets(cast, revoked))
        left = f"/api/v1/groups/{cast.things['group']}/members/removed-from-the-group"
        cast.owner.api.delete(left).raise_for_status()
        with closing(Wire(server.url)) as wire:
            yield replace(cast, ask=wire.ask)


def _not_yet(request: httpx.Request) -> tuple[int, str]:
    raise AssertionError(f"{request.url} before the scenario is complete")


@contextmanager
def without_http(made: Scenario) -> Iterator[Scenario]:
    """The same without HTTP: the server has stopped, and its application answers in this process."""
    assert made.server.stop() == 0
    with open_in_process(made.server) as application:
        people = {who: _moved(person, application) for who, person in made.people.items()}
        yield replace(made, people=people, ask=application.ask, in_process=True)


def _moved(person: Person, application: InProcessApplication) -> Person:
    """The same person, with the same token and session."""
    found = Person(application, person.name)
    found.__dict__["token"] = person.token
    found.__dict__["browser"] = application.client(**{CSRF: person.browser.headers[CSRF]})
    found.browser.cookies.update(person.browser.cookies)
    return found


def _clients(server: Server, people: dict[str, Person]) -> dict[Who, httpx.Client]:
    clients = {who: _browser(person) for who, person in people.items()}
    reading = server.run("token", "create", "member", "--label", "reads", "--scope", "read").split()[-1]
    clients["token of another"] = server.client(Authorization=f"Bearer {reading}")
    return {**dict.fromkeys(("anonymous", *TICKETS), server.client()), **clients}


def _revoked_session(cast: Scenario) -> TicketSource:
    """Add a caller with an ended session of the owner, and return that session."""
    client = cast.server.client()
    sign_in(client, "owner", Person.password)
    headers = {"X-CSRF-Token": csrf_of(client.get("/library").text)}
    cookies, session = dict(client.cookies), cast.ticket_factory.session("owner")
    assert client.post("/logout", headers=headers).status_code == 303
    cast.clients["revoked session"] = cast.server.client(**headers)
    cast.clients["revoked session"].cookies.update(cookies)
    return session


def _tickets(cast: Scenario, revoked: TicketSource) -> dict[Who, Callable[[str], str]]:
    """The ticket factories of all callers with tickets."""
    mint, owner = cast.ticket_factory, cast.ticket_factory.session("owner")
    private, public = cast.videos["private"].id, cast.videos["public"].id
    assert "/t/" in cast.owner.browser.get(f"/watch/{private}/elsewhere").text, "this creates the first key"
    shared = [shown.id for state, shown in cast.videos.items() if state != "deleted"]
    taken_back = cast.owner.browser.post("/api/v1/links", json={"videos": shared}).raise_for_status().json()["id"]
    no_link = mint.link(taken_back)
    cast.owner.browser.delete(f"/api/v1/links/{taken_back}").raise_for_status()

    def by(ground: TicketSource, **wishes: int) -> Callable[[str], str]:
        return lambda video: mint.ticket(ground, video, **wishes)

    return {
        "session ticket": by(mint.session("member")),
        "admin ticket": by(mint.session("admin")),
        "token ticket": by(mint.token("member")),
        "link ticket": by(mint.link(cast.things["link"])),
        "ticket to another": lambda video: mint.ticket(owner, private if video == public else public),
        "expired ticket": by(owner, lasts_s=-60),
        "revoked ticket": by(revoked),
        "revoked link ticket": by(no_link),
    }


def _browser(person: Person) -> httpx.Client:
    client = person.browser
    client.headers.update({CSRF: csrf_of(client.get("/explore").text)})
    return client


def _send(cast: Scenario, small: bytes, large: bytes) -> None:
    owner = cast.owner
    sent: dict[State, str] = {}
    for number, state in enumerate(state for state in STATES if state != "processing"):
        data = b"no film at all" if state == "failed" else small + bytes([number])
        visibility = state if state in {"private", "members", "unlisted"} else "public"
        sent[state] = owner.send(data, filename="film.mkv", title=f"One that is {state}", visibility=visibility)
    for state, video in sent.items():
        _wait(owner, video, "failed" if state == "failed" else "ready")
    cast.server.restart(STREAMTIME_TRANSCODE__QUIET_HOURS=f"{_in_hours(3)}-{_in_hours(4)}")
    sent["processing"] = owner.send(large, filename="film.mkv", title="One that is processing", visibility="public")
    _wait(owner, sent["processing"], "processing")
    cast.things.update(_things(cast, [sent[state] for state in LINKED]), item=sent["public"])
    for state, video in sent.items():
        owner.change(video, embeddable=True)
        parts = {**_parts(cast, video), "playlist": cast.playlist(video, state)}
        cast.videos[state] = VideoParts(video, parts)
        cast.share(video, parts["playlist"], state)
    owner.api.delete(f"/api/v1/videos/{sent['deleted']}").raise_for_status()


def _things(cast: Scenario, linked: list[str]) -> dict[str, str]:
    cast.server.run("user", "create", "bystander", "--password-stdin", given=Person.password + "\n")
    owner, users = cast.owner.browser, cast.people["admin"].api.get("/api/v1/admin/users").json()["items"]
    person = next(user["id"] for user in users if user["name"] == "bystander")
    face = make_picture(cast.server.folder / "face.png")
    shown = (
        Person(cast.server, "bystander").api.put("/api/v1/me/picture", content=face).raise_for_status().json()["url"]
    )
    link = owner.post("/api/v1/links", json={"videos": linked}).raise_for_status().json()["id"]
    drop = owner.post("/api/v1/drops", json={"label": "Send"}).raise_for_status().json()["id"]
    token = owner.post("/api/v1/tokens", json={"label": "a", "scope": "read"}).raise_for_status().json()["id"]
    saved = owner.post("/api/v1/me/filters", json={"name": "All", "query": ""}).raise_for_status().json()["id"]
    group = owner.post("/api/v1/groups", json={"name": "Family"}).raise_for_status().json()["id"]
    for member in ("in-a-group", "removed-from-the-group"):
        owner.put(f"/api/v1/groups/{group}/members/{member}").raise_for_status()
    notice = owner.get("/api/v1/me/notices").raise_for_status().json()["items"][0]["id"]
    session = re.findall(r"/settings/sessions/(\w+)/end", owner.get("/settings/sessions").text)[0]
    return {
        "link": link, "drop": drop, "token": token, "session": session, "person": person, "user": person,
        "saved": saved, "notice": notice, "invite": "none", "picture": shown.rpartition("/")[2],
        "group": group, "kind": "people", "grantee": "named", "subject": "bystander",
    }  # fmt: skip


def _wait(owner: Person, video: str, state: str) -> None:
    wait_until(lambda: owner.look(video)["state"] == state, state, within_s=120)
    if state != "failed":
        wait_until(lambda: owner.look(video)["urls"]["storyboard"], "stills", within_s=120)


def _parts(cast: Scenario, video: str) -> dict[str, str]:
    """The values of the variables in the URLs of a video."""
    owner = cast.owner
    parts = {
        "video": video, "generation": "1", "rendition": "none", "number": "0", "height": "1", "captions": "en",
        "name": "none", "rung": "240p", "task": "collect", "upload": cast.upload(), "at_owner": "@owner",
        "path": "none", "tag": "videos", "server": cast.server.url, **cast.things,
    }  # fmt: skip
    if not owner.look(video)["playable"]:
        return parts
    playlist = video_playlists(owner.api, owner.look(video)["urls"]["master"])[0]
    assert fetch(owner.api, playlist).segment_uris
    found = re.fullmatch(r"/media/\w+/(\d+)/(\w+)/playlist\.m3u8", httpx.URL(playlist).path)
    assert found, playlist
    heights = [name.removesuffix("p") for name in owner.look(video)["urls"]["mp4"]]
    return {**parts, "generation": found[1], "rendition": found[2], "height": [*heights, "1"][0]}


def _in_hours(hours: int) -> str:
    return (datetime.now().astimezone() + timedelta(hours=hours)).strftime("%H:00")
