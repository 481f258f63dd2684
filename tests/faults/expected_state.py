"""The state that a server has acknowledged to one user: recorded with each request, and checked after a fault.

After a success the change must exist; after a rejection nothing may have changed. A request without a response may
have been carried out or not, but not in part; the next read decides, and holds from then on.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field

import httpx

from tests.faults.operations import binned, bytes_of
from tests.faults.traced_server import IDLE_WITHIN_S, TracedServer
from tests.people import TUS, UPLOADS, upload_headers
from tests.server import wait_until

REFUSALS = {503, 507}
SETTLED = {"ready", "failed"}


@dataclass
class ExpectedUpload:
    """An unfinished upload."""

    content: bytes
    acknowledged: int = 0
    gone: bool | None = False
    """None if unknown."""


@dataclass
class ExpectedVideo:
    """A video. `visibilities` are the possible ones; `played` are hashes of all files that a player fetches."""

    content: bytes
    visibilities: set[str]
    gone: bool | None = False
    binned: bool | None = False
    """Whether it is in the trash; None if unknown."""
    played: list[str] = field(default_factory=list)
    favourites: set[bool] = field(default_factory=lambda: {False})
    """Whether it is a favourite; both if unknown."""
    grants: set[int] = field(default_factory=lambda: {0})
    """The possible numbers of groups that it is shared with."""


@dataclass(frozen=True)
class Snapshot:
    """The state at one time."""

    uploads: dict[str, ExpectedUpload]
    videos: dict[str, ExpectedVideo]


class ExpectedState:
    """The acknowledged state of one user."""

    def __init__(self, server: TracedServer) -> None:
        self._server = server
        self.uploads: dict[str, ExpectedUpload] = {}
        self.videos: dict[str, ExpectedVideo] = {}
        self.answers = 0

    def begin(self, content: bytes) -> str | None:
        """Create an upload; returns its URL, or None without a response."""
        headers = {**TUS, **upload_headers(len(content), filename="film.mp4")}
        answer = self._ask(lambda: self._api.post(UPLOADS, headers=headers))
        if answer is None or not answer.is_success:
            return None
        self.uploads[answer.headers["Location"]] = ExpectedUpload(content)
        return str(answer.headers["Location"])

    def append(self, at: str, count: int) -> None:
        """Append to an upload."""
        sent = self.uploads[at]
        piece = sent.content[sent.acknowledged : sent.acknowledged + count]
        answer = self._ask(lambda: self._server.ann.append(at, sent.acknowledged, piece))
        if answer is not None and answer.is_success:
            sent.acknowledged += len(piece)
            assert answer.headers["Upload-Offset"] == str(sent.acknowledged)
            self._perhaps_whole(at, sent, answer.headers["Streamtime-Video"])

    def abort_upload(self, at: str) -> None:
        """Cancel an upload."""
        sent = self.uploads[at]
        answer = self._ask(lambda: self._api.delete(at, headers=TUS))
        sent.gone = None if answer is None else answer.is_success

    def set_visibility(self, video: str, visibility: str) -> None:
        """Change the visibility of a video."""
        held = self.videos[video]
        answer = self._ask(lambda: self._api.patch(f"/api/v1/videos/{video}", json={"visibility": visibility}))
        if answer is None:
            held.visibilities.add(visibility)
        elif answer.is_success:
            held.visibilities = {visibility}

    def set_favourite(self, video: str, *, favourite: bool) -> None:
        """Add a video to the favourites, or remove it."""
        held, path = self.videos[video], f"/api/v1/me/favourites/{video}"
        answer = self._ask(lambda: self._api.put(path) if favourite else self._api.delete(path))
        if answer is None:
            held.favourites.add(favourite)
        elif answer.is_success:
            held.favourites = {favourite}

    def share(self, video: str) -> None:
        """Share a video with a new group."""
        made = self._ask(lambda: self._api.post("/api/v1/groups", json={"name": secrets.token_hex(8)}))
        if made is None or not made.is_success:
            return
        held, path = self.videos[video], f"/api/v1/videos/{video}/grants/groups/{made.json()['id']}"
        answer, more = self._ask(lambda: self._api.put(path)), {count + 1 for count in held.grants}
        if answer is None:
            held.grants |= more
        elif answer.is_success:
            held.grants = more

    def delete(self, video: str) -> None:
        """Move a video to the trash."""
        held = self.videos[video]
        answer = self._ask(lambda: self._api.delete(f"/api/v1/videos/{video}"))
        held.binned = None if answer is None else answer.is_success

    def restore(self, video: str) -> None:
        """Restore a video from the trash."""
        held = self.videos[video]
        answer = self._ask(lambda: self._api.post(f"/api/v1/videos/{video}/restore"))
        held.binned = None if answer is None else not answer.is_success

    def purge(self, video: str) -> None:
        """Delete a video permanently, also from the trash."""
        held = self.videos[video]
        answer = self._ask(lambda: self._api.delete(f"/api/v1/videos/{video}", params={"now": "true"}))
        held.gone = None if answer is None else answer.is_success

    def play(self, video: str) -> None:
        """Fetch all that a player would, unless the server ends first."""
        with suppress(httpx.TransportError):
            if self.alive(video) and self._server.ann.look(video)["state"] == "ready":
                bytes_of(self._server, video)

    def alive(self, video: str) -> bool:
        """Whether it certainly exists and is not in the trash."""
        held = self.videos[video]
        return held.gone is False and held.binned is False

    def check(self) -> None:
        """Assert that the server has the acknowledged state.

        Raises:
            AssertionError: it has not.
        """
        for at, sent in list(self.uploads.items()):
            self._check_upload(at, sent)
        for video, held in list(self.videos.items()):
            self._check_video(video, held)

    def finish(self) -> None:
        """Wait until no job runs, and record all that plays."""
        for video, held in self.videos.items():
            if not self.alive(video):
                continue
            state = wait_until(lambda video=video: self._settled(video), f"{video} is made", within_s=IDLE_WITHIN_S)  # type: ignore[misc]  # bound
            if state == "ready" and not held.played:
                held.played = sorted(bytes_of(self._server, video).values())

    def snapshot(self) -> Snapshot:
        """A copy of the current state."""
        return Snapshot(deepcopy(self.uploads), deepcopy(self.videos))

    def restore_snapshot(self, kept: Snapshot) -> None:
        """Return to an earlier state, after a restore."""
        self.uploads, self.videos = deepcopy(kept.uploads), deepcopy(kept.videos)

    @property
    def _api(self) -> httpx.Client:
        return self._server.ann.api

    def _ask(self, request: Callable[[], httpx.Response]) -> httpx.Response | None:
        """The response, or None without one."""
        try:
            answer = request()
        except httpx.TransportError:
            return None
        assert answer.is_success or answer.status_code in REFUSALS, f"{answer.status_code}: {answer.text}"
        self.answers += answer.is_success
        return answer

    def _settled(self, video: str) -> str | None:
        state = str(self._server.ann.look(video)["state"])
        return state if state in SETTLED else None

    def _perhaps_whole(self, at: str, sent: ExpectedUpload, video: str) -> None:
        if sent.acknowledged == len(sent.content):
            del self.uploads[at]
            self.videos[video] = ExpectedVideo(sent.content, {"private"})

    def _check_upload(self, at: str, sent: ExpectedUpload) -> None:
        answer = self._api.head(at, headers=TUS)
        if sent.gone or (sent.gone is None and answer.status_code == 404):
            assert answer.status_code == 404
            del self.uploads[at]
            return
        assert answer.status_code == 200
        offset = int(answer.headers["Upload-Offset"])
        assert sent.acknowledged <= offset <= len(sent.content), f"{sent.acknowledged} were acknowledged: {offset}"
        sent.gone, sent.acknowledged = False, offset
        self._perhaps_whole(at, sent, answer.headers["Streamtime-Video"])

    def _check_video(self, video: str, held: ExpectedVideo) -> None:
        answer = self._api.get(f"/api/v1/videos/{video}")
        if answer.status_code == 404:
            held.binned = self._check_deleted(video, held)
            return
        assert answer.status_code == 200
        assert not held.gone
        assert not held.binned
        held.binned = False
        shown = answer.json()["visibility"]
        assert shown in held.visibilities, f"{shown} is not one of {held.visibilities}"
        held.gone, held.visibilities = False, {shown}
        favourite = bool(self._api.get(f"/api/v1/videos/{video}/marks").raise_for_status().json()["favourite"])
        assert favourite in held.favourites, "a mark is there, or is not, against what was acknowledged"
        grants = len(self._api.get(f"/api/v1/videos/{video}/grants").raise_for_status().json()["items"])
        assert grants in held.grants, f"{grants} grants are not one of {held.grants}"
        held.grants = {grants}
        held.favourites = {favourite}
        original = self._api.get(f"/media/{video}/original")
        assert original.status_code == 200
        assert original.content == held.content, "the original is as it was sent"
        if held.played:
            assert sorted(bytes_of(self._server, video).values()) == held.played, "it plays as before"

    def _check_deleted(self, video: str, held: ExpectedVideo) -> bool:
        """Assert that a missing video may be missing, and return whether it is in the trash."""
        there = video in binned(self._server)
        assert held.gone is not False or held.binned is not False, "nobody has deleted it"
        assert not (held.gone and there)
        assert there or held.gone is not False, "it can be brought back"
        if not there:
            del self.videos[video]
            return False
        held.gone = False
        return True
