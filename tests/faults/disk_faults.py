"""A full or failing disk: one kind of write fails, or all, until the fault is cleared.

Meanwhile stored videos play, and each request succeeds or is rejected with a reason; afterwards uploads resume at their
acknowledged offset and all work is completed.
"""

import errno
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.faults.operations import PIECES, bytes_of, clear, make_unique, some_video
from tests.faults.points import ROLES, only
from tests.faults.traced_server import IDLE_WITHIN_S, TracedServer
from tests.faults.tracer import Rule
from tests.people import BYTES, TUS, UPLOADS, upload_headers
from tests.server import wait_until

WRITES = "pwrite64|pwritev|write|writev|ftruncate|fallocate|openat|mkdir|mkdirat|link|linkat|rename|renameat2?"
SYNCS = "fsync|fdatasync"
EVERYWHERE = "every file"
REFUSED = (503, 507)


@dataclass(frozen=True)
class DiskFault:
    """One kind of fault: which calls on which files fail, and how."""

    calls: str
    role: str
    number: int

    def __str__(self) -> str:
        what = {WRITES: "writes", SYNCS: "syncs"}.get(self.calls, self.calls)
        return f"{errno.errorcode[self.number]} at {what} of {self.role}"

    @property
    def rule(self) -> Rule:
        """The rules for the tracer."""
        shape = r"/data(?:/|$)" if self.role == EVERYWHERE else only(self.role)
        return Rule(self.calls, shape, "refuse", self.number)


_WRITTEN = tuple(role for role in ROLES if role not in {"an answer", "a copy of the database"})
DISK_FAULTS = (
    DiskFault(WRITES, EVERYWHERE, errno.ENOSPC),
    DiskFault(f"{WRITES}|{SYNCS}", EVERYWHERE, errno.EIO),
    *(DiskFault(WRITES, role, number) for role in _WRITTEN for number in (errno.ENOSPC, errno.EIO)),
    *(DiskFault(SYNCS, role, number) for role in _WRITTEN for number in (errno.EIO, errno.ENOSPC)),
)


@dataclass
class DiskFaultResult:
    """The answers during the fault, and how often the rules matched."""

    refusal: DiskFault
    statuses: Counter[int] = field(default_factory=Counter)
    met: int = 0

    def __str__(self) -> str:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.refusal}: met {self.met} times; answers {answers}"


class _Uploader:
    """A client that uploads a file in chunks and resumes at the server's offset."""

    def __init__(self, server: TracedServer, film: bytes, endured: DiskFaultResult) -> None:
        self._server = server
        self._film = film
        self._endured = endured
        self.at = ""
        self.acknowledged = 0

    def send(self, *, once: bool) -> None:
        """Send the rest, up to the end or the first rejection."""
        api = self._server.ann.api
        if not self.at:
            headers = {**TUS, **upload_headers(len(self._film), filename="film.mp4")}
            begun = self.judged(api.post(UPLOADS, headers=headers))
            if begun.status_code != 201:
                return
            self.at = begun.headers["Location"]
        while self.acknowledged < len(self._film):
            piece = self._film[self.acknowledged :][: len(self._film) // PIECES + 1]
            headers = {**TUS, **BYTES, "Upload-Offset": str(self.acknowledged)}
            answer = self.judged(api.patch(self.at, headers=headers, content=piece))
            if answer.status_code == 204:
                self.acknowledged = int(answer.headers["Upload-Offset"])
            elif once:
                return
            else:
                self.acknowledged = self._server.ann.offset(self.at)

    def resume(self) -> None:
        """Resume after the fault: no acknowledged byte is missing."""
        if self.at:
            offset = self._server.ann.offset(self.at)
            assert offset >= self.acknowledged
            self.acknowledged = offset
        self.send(once=False)

    def judged(self, answer: httpx.Response) -> httpx.Response:
        """Assert that a response is a success, or a rejection with a reason and Retry-After."""
        self._endured.statuses[answer.status_code] += 1
        if answer.is_success:
            return answer
        assert answer.status_code in REFUSED, f"{answer.status_code}: {answer.text}"
        assert answer.json()["detail"]
        assert answer.status_code == 507 or int(answer.headers["Retry-After"]) > 0
        return answer


def run_with_fault(server: TracedServer, film: bytes, refusal: DiskFault) -> DiskFaultResult:
    """Inject one fault; play, upload and edit meanwhile; then clear it and wait until all work is completed.

    Raises:
        AssertionError: something was lost or done in part, or a response was wrong.
    """
    endured = DiskFaultResult(refusal)
    there, film = some_video(server, film), make_unique(film)
    before = bytes_of(server, there)
    server.wait_idle()
    title, page = server.ann.look(there)["title"], server.ann.browser
    server.set_rules(refusal.rule)
    sender = _Uploader(server, film, endured)
    sender.send(once=True)
    assert bytes_of(server, there) == before, "what is there plays"
    assert page.get("/library").status_code == 200
    changed = sender.judged(server.ann.api.patch(f"/api/v1/videos/{there}", json={"title": "Another"}))
    assert server.ann.look(there)["title"] == ("Another" if changed.is_success else title)
    (endured.met,) = server.set_rules()
    sender.resume()
    video = server.ann.api.head(sender.at, headers=TUS).headers["Streamtime-Video"]
    wait_until(
        lambda: server.ann.look(video)["state"] == "ready", "ready once the disk is mended", within_s=IDLE_WITHIN_S
    )
    assert server.ann.api.get(f"/media/{video}/original").content == film
    server.wait_idle()
    assert bytes_of(server, there) == before
    server.consistency.assert_consistent()
    clear(server)
    server.wait_idle()
    server.consistency.assert_consistent()
    assert not (unexpected := server.unexpected()), unexpected
    return endured
