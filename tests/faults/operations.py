"""Operations on a server, each with the check that nothing acknowledged was lost.

An operation is prepared on a healthy server, run on one that may be killed at any time, and checked after the restart.
A new operation is one class and one entry in `OPERATIONS`.
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
"""The number of chunks of an upload."""


class Operation(Protocol):
    """One operation of a server."""

    name: ClassVar[str]
    keeps: ClassVar[bool]
    """Whether the next test can reuse the server."""

    def prepare(self, server: TracedServer, film: bytes) -> None:
        """Create the preconditions."""
        ...

    def run(self, server: TracedServer, rules: Sequence[Rule]) -> None:
        """Run it under these rules, until it or the server ends."""
        ...

    def check(self, server: TracedServer) -> None:
        """Assert that what was acknowledged exists, and anything else completely or not at all."""
        ...


class RequestOperation:
    """The base of most operations: requests to a running server."""

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
    """A file is uploaded in chunks, processed, and finalized."""

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
    """An upload is cancelled after some of its bytes were acknowledged."""

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
    """A private video is published, or a public one hidden; no object changes."""

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
    """A video is deleted: it is 404 everywhere, and complete in the trash."""

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
    """A video is deleted permanently, and its objects are collected."""

    name = "purge"
    query: ClassVar = {"now": "true"}


class DeleteMany(Delete):
    """All videos of a filter are deleted with one request."""

    name = "delete many"

    def ask(self, server: TracedServer) -> None:
        answer = server.ann.api.post("/api/v1/videos/bulk", json={"action": "delete", "filter": {}}).raise_for_status()
        self.gone = self.video in {each["id"] for each in answer.json()["items"] if each["outcome"] == "done"}


class Restore(RequestOperation):
    """A video is restored from the trash."""

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
    """A server starts with a database of the previous version, which it copies and migrates."""

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
        )  # written again, since the older version had no store ids
        assert bytes_of(server, self.video) == self.bytes
        copies = sorted((server.data_dir / "backups").glob("*.db"))
        assert copies, "a copy was made first"
        for copy in copies:
            assert revision_of(copy) == self.before, f"{copy.name} is a whole copy of what was there before"


class LongMigration(Migration):
    """The same from the first version."""

    name = "migration from the first version"
    back = len(VERSIONS) - 1


class CommandOperation:
    """A command on the database of a stopped server."""

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
        """After an interruption the videos play, and a second run completes the move."""
        super().check(server)
        server.run(*self.arguments)
        super().check(server)


class MoveToBucket(MoveToDisk):
    """All videos are moved from the disk to the bucket."""

    name, arguments, way_back = "move to the bucket", MoveToDisk.way_back, MoveToDisk.arguments


class Backup(CommandOperation):
    """A backup into one file, which gets its name when it is complete."""

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
    DeleteMany,
    Restore,
    Purge,
    Migration,
    LongMigration,
    Backup,
)
"""Operations with videos on local disk."""

BUCKET_OPERATIONS: tuple[type[Operation], ...] = (Upload, Publish, Delete, Restore, Purge, MoveToDisk, MoveToBucket)
"""Operations with videos in a bucket."""


def some_video(server: TracedServer, film: bytes) -> str:
    """A ready video of Ann, created if there is none."""
    there: list[dict[str, str]] = server.ann.api.get("/api/v1/videos").raise_for_status().json()["items"]
    ready = [video["id"] for video in there if video["state"] == "ready"]
    if ready:
        return ready[0]
    video = server.ann.send(make_unique(film), filename="film.mp4")
    wait_until(lambda: server.ann.look(video)["state"] == "ready", "ready", within_s=IDLE_WITHIN_S)
    server.wait_idle()
    return video


def bytes_of(server: TracedServer, video: str) -> dict[str, str]:
    """Hashes of all files that a player fetches of a video, by URL."""
    return hashes(server.ann.api, server.ann.look(video)["urls"]["master"])


def clear(server: TracedServer) -> None:
    """Delete all videos of Ann permanently."""
    listed = server.ann.api.get("/api/v1/videos", params={"limit": "100"}).raise_for_status().json()["items"]
    for video in [*(video["id"] for video in listed), *binned(server)]:
        server.ann.api.delete(f"/api/v1/videos/{video}", params={"now": "true"}).raise_for_status()


def binned(server: TracedServer) -> list[str]:
    """The videos in Ann's trash."""
    answer = server.ann.api.get("/api/v1/videos", params={"state": "binned", "limit": "100"})
    return [video["id"] for video in answer.raise_for_status().json()["items"]]


def make_unique(film: bytes) -> bytes:
    """The same clip with different bytes: a duplicate would wait for a decision."""
    return film + secrets.token_bytes(12)


def revision_of(path: Path) -> str:
    """The schema version of an intact database."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
