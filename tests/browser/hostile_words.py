"""Somebody who writes code wherever people or files can write words, and every page that shows what they wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.browser import walk
from tests.clips import make_clip, run_ffmpeg
from tests.people import PASSWORD, TUS, UPLOADS, Person, announced, csrf_of, sign_in
from tests.server import Server, serving

DEVICE = 'agent"><svg/onload=alert(1)>'
"""One word, for of a program that nobody knows the first word is shown; a slash becomes a space."""


def words(place: str) -> str:
    """What is written there: it would leave an attribute and an element, and no two places have the same."""
    return f"{place}\"'><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Page:
    """An address, and the places whose words stand there. `who` looks at it: owner, admin or nobody."""

    who: str
    path: str
    shows: tuple[str, ...] = ()
    status: int = 200


@dataclass
class Stage:
    """A server on which everything is written so. The owner is an admin as well, for whom others are people."""

    server: Server
    owner: Person
    admin: Person
    videos: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    def pages(self) -> list[Page]:
        """Every page that shows some of it."""
        video, binned, broken = (self.videos[name] for name in ("video", "binned", "broken"))
        watch, about = f"/watch/{video}", ("title", "description", "tag", "display", "chapter")
        query = words("query")
        asked = quote(query)
        person = self.paths["person"]
        return [
            *(Page(who, watch, about) for who in ("owner", "admin", "nobody")),
            *(Page(who, "/@mallory", ("title", "display")) for who in ("owner", "admin", "nobody")),
            *(Page(who, "/explore", ("title", "display")) for who in ("owner", "admin", "nobody")),
            *(Page(who, f"/explore?q={asked}", ("query",)) for who in ("owner", "nobody")),
            *(Page(who, f"/explore?q={quote(words('title'))}", ("title",)) for who in ("owner", "nobody")),
            Page("owner", "/library", ("title", "broken")),
            Page("owner", f"/library?q={asked}"),
            Page("owner", f"/library?binned={binned}", ("title",)),
            Page("owner", "/library/bin", ("binned",)),
            Page("owner", f"/library/bin/{binned}/delete", ("binned",)),
            Page("owner", f"{watch}/edit", ("title", "description", "tag", "label")),
            Page("owner", f"{watch}/delete", ("title",)),
            Page("owner", f"{watch}/share", ("title", "link")),
            Page("owner", f"{watch}/elsewhere"),
            Page("owner", f"{watch}/history", ("title",)),
            Page("owner", f"/watch/{broken}", ("broken",)),
            Page("owner", f"/watch/{broken}/history", ("broken",)),
            Page("owner", f"/watch/{self.videos['sent']}", ("guest",)),
            Page("owner", "/settings/profile", ("display",)),
            Page("owner", "/settings/sessions", ("agent",)),
            Page("owner", "/settings/tokens", ("token",)),
            Page("owner", "/settings/links", ("link", "title")),
            Page("owner", "/settings/links/new", ("title",)),
            Page("owner", "/settings/drops", ("drop",)),
            Page("owner", "/settings/space", ("title",)),
            Page("admin", "/admin/people", ("display",)),
            Page("admin", person, ("display",)),
            Page("admin", f"{person}/delete"),
            Page("admin", "/admin/people/invites", ("invite",)),
            Page("admin", "/admin/audit", ("invite", "token", "link", "drop", "binned")),
            Page("admin", f"/admin/audit?person={asked}", ("query",)),
            Page("admin", "/admin/space", ("title",)),
            Page("admin", "/admin/jobs"),
            Page("admin", "/admin/storage"),
            Page("nobody", self.paths["link"], ("title", "description")),
            Page("nobody", self.paths["locked"]),
            Page("nobody", self.paths["drop"], ("drop",)),
            Page("nobody", self.paths["join"]),
            Page("nobody", f"/login?next=/{asked}"),
            Page("nobody", f"/watch/{asked}", status=404),
            Page("owner", f"/@{asked}", status=404),
        ]


def texts(place: str) -> str:
    """What is to be read of it."""
    return DEVICE.replace("/", " ") if place == "agent" else words(place)


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """Write it everywhere."""
    with serving(STREAMTIME_ACCOUNTS__REGISTRATION="open") as server:
        stage = Stage(server, server.person("mallory"), server.person("boss", admin=True))
        _videos(stage, folder)
        _links(stage)
        _accounts(stage)
        yield stage


def hostile_film(folder: Path) -> Path:
    """A film with such words in all that a container can say."""
    chapters, captions, film = folder / "chapters.txt", folder / "captions.srt", folder / "film.mkv"
    title = words("chapter").replace("=", "\\=")
    chapters.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle={title}\n")
    captions.write_text(f"1\n00:00:00,000 --> 00:00:02,000\n{words('caption')}\n")
    plain = make_clip(folder / "plain.mp4", duration_s=2, width=320, height=180)
    said = [("-metadata", f"{name}={words(name)}") for name in ("title", "artist", "comment", "album")]
    said += [("-metadata:s:a:0", f"title={words('track')}"), ("-metadata:s:s:0", f"title={words('subtitle')}")]
    run_ffmpeg(
        "-i", str(plain), "-i", str(captions), "-i", str(chapters), "-map", "0", "-map", "1", "-map_chapters", "2",
        *(argument for pair in said for argument in pair), "-c", "copy", "-c:s", "srt", str(film),
    )  # fmt: skip
    return film


def _videos(stage: Stage, folder: Path) -> None:
    owner, film = stage.owner, hostile_film(folder).read_bytes()
    video = owner.send(film, filename=words("file") + ".mkv", visibility="public")
    walk.await_state(owner, video, "ready")
    owner.change(video, title=words("title"), description=words("description"), tags=[words("tag")])
    track = f"1\n00:00:00,000 --> 00:00:02,000\n{words('caption')}\n".encode()
    asked = {"language": "en", "label": words("label")}
    owner.api.post(f"/api/v1/videos/{video}/captions", params=asked, content=track).raise_for_status()
    broken = owner.send(b"no film" * 50, filename=words("broken") + ".mkv", title=words("broken"))
    binned = owner.send(b"nor this" * 50, filename="gone.mkv", title=words("binned"))
    for unplayable in (broken, binned):
        walk.await_state(owner, unplayable, "failed")
    owner.api.delete(f"/api/v1/videos/{binned}").raise_for_status()
    stage.videos.update(video=video, broken=broken, binned=binned)


def _links(stage: Stage) -> None:
    owner, videos = stage.owner, [stage.videos["video"]]
    stage.paths["link"] = _path(owner, "links", videos=videos, label=words("link"))
    stage.paths["locked"] = _path(owner, "links", videos=videos, label=words("link"), password="open sesame")
    stage.paths["drop"] = _path(owner, "drops", label=words("drop"))
    owner.api.post("/api/v1/tokens", json={"label": words("token")}).raise_for_status()
    guest = stage.server.client(**{"Streamtime-Drop": stage.paths["drop"].rpartition("/")[2]})
    facts = {"filename": words("sent") + ".mkv", "guest": words("guest")}
    guest.post(UPLOADS, headers={**TUS, **announced(9, **facts)}).raise_for_status()
    listed = owner.api.get("/api/v1/videos", params={"limit": 100}).json()["items"]
    stage.videos["sent"] = next(item["id"] for item in listed if item["guest_name"])


def _accounts(stage: Stage) -> None:
    owner, admin = stage.owner, stage.admin
    posted(owner.browser, "/settings/profile", display_name=words("display"))
    stranger = stage.server.client(**{"User-Agent": DEVICE})
    assert sign_in(stranger, owner.name, PASSWORD).status_code == 303
    invite = {"label": words("invite"), "role": "member", "uses": "1", "days": "7"}
    made = posted(admin.browser, "/admin/people/invites", **invite).text
    stage.paths["join"] = "/join/" + made.partition("/join/")[2].partition("<")[0].partition('"')[0].strip()
    users = admin.api.get("/api/v1/admin/users").json()["items"]
    stage.paths["person"] = "/admin/people/" + next(user["id"] for user in users if user["name"] == owner.name)


def posted(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """The answer to a form."""
    answer = client.post(path, data=fields, headers={"X-CSRF-Token": csrf_of(client.get(path).text)})
    assert answer.status_code in {200, 303}, answer.text
    return answer


def _path(owner: Person, kind: str, **wishes: object) -> str:
    url: str = owner.api.post(f"/api/v1/{kind}", json=wishes).raise_for_status().json()["url"]
    return url.removeprefix(owner.house.url)
