"""Somebody who writes code wherever people or files can write words, and every page that shows what they wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.browser import actions
from tests.clips import make_clip, run_ffmpeg
from tests.people import PASSWORD, TUS, UPLOADS, Person, csrf_of, sign_in, upload_headers
from tests.server import Server, running_server

DEVICE = 'agent"><svg/onload=alert(1)>'
"""One word, for of a program that nobody knows the first word is shown; a slash becomes a space."""


def payload(place: str) -> str:
    """What is written there: it would leave an attribute and an element, and no two places have the same."""
    return f"{place}\"'><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class InjectionPage:
    """An address, and the places whose words stand there. `who` looks at it: owner, admin or nobody."""

    who: str
    path: str
    shows: tuple[str, ...] = ()
    status: int = 200


@dataclass
class InjectionServer:
    """A server on which everything is written so. The owner is an admin as well, for whom others are people."""

    server: Server
    owner: Person
    admin: Person
    videos: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def pages(self) -> list[InjectionPage]:
        """Every page that shows some of it."""
        video, binned, broken = (self.videos[name] for name in ("video", "binned", "broken"))
        watch, about = f"/watch/{video}", ("title", "description", "tag", "display", "chapter")
        query = payload("query")
        asked = quote(query)
        person = self.paths["person"]
        return [
            *(InjectionPage(who, watch, about) for who in ("owner", "admin", "nobody")),
            *(InjectionPage(who, "/@mallory", ("title", "display", "about")) for who in ("owner", "admin", "nobody")),
            *(InjectionPage(who, "/explore", ("title", "display")) for who in ("owner", "admin", "nobody")),
            *(InjectionPage(who, f"/search?q={asked}", ("query",)) for who in ("owner", "nobody")),
            *(InjectionPage(who, f"/search?q={quote(payload('title'))}", ("title",)) for who in ("owner", "nobody")),
            InjectionPage("owner", "/library", ("title", "broken")),
            InjectionPage("owner", f"/library?q={asked}"),
            InjectionPage("owner", "/notices", ("title", "broken")),
            InjectionPage("owner", "/notices/panel", ("title", "broken")),
            InjectionPage("owner", "/watch-later", ("title", "display")),
            InjectionPage("owner", f"{watch}/playlists", ("title",)),
            InjectionPage("owner", f"/library?binned={binned}", ("title",)),
            InjectionPage("owner", "/library/bin", ("binned",)),
            InjectionPage("owner", f"/library/bin/{binned}/delete", ("binned",)),
            InjectionPage("owner", f"{watch}/edit", ("title", "description", "tag", "label")),
            InjectionPage("owner", f"{watch}/delete", ("title",)),
            InjectionPage("owner", f"{watch}/share", ("title", "link")),
            InjectionPage("owner", f"{watch}/elsewhere"),
            InjectionPage("nobody", f"/watch/{self.videos['sent']}/related", status=404),
            InjectionPage("owner", f"/watch/{self.videos['sent']}/related", ("title", "display")),
            InjectionPage("owner", f"{watch}/history", ("title",)),
            InjectionPage("owner", f"/watch/{broken}", ("broken",)),
            InjectionPage("owner", f"/watch/{broken}/history", ("broken",)),
            InjectionPage("owner", f"/watch/{self.videos['sent']}", ("guest",)),
            InjectionPage("owner", "/settings/profile", ("display", "about")),
            InjectionPage("owner", "/settings/sessions", ("agent",)),
            InjectionPage("owner", "/settings/tokens", ("token",)),
            InjectionPage("owner", "/settings/links", ("link", "title")),
            InjectionPage("owner", "/settings/links/new", ("title",)),
            InjectionPage("owner", "/settings/drops", ("drop",)),
            InjectionPage("owner", "/settings/space", ("title",)),
            InjectionPage("admin", "/admin/people", ("display",)),
            InjectionPage("admin", person, ("display",)),
            InjectionPage("admin", f"{person}/delete"),
            InjectionPage("admin", "/admin/people/invites", ("invite",)),
            InjectionPage("admin", "/admin/audit", ("invite", "token", "link", "drop", "binned")),
            InjectionPage("admin", f"/admin/audit?person={asked}", ("query",)),
            InjectionPage("admin", "/admin/space", ("title",)),
            InjectionPage("admin", "/admin"),
            InjectionPage("admin", "/admin/jobs"),
            InjectionPage("admin", "/admin/storage"),
            InjectionPage("nobody", self.paths["link"], ("title", "description")),
            InjectionPage("nobody", self.paths["locked"]),
            InjectionPage("nobody", self.paths["playlist link"], ("title", "playlist")),
            InjectionPage("owner", self.paths["playlist"], ("title", "playlist")),
            InjectionPage("owner", f"{self.paths['playlist']}/share", ("playlist",)),
            InjectionPage("owner", f"{self.paths['playlist']}/people", ("playlist", "group")),
            InjectionPage("owner", f"{watch}/people", ("title", "group")),
            InjectionPage("owner", "/groups", ("group",)),
            InjectionPage("owner", self.paths["group"], ("group",)),
            InjectionPage("owner", f"{self.paths['group']}/delete", ("group",)),
            InjectionPage("admin", "/groups?every=yes", ("group",)),
            InjectionPage("admin", self.paths["group"], ("group", "display")),
            InjectionPage("admin", "/people-names?person=mallory", ("display",)),
            InjectionPage("admin", "/shared", ("title", "display", "playlist")),
            InjectionPage("admin", "/following", ("title", "display", "playlist")),
            InjectionPage("nobody", self.paths["drop"], ("drop",)),
            InjectionPage("nobody", self.paths["join"]),
            InjectionPage("nobody", f"/login?next=/{asked}"),
            InjectionPage("nobody", f"/watch/{asked}", status=404),
            InjectionPage("owner", f"/@{asked}", status=404),
        ]


def payload_text(place: str) -> str:
    """What is to be read of it."""
    return DEVICE.replace("/", " ") if place == "agent" else payload(place)


@contextmanager
def open_injection_server(folder: Path) -> Iterator[InjectionServer]:
    """Write it everywhere."""
    with running_server(STREAMTIME_ACCOUNTS__REGISTRATION="open") as server:
        stage = InjectionServer(server, server.person("mallory"), server.person("boss", admin=True))
        _videos(stage, folder)
        _links(stage)
        _accounts(stage)
        _groups(stage)
        yield stage


def hostile_film(folder: Path) -> Path:
    """A film with such words in all that a container can say."""
    chapters, captions, film = folder / "chapters.txt", folder / "captions.srt", folder / "film.mkv"
    title = payload("chapter").replace("=", "\\=")
    chapters.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle={title}\n")
    captions.write_text(f"1\n00:00:00,000 --> 00:00:02,000\n{payload('caption')}\n")
    plain = make_clip(folder / "plain.mp4", duration_s=2, width=320, height=180)
    said = [("-metadata", f"{name}={payload(name)}") for name in ("title", "artist", "comment", "album")]
    said += [("-metadata:s:a:0", f"title={payload('track')}"), ("-metadata:s:s:0", f"title={payload('subtitle')}")]
    run_ffmpeg(
        "-i", str(plain), "-i", str(captions), "-i", str(chapters), "-map", "0", "-map", "1", "-map_chapters", "2",
        *(argument for pair in said for argument in pair), "-c", "copy", "-c:s", "srt", str(film),
    )  # fmt: skip
    return film


def _videos(stage: InjectionServer, folder: Path) -> None:
    owner, film = stage.owner, hostile_film(folder).read_bytes()
    video = owner.send(film, filename=payload("file") + ".mkv", visibility="public")
    actions.wait_state(owner, video, "ready")
    owner.change(video, title=payload("title"), description=payload("description"), tags=[payload("tag")])
    track = f"1\n00:00:00,000 --> 00:00:02,000\n{payload('caption')}\n".encode()
    asked = {"language": "en", "label": payload("label")}
    owner.api.post(f"/api/v1/videos/{video}/captions", params=asked, content=track).raise_for_status()
    owner.api.put(f"/api/v1/me/watch-later/{video}").raise_for_status()
    broken = owner.send(b"no film" * 50, filename=payload("broken") + ".mkv", title=payload("broken"))
    binned = owner.send(b"nor this" * 50, filename="gone.mkv", title=payload("binned"))
    for unplayable in (broken, binned):
        actions.wait_state(owner, unplayable, "failed")
    owner.api.delete(f"/api/v1/videos/{binned}").raise_for_status()
    stage.videos.update(video=video, broken=broken, binned=binned)


def _links(stage: InjectionServer) -> None:
    owner, videos = stage.owner, [stage.videos["video"]]
    stage.paths["link"] = _path(owner, "links", videos=videos, label=payload("link"))
    stage.paths["locked"] = _path(owner, "links", videos=videos, label=payload("link"), password="open sesame")
    facts = {"title": payload("playlist"), "description": payload("playlist")}
    playlist = owner.api.post("/api/v1/playlists", json=facts).raise_for_status().json()["id"]
    for video in videos:
        owner.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": video}).raise_for_status()
    stage.paths["playlist"] = f"/playlists/{playlist}"
    stage.paths["playlist link"] = _path(owner, "links", playlist=playlist)
    stage.paths["drop"] = _path(owner, "drops", label=payload("drop"))
    owner.api.post("/api/v1/tokens", json={"label": payload("token")}).raise_for_status()
    guest = stage.server.client(**{"Streamtime-Drop": stage.paths["drop"].rpartition("/")[2]})
    facts = {"filename": payload("sent") + ".mkv", "guest": payload("guest")}
    guest.post(UPLOADS, headers={**TUS, **upload_headers(9, **facts)}).raise_for_status()
    listed = owner.api.get("/api/v1/videos", params={"limit": 100}).json()["items"]
    stage.videos["sent"] = next(item["id"] for item in listed if item["guest_name"])


def _accounts(stage: InjectionServer) -> None:
    owner, admin = stage.owner, stage.admin
    posted(owner.browser, "/settings/profile", display_name=payload("display"), about=payload("about"))
    stranger = stage.server.client(**{"User-Agent": DEVICE})
    assert sign_in(stranger, owner.name, PASSWORD).status_code == 303
    invite = {"label": payload("invite"), "role": "member", "uses": "1", "days": "7"}
    made = posted(admin.browser, "/admin/people/invites", **invite).text
    stage.paths["join"] = "/join/" + made.partition("/join/")[2].partition("<")[0].partition('"')[0].strip()
    users = admin.api.get("/api/v1/admin/users").json()["items"]
    stage.paths["person"] = "/admin/people/" + next(user["id"] for user in users if user["name"] == owner.name)


def _groups(stage: InjectionServer) -> None:
    """The group of the owner has its owner and the admin in it."""
    api, name = stage.owner.api, payload("group")[:60]
    group = api.post("/api/v1/groups", json={"name": name}).raise_for_status().json()["id"]
    for member in (stage.owner, stage.admin):
        api.put(f"/api/v1/groups/{group}/members/{member.name}").raise_for_status()
    for shared in (f"videos/{stage.videos['video']}", stage.paths["playlist"].lstrip("/")):
        api.put(f"/api/v1/{shared}/grants/groups/{group}").raise_for_status()
    for followed in (f"people/{stage.owner.name}", stage.paths["playlist"].lstrip("/")):
        stage.admin.api.put(f"/api/v1/me/following/{followed}").raise_for_status()
    stage.paths["group"] = f"/groups/{group}"


def posted(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """The answer to a form."""
    answer = client.post(path, data=fields, headers={"X-CSRF-Token": csrf_of(client.get(path).text)})
    assert answer.status_code in {200, 303}, answer.text
    return answer


def _path(owner: Person, kind: str, **wishes: object) -> str:
    url: str = owner.api.post(f"/api/v1/{kind}", json=wishes).raise_for_status().json()["url"]
    return url.removeprefix(owner.server.url)
