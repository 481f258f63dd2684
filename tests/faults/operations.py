"""What a server can be told to do, each with what it acknowledged and how one sees that none of it was lost.

An operation is prepared on a sound server, carried out on one that may die at any moment, and checked on the next
one. A new kind of operation is one class and one entry in `OPERATIONS`.
"""

import secrets
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Protocol

import httpx

from tests.faults.downgrade import VERSIONS, downgrade
from tests.faults.traced_server import IDLE_WITHIN_S, TracedServer
from tests.faults.tracer import Rule
from tests.people import TUS
from tests.server import wait_until
from tests.system.player import hashes

PIECES = 3
"""A film is sent in so many."""


class Operation(Protocol):
    """One thing that a server does for somebody."""

    name: ClassVar[str]
    keeps: ClassVar[bool]
    """Whether what it leaves can be used by the next."""

    def prepare(self, server: TracedServer, film: bytes) -> None:
        """Bring about what it needs."""
        ...

    def run(self, server: TracedServer, rules: Sequence[Rule]) -> None:
        """Carry it out under these rules, to its end or to the server's."""
        ...

    def check(self, server: TracedServer) -> None:
        """See that what was acknowledged is there, and that what was not is there wholly or not at all."""
        ...


class RequestOperation:
    """What most operations have in common: somebody asks a server that runs."""

    name: ClassVar[str]
    keeps: ClassVar[bool] = False

    def run(self, server: TracedServer, rules: Sequence[Rule]) -> None:
        server.set_rules(*rules)
        try:
            self.ask(server)
        except httpx.TransportError:
            wait_until(lambda: server.has_exited, "the server has died of what cut its answer off")
            return
        wait_until(
            lambda: server.has_exited or server.consistency.idle(), "nothing is left to do", within_s=IDLE_WITHIN_S
        )

    def ask(self, server: TracedServer) -> None:
        raise NotImplementedError


class Upload(RequestOperation):
    """A film is sent in pieces, prepared, and carried to where it stays."""

    name: ClassVar = "upload"

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.film = make_unique(film)
        self.at = ""
        self.acknowledged = 0
        assert server.ann.token

    def ask(self, server: TracedServer) -> None:
        self.at = server.ann.begin(len(self.film), filename="film.mp4")
        step = len(self.film) // PIECES + 1
        while self.acknowledged < len(self.film):
            piece = self.film[self.acknowledged : self.acknowledged + step]
            answer = server.ann.append(self.at, self.acknowledged, piece).raise_for_status()
            self.acknowledged = int(answer.headers["Upload-Offset"])

    def check(self, server: TracedServer) -> None:
        if not self.at:
            return
        offset = server.ann.offset(self.at)
        assert offset >= self.acknowledged, f"{self.acknowledged} bytes were acknowledged, {offset} are there"
        if offset < len(self.film):
            assert server.ann.append(self.at, offset, self.film[offset:]).status_code == 204
        video = server.ann.api.head(self.at, headers=TUS).headers["Streamtime-Video"]
        wait_until(lambda: server.ann.look(video)["state"] == "ready", "ready", within_s=IDLE_WITHIN_S)
        assert server.ann.api.get(f"/media/{video}/original").content == self.film
        assert bytes_of(server, video)


class AbortUpload(RequestOperation):
    """An upload is given up after some of its bytes were acknowledged."""

    name: ClassVar = "give up"

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.film = film
        self.gone = False
        self.at = server.ann.begin(len(film), filename="film.mp4")
        assert server.ann.append(self.at, 0, film[:1000]).status_code == 204

    def ask(self, server: TracedServer) -> None:
        self.gone = server.ann.api.delete(self.at, headers=TUS).raise_for_status().status_code == 204

    def check(self, server: TracedServer) -> None:
        answer = server.ann.api.head(self.at, headers=TUS)
        if self.gone or answer.status_code == 404:
            assert answer.status_code == 404
            return
        assert answer.headers["Upload-Offset"] == "1000"


