"""A server with something on every page, and the addresses of those pages: what the tests of looks go through."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser import actions
from tests.clips import make_clip
from tests.fake_oidc_provider import running_provider
from tests.images import make_picture
from tests.people import Person
from tests.server import Server, running_server, wait_until

LONG = "A very long title, as cameras and people make them, that goes on until it has to be cut off " * 2
CAPTIONS = b"1\n00:00:00,000 --> 00:00:01,000\nThe sea\n"
LOCKED = {"label": "For everybody who came", "password": "open sesame", "max_views": 5, "days": 30}
DESCRIPTION = "\n".join(["We arrive at 0:01, see http://example.org/sea for more."] + ["A line of text."] * 8)


@dataclass(frozen=True)
class SampleServer:
    """Videos by what is special about them."""

    server: Server
    owner: Person
    ready: str
    portrait: str
    failed: str
    uploading: str
    binned: str
    copy: str
    link: str
    locked: str
    drop: str
    person: str
    captions: str
    playlist: str
    group: str

    def member_pages(self) -> dict[str, str]:
        """Every page that its owner sees, by name."""
        return {
            "explore": "/explore",
            "search": "/search?q=sea&sort=new",
            "search for nothing": "/search?q=nothing+like+it",
            "tags": "/tags",
            "watch history": "/history",
            "watch later": "/watch-later",
            "favourites": "/favourites",
            "tag": "/tags/sea",
            "user": f"/@{self.owner.name}",
            "library": "/library",
            "playlists": "/playlists",
            "playlist": f"/playlists/{self.playlist}",
            "edit a playlist": f"/playlists/{self.playlist}/edit",
            "delete a playlist": f"/playlists/{self.playlist}/delete",
            "new playlist": "/playlists/new",
            "share a playlist": f"/playlists/{self.playlist}/share",
            "share a playlist with people": f"/playlists/{self.playlist}/people",
            "share with people": f"/watch/{self.ready}/people",
            "shared with you": "/shared",
            "following": "/following",
            "somebody to follow": "/@ben",
            "groups": "/groups",
            "groups of all accounts": "/groups?every=yes",
            "group": f"/groups/{self.group}",
            "delete a group": f"/groups/{self.group}/delete",
            "add to playlist": f"/watch/{self.ready}/playlists",
            "watch in a playlist": f"/watch/{self.ready}?list={self.playlist}",
            "notices": "/notices",
            "settings of notices": "/settings/notices",
            "upload": "/upload",
            "watch": f"/watch/{self.ready}",
            "watch portrait": f"/watch/{self.portrait}",
            "what to watch next": f"/watch/{self.ready}/related",
            "watch failed": f"/watch/{self.failed}",
            "watch uploading": f"/watch/{self.uploading}",
            "edit": f"/watch/{self.ready}/edit",
            "trim and cut": f"/watch/{self.ready}/cut",
            "history": f"/watch/{self.ready}/history",
            "delete captions": f"/watch/{self.ready}/captions/{self.captions}/delete",
            "history failed": f"/watch/{self.failed}/history",
            "status": "/admin",
            "settings of the server": "/admin/settings",
            "style guide": "/admin/styleguide",
            "offline": "/offline",
            "jobs": "/admin/jobs",
            "storage": "/admin/storage",
            "delete": f"/watch/{self.ready}/delete",
            "delete permanently from the library": f"/watch/{self.ready}/delete?now=yes",
            "library after deleting": f"/library?binned={self.binned}",
            "library after deleting many": "/library?sort=title&did=delete&done=2&refused=1&batch=abc",
            "save a filter": "/library/filters/new?state=failed",
            "trash": "/library/bin",
            "empty the trash": "/library/bin/empty",
            "delete permanently": f"/library/bin/{self.binned}/delete",
            "sessions": "/settings/sessions",
            "tokens": "/settings/tokens",
            "audit": "/admin/audit",
            "space": "/settings/space",
            "people": "/admin/people",
            "new account": "/admin/people/new",
            "one person": f"/admin/people/{self.person}",
            "delete an account": f"/admin/people/{self.person}/delete",
            "invitations": "/admin/people/invites",
            "settings": "/settings",
            "appearance and playback": "/settings/appearance",
            "profile": "/settings/profile",
            "password": "/settings/password",
            "second factor": "/settings/second-factor",
            "sign in with a provider": "/settings/provider",
            "delete one's own account": "/settings/account",
            "space of all users": "/admin/space",
            "edit a second copy": f"/watch/{self.copy}/edit",
            "share": f"/watch/{self.ready}/share",
            "share what is hidden": f"/watch/{self.copy}/share",
            "play elsewhere": f"/watch/{self.copy}/elsewhere",
            "shared links": "/settings/links",
            "share several": "/settings/links/new",
            "links for sending": "/settings/drops",
            "documentation of the API": "/api/docs",
            "documentation of accounts": "/api/docs/account",
            "documentation of videos": "/api/docs/videos",
            "documentation of the library": "/api/docs/library",
            "documentation of uploads": "/api/docs/uploads",
            "error": "/watch/nothing-here",
        }

    def guest_pages(self) -> dict[str, str]:
        """What somebody without an account sees."""
        return {
            "login": "/login",
            "not signed in by a provider": "/login/oidc/callback",
            "explore as a guest": "/explore",
            "playlists as a guest": "/playlists",
            "playlist as a guest": f"/playlists/{self.playlist}",
            "error as a guest": "/nothing-here",
            "shared": self.link,
            "shared with a password": self.locked,
            "a link to nowhere": "/s/nothing",
            "send": self.drop,
        }


@contextmanager
def open_sample_server(folder: Path) -> Iterator[SampleServer]:
    """A server with videos in several shapes and states."""
    wide = make_clip(folder / "wide.mp4", duration_s=2, width=640, height=360)
    tall = make_clip(folder / "tall.mp4", duration_s=2, width=180, height=320)
    with running_provider() as provider, running_server(**provider.settings()) as server:
        owner = server.person("ada", admin=True)
        owner.api.put("/api/v1/me/picture", content=make_picture(folder / "face.png")).raise_for_status()
        ready = actions.upload_and_wait(owner, wide, title="By the sea", visibility="public")
        owner.change(ready, description=DESCRIPTION, tags=["summer", "sea", "a tag of several words"])
        owner.api.put(f"/api/v1/videos/{ready}/position", json={"position_ms": 1000, "played_ms": 1000})
        owner.api.put(f"/api/v1/me/watch-later/{ready}").raise_for_status()
        wait_until(lambda: owner.look(ready)["urls"]["storyboard"], "stills", within_s=actions.SETTLED_WITHIN_MS / 1000)
        captions = owner.api.post(f"/api/v1/videos/{ready}/captions", params={"language": "en"}, content=CAPTIONS)
        captions.raise_for_status()
        portrait = actions.upload_and_wait(owner, tall, title=LONG[:200], visibility="unlisted")
        failed = owner.send(b"no video at all" * 99, filename="letter.mp4", title="Letter")
        actions.wait_state(owner, failed, "failed")
        at = owner.begin(5_000_000, filename="half.mp4", title="Halfway here")
        owner.append(at, 0, wide.read_bytes()[:1000])
        uploading = owner.api.head(at, headers={"Tus-Resumable": "1.0.0"}).headers["Streamtime-Video"]
        binned = owner.send(b"nor is this" * 99, filename="gone.mp4", title="Gone for now")
        actions.wait_state(owner, binned, "failed")
        owner.api.delete(f"/api/v1/videos/{binned}").raise_for_status()
        copy = owner.send(b"no video at all" * 99, filename="letter.mp4", title="Letter", duplicates="ask")
        link, locked = (
            create_link(owner, "links", videos=[ready, portrait]),
            create_link(owner, "links", videos=[ready], **LOCKED),
        )
        drop = create_link(owner, "drops", label="Send me your pictures of the sea", days=7, max_files=20)
        person = owner.api.get("/api/v1/admin/users").json()["items"][0]["id"]
        track = captions.json()["name"]
        playlist, group = create_playlist(owner, ready, portrait, failed), share(server, owner, ready)
        shown = ready, portrait, failed, uploading, binned, copy
        yield SampleServer(server, owner, *shown, link, locked, drop, person, track, playlist, group)


def share(server: Server, owner: Person, video: str) -> str:
    """A group with one member, whom the owner follows, which a video is shared with; its id."""
    server.run("user", "create", "ben", "--password-stdin", given=Person.password + "\n")
    group: str = owner.api.post("/api/v1/groups", json={"name": "Family by the sea"}).raise_for_status().json()["id"]
    owner.api.put(f"/api/v1/groups/{group}/members/ben").raise_for_status()
    owner.api.put(f"/api/v1/videos/{video}/grants/groups/{group}").raise_for_status()
    owner.api.put("/api/v1/me/following/people/ben").raise_for_status()
    return group


def create_link(owner: Person, kind: str, **wishes: object) -> str:
    """The path of a new link."""
    url: str = owner.api.post(f"/api/v1/{kind}", json=wishes).raise_for_status().json()["url"]
    return url.removeprefix(owner.server.url)


def create_playlist(owner: Person, *videos: str) -> str:
    """A public playlist of these videos; its id."""
    facts = {"title": LONG[:200], "description": DESCRIPTION, "visibility": "public"}
    playlist: str = owner.api.post("/api/v1/playlists", json=facts).raise_for_status().json()["id"]
    for video in videos:
        owner.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": video}).raise_for_status()
    return playlist
