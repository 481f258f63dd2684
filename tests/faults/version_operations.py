"""Operations that change what a video shows: another file, a cut in place. A kill leaves the old or the new content."""

from typing import ClassVar

from tests.faults.operations import Operation, RequestOperation, bytes_of, make_unique, some_video
from tests.faults.traced_server import IDLE_WITHIN_S, TracedServer
from tests.server import wait_until


class VersionOperation(RequestOperation):
    """A new version of a video is prepared and takes its place."""

    def prepare(self, server: TracedServer, film: bytes) -> None:
        self.film = film
        self.video = some_video(server, film)
        self.before = server.ann.api.get(f"/media/{self.video}/original").content
        self.bytes = bytes_of(server, self.video)
        self.asked = False

    def check(self, server: TracedServer) -> None:
        def is_over() -> bool:
            versions = server.ann.api.get(f"/api/v1/videos/{self.video}/versions").raise_for_status().json()
            return versions["pending"] is None or versions["pending"]["state"] == "uploading"

        wait_until(is_over, "no version is being prepared", within_s=IDLE_WITHIN_S)
        assert server.ann.look(self.video)["state"] == "ready"
        after = server.ann.api.get(f"/media/{self.video}/original").content
        if self.asked or after != self.before:
            self.check_new(server, after)
            return
        assert sorted(bytes_of(server, self.video).values()) == sorted(self.bytes.values())

    def check_new(self, server: TracedServer, after: bytes) -> None:
        raise NotImplementedError


class Replace(VersionOperation):
    """Another file is uploaded for a video in one request."""

    name: ClassVar = "replace"

    def ask(self, server: TracedServer) -> None:
        self.new = make_unique(self.film)
        assert server.ann.send(self.new, filename="new.mp4", replaces=self.video) == self.video
        self.asked = True

    def check_new(self, server: TracedServer, after: bytes) -> None:
        assert after == self.new
        assert bytes_of(server, self.video)


class CutInPlace(VersionOperation):
    """A video is cut in place, without encoding."""

    name: ClassVar = "cut in place"

    def ask(self, server: TracedServer) -> None:
        half_ms = server.ann.look(self.video)["duration_ms"] // 2
        wanted = {"parts": [{"start_ms": 0, "end_ms": half_ms}], "target": "same"}
        server.ann.api.post(f"/api/v1/videos/{self.video}/cut", json=wanted).raise_for_status()
        self.asked = True

    def check_new(self, server: TracedServer, after: bytes) -> None:
        assert after != self.before
        assert bytes_of(server, self.video)
        restored = server.ann.api.post(f"/api/v1/videos/{self.video}/versions/previous/restore")
        assert restored.status_code == 204
        assert server.ann.api.get(f"/media/{self.video}/original").content == self.before
        # The stills of what was cut may still be in the making: they are given up.
        check = server.consistency
        wait_until(lambda: check.idle() and not check.differences(), "it is consistent", within_s=IDLE_WITHIN_S)


VERSION_OPERATIONS: tuple[type[Operation], ...] = (Replace, CutInPlace)