class VisibilityChange(RequestOperation):
    """A private video is published, or a public one hidden; no byte moves."""

    keeps = True
    before: ClassVar[str]
    after: ClassVar[str]

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.told = False
        server.ann.change(self.video, visibility=self.before)
        self.bytes = bytes_of(server, self.video)

    def ask(self, server: TracedServer) -> None:
        server.ann.change(self.video, visibility=self.after)
        self.told = True

    def check(self, server: TracedServer) -> None:
        shown = server.ann.look(self.video)["visibility"]
        assert shown == self.after or (not self.told and shown == self.before)
        stranger = server.visitor().api.get(f"/api/v1/videos/{self.video}")
        assert stranger.status_code == (200 if shown == "public" else 404)
        assert sorted(bytes_of(server, self.video).values()) == sorted(self.bytes.values())


class Publish(VisibilityChange):
    name, before, after = "publish", "private", "public"


class Hide(VisibilityChange):
    name, before, after = "hide", "public", "private"

    def check(self, server: TracedServer) -> None:
        super().check(server)
        if self.told:
            old = [uri for uri in self.bytes if server.visitor().api.get(uri).status_code != 404]
            assert old == [], "addresses from when it was public are dead"


class Delete(RequestOperation):
    """A video is deleted: it is gone everywhere, and lies whole in the bin."""

    name: ClassVar = "delete"
    query: ClassVar[dict[str, str]] = {}

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.gone = False
        self.bytes = bytes_of(server, self.video)

    def ask(self, server: TracedServer) -> None:
        server.ann.api.delete(f"/api/v1/videos/{self.video}", params=self.query).raise_for_status()
        self.gone = True

    def check(self, server: TracedServer) -> None:
        status = server.ann.api.get(f"/api/v1/videos/{self.video}").status_code
        if self.gone or status == 404:
            assert status == 404
            assert all(server.ann.api.get(uri).status_code == 404 for uri in self.bytes)
            assert (self.video in binned(server)) == (not self.query)
            return
        assert bytes_of(server, self.video) == self.bytes


class Purge(Delete):
    """A video is deleted for good, and its bytes collected."""

    name = "purge"
    query: ClassVar = {"now": "true"}


class Restore(RequestOperation):
    """A video comes back out of the bin."""

    name: ClassVar = "restore"

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        self.back = False
        self.bytes = bytes_of(server, self.video)
        server.ann.api.delete(f"/api/v1/videos/{self.video}").raise_for_status()

    def ask(self, server: TracedServer) -> None:
        server.ann.api.post(f"/api/v1/videos/{self.video}/restore").raise_for_status()
        self.back = True

    def check(self, server: TracedServer) -> None:
        status = server.ann.api.get(f"/api/v1/videos/{self.video}").status_code
        if not self.back and status == 404:
            assert self.video in binned(server)
            return
        assert status == 200
        assert self.video not in binned(server)
        assert sorted(bytes_of(server, self.video).values()) == sorted(self.bytes.values())


class Migration:
    """A server starts on a database of the version before, which it copies and brings to the newest schema."""

    name: ClassVar[str] = "migration"
    keeps: ClassVar = True
    back: ClassVar = 1

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        server.wait_idle()
        self.bytes = bytes_of(server, self.video)
        assert server.stop() == 0
        for copy in (server.data_dir / "backups").glob("*"):
            copy.unlink()
        self.before = downgrade(server.data_dir, back=self.back)
        server.consistency.remove_orphans()

    def run(self, server: TracedServer, rules: Sequence[Rule]) -> None:
        if server.try_start(rules):
            wait_until(
                lambda: server.has_exited or server.consistency.idle(), "nothing is left to do", within_s=IDLE_WITHIN_S
            )

    def check(self, server: TracedServer) -> None:
        wait_until(
            server.consistency.has_markers, "its stores are marked"
        )  # anew, where the older version did not mark them
        assert bytes_of(server, self.video) == self.bytes
        copies = sorted((server.data_dir / "backups").glob("*.db"))
        assert copies, "a copy was made first"
        for copy in copies:
            assert revision_of(copy) == self.before, f"{copy.name} is a whole copy of what was there before"


class LongMigration(Migration):
    """The same from the very first version."""

    name = "migration from the first version"
    back = len(VERSIONS) - 1


