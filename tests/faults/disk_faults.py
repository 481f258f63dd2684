"""A disk that is full, or that fails: at one kind of write, or at all of them, until it is mended.

Meanwhile what is there plays, what is asked is refused with a reason or done, never half; afterwards uploads go on
where they were acknowledged and everything is finished.
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
    """One kind of trouble: which calls on which files fail, and how."""

    calls: str
    role: str
    number: int

    def __str__(self) -> str:
        what = {WRITES: "writes", SYNCS: "syncs"}.get(self.calls, self.calls)
        return f"{errno.errorcode[self.number]} at {what} of {self.role}"

    @property
    def rule(self) -> Rule:
        """What refuses."""
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
    """What was answered while it lasted, and how often it was met."""

    refusal: DiskFault
    statuses: Counter[int] = field(default_factory=Counter)
    met: int = 0

    def __str__(self) -> str:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.refusal}: met {self.met} times; answers {answers}"


class _Uploader:
    """Somebody who sends a film in pieces, and goes on where the server says."""

    def __init__(self, server: TracedServer, film: bytes, endured: DiskFaultResult) -> None:
        self._server = server
        self._film = film
        self._endured = endured
        self.at = ""
        self.acknowledged = 0

    def send(self, *, once: bool) -> None:
        """Send what is left, to the end or to the first refusal."""
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
        """Go on after the trouble: nothing acknowledged is missing."""
        if self.at:
            offset = self._server.ann.offset(self.at)
            assert offset >= self.acknowledged
            self.acknowledged = offset
        self.send(once=False)

    def judged(self, answer: httpx.Response) -> httpx.Response:
        """An answer that is either what was asked for, or a refusal that says why and when to come again."""
        self._endured.statuses[answer.status_code] += 1
        if answer.is_success:
            return answer
        assert answer.status_code in REFUSED, f"{answer.status_code}: {answer.text}"
        assert answer.json()["detail"]
        assert answer.status_code == 507 or int(answer.headers["Retry-After"]) > 0
        return answer


def run_with_fault(server: TracedServer, film: bytes, refusal: DiskFault) -> DiskFaultResult:
    """Have one kind of trouble, play, send and change meanwhile; then mend it and see everything finished.

    Raises:
        AssertionError: something was lost, half done, or answered as nobody should be.
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
