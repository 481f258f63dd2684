"""Operations on what an account notes of videos: playlists, marks, history, grants. No object changes."""

from typing import ClassVar

from tests.faults.operations import Operation, RequestOperation, some_video
from tests.faults.traced_server import TracedServer

PLAYLISTS = "/api/v1/playlists"


class MakePlaylist(RequestOperation):
    """A playlist is created, a video is added, and it is shared by a link."""

    name: ClassVar = "playlist"
    keeps = True

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.playlist = self.link = ""
        self.added = False

    def ask(self, server: TracedServer) -> None:
        api = server.ann.api
        self.playlist = api.post(PLAYLISTS, json={"title": "Evening"}).raise_for_status().json()["id"]
        api.post(f"{PLAYLISTS}/{self.playlist}/items", json={"video": self.video}).raise_for_status()
        self.added = True
        self.link = api.post("/api/v1/links", json={"playlist": self.playlist}).raise_for_status().json()["id"]

    def check(self, server: TracedServer) -> None:
        if not self.playlist:
            return
        items = server.ann.api.get(f"{PLAYLISTS}/{self.playlist}/items").raise_for_status().json()["items"]
        assert [video["id"] for video in items] in ([[self.video]] if self.added else [[], [self.video]])
        links = {link["id"]: link for link in server.ann.api.get("/api/v1/links").raise_for_status().json()}
        if self.link:
            assert links[self.link]["playlist"] == self.playlist
            assert server.visitor().api.get(f"/s/{self.link}").status_code == 200


class Mark(RequestOperation):
    """A video is put on the list to watch later, into the favourites, and marked as watched."""

    name: ClassVar = "mark"
    keeps = True
    steps: ClassVar = ("watch-later", "favourites", "watched")

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.done: list[str] = []
        for step in self.steps:
            server.ann.api.delete(f"/api/v1/me/{step}/{self.video}").raise_for_status()

    def ask(self, server: TracedServer) -> None:
        for step in self.steps:
            server.ann.api.put(f"/api/v1/me/{step}/{self.video}").raise_for_status()
            self.done.append(step)

    def check(self, server: TracedServer) -> None:
        marks = server.ann.api.get(f"/api/v1/videos/{self.video}/marks").raise_for_status().json()
        names = zip(self.steps, ("watch_later", "favourite", "watched"), strict=True)
        found = [step for step, name in names if marks[name]]
        assert found[: len(self.done)] == self.done, f"{self.done} were acknowledged, {found} are there"
        assert len(found) <= len(self.done) + 1


class ForgetHistory(RequestOperation):
    """The history is cleared."""

    name: ClassVar = "forget"
    keeps = True

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.gone = False
        server.ann.api.put(f"/api/v1/me/watched/{self.video}").raise_for_status()

    def ask(self, server: TracedServer) -> None:
        server.ann.api.delete("/api/v1/me/history").raise_for_status()
        self.gone = True

    def check(self, server: TracedServer) -> None:
        items = server.ann.api.get("/api/v1/me/history").raise_for_status().json()["items"]
        assert len(items) == 0 if self.gone else len(items) <= 1


class ShareWithGroup(RequestOperation):
    """A group is made, a person joins it, and a video is shared with it."""

    name: ClassVar = "share"
    keeps = True

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.group = ""
        self.joined = self.shared = False
        for group in server.ann.api.get("/api/v1/groups").raise_for_status().json()["items"]:
            server.ann.api.delete(f"/api/v1/groups/{group['id']}").raise_for_status()

    def ask(self, server: TracedServer) -> None:
        api = server.ann.api
        self.group = api.post("/api/v1/groups", json={"name": "Family"}).raise_for_status().json()["id"]
        api.put(f"/api/v1/groups/{self.group}/members/ann").raise_for_status()
        self.joined = True
        api.put(f"/api/v1/videos/{self.video}/grants/groups/{self.group}").raise_for_status()
        self.shared = True

    def check(self, server: TracedServer) -> None:
        if not self.group:
            return
        people = server.ann.api.get(f"/api/v1/groups/{self.group}").raise_for_status().json()["people"]
        assert people in ([["ann"]] if self.joined else [[], ["ann"]])
        grants = server.ann.api.get(f"/api/v1/videos/{self.video}/grants").raise_for_status().json()["items"]
        assert [each["id"] for each in grants] in ([[self.group]] if self.shared else [[], [self.group]])


class MuteNotices(RequestOperation):
    """Kinds of notices are turned off."""

    name: ClassVar = "mute"
    keeps = True
    path: ClassVar = "/api/v1/me/notices/muted"

    def prepare(self, server: TracedServer, film: bytes) -> None:  # noqa: ARG002  # as in the protocol
        server.ann.api.put(self.path, json={"muted": []}).raise_for_status()
        self.done = False

    def ask(self, server: TracedServer) -> None:
        server.ann.api.put(self.path, json={"muted": ["new_video", "shared"]}).raise_for_status()
        self.done = True

    def check(self, server: TracedServer) -> None:
        muted = server.ann.api.get(self.path).raise_for_status().json()["muted"]
        assert muted in ([["new_video", "shared"]] if self.done else [[], ["new_video", "shared"]])


LIST_OPERATIONS: tuple[type[Operation], ...] = (MakePlaylist, Mark, ForgetHistory, ShareWithGroup, MuteNotices)