class CommandOperation:
    """What a command does beside a database whose server is stopped."""

    name: ClassVar[str]
    keeps: ClassVar = True
    arguments: ClassVar[tuple[str, ...]]

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.video = some_video(server, film)
        server.wait_idle()
        self.bytes = bytes_of(server, self.video)
        assert server.stop() == 0

    def run(self, server: TracedServer, rules: Sequence[Rule]) -> None:
        server.run_command(rules, *self.arguments)

    def check(self, server: TracedServer) -> None:
        assert bytes_of(server, self.video) == self.bytes


class MoveToDisk(CommandOperation):
    """All videos are moved from the bucket to the disk."""

    name: ClassVar = "move to the disk"
    arguments: ClassVar = ("storage", "move", "--to", "local")
    way_back: ClassVar = ("storage", "move", "--to", "s3")

    def prepare(self, server: TracedServer, film: bytes) -> None:
        some_video(server, film)
        server.run(*self.way_back)
        super().prepare(server, film)

    def check(self, server: TracedServer) -> None:
        """What was interrupted plays, and goes on to its end when it is told again."""
        super().check(server)
        server.run(*self.arguments)
        super().check(server)


class MoveToBucket(MoveToDisk):
    """And back again."""

    name, arguments, way_back = "move to the bucket", MoveToDisk.way_back, MoveToDisk.arguments


class Backup(CommandOperation):
    """Everything is copied into one file, which has its name only when it is whole."""

    name: ClassVar = "backup"
    FILE: ClassVar = "backup.streamtime"
    arguments: ClassVar = ("backup", FILE, "--with-objects")

    def prepare(self, server: TracedServer, film: bytes) -> None:
        (server.folder / self.FILE).unlink(missing_ok=True)
        super().prepare(server, film)

    def check(self, server: TracedServer) -> None:
        super().check(server)
        if (server.folder / self.FILE).exists():
            elsewhere = server.folder / "restored"
            restored = server.command("restore", self.FILE, STREAMTIME_DATA_DIR=str(elsewhere))
            assert restored.returncode == 0, restored.stdout + restored.stderr
            shutil.rmtree(elsewhere)


OPERATIONS: tuple[type[Operation], ...] = (
    Upload,
    AbortUpload,
    Publish,
    Hide,
    Delete,
    Restore,
    Purge,
    Migration,
    LongMigration,
    Backup,
)
"""What is tried on a server that keeps its videos on disk."""

BUCKET_OPERATIONS: tuple[type[Operation], ...] = (Upload, Publish, Delete, Restore, Purge, MoveToDisk, MoveToBucket)
"""And on one that keeps them in a bucket."""


def some_video(server: TracedServer, film: bytes) -> str:
    """A video of Ann's that is ready, made where there is none."""
    there: list[dict[str, str]] = server.ann.api.get("/api/v1/videos").raise_for_status().json()["items"]
    ready = [video["id"] for video in there if video["state"] == "ready"]
    if ready:
        return ready[0]
    video = server.ann.send(make_unique(film), filename="film.mp4")
    wait_until(lambda: server.ann.look(video)["state"] == "ready", "ready", within_s=IDLE_WITHIN_S)
    server.wait_idle()
    return video


def bytes_of(server: TracedServer, video: str) -> dict[str, str]:
    """Hashes of everything that a player fetches of a video, by address."""
    return hashes(server.ann.api, server.ann.look(video)["urls"]["master"])


def clear(server: TracedServer) -> None:
    """Delete everything of Ann's for good."""
    listed = server.ann.api.get("/api/v1/videos", params={"limit": "100"}).raise_for_status().json()["items"]
    for video in [*(video["id"] for video in listed), *binned(server)]:
        server.ann.api.delete(f"/api/v1/videos/{video}", params={"now": "true"}).raise_for_status()


def binned(server: TracedServer) -> list[str]:
    """What lies in Ann's bin."""
    answer = server.ann.api.get("/api/v1/videos", params={"state": "binned", "limit": "100"})
    return [video["id"] for video in answer.raise_for_status().json()["items"]]


def make_unique(film: bytes) -> bytes:
    """The same film in a file of its own: one that is there already would be pointed out rather than prepared."""
    return film + secrets.token_bytes(12)


def revision_of(path: Path) -> str:
    """The schema's version of a sound database."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
