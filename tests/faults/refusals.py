"""A disk that is full, or that fails: at one kind of write, or at all of them, until it is mended.

Meanwhile what is there plays, what is asked is refused with a reason or done, never half; afterwards uploads go on
where they were acknowledged and everything is finished.
"""

import errno
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.faults.house import RESTS_WITHIN_S, House
from tests.faults.operations import PIECES, bytes_of, clear, some_video, unlike
from tests.faults.points import ROLES, only
from tests.faults.tracer import Rule
from tests.people import BYTES, TUS, UPLOADS, announced
from tests.server import until

WRITES = "pwrite64|pwritev|write|writev|ftruncate|fallocate|openat|mkdir|mkdirat|link|linkat|rename|renameat2?"
SYNCS = "fsync|fdatasync"
EVERYWHERE = "every file"
REFUSED = (503, 507)


@dataclass(frozen=True)
class Refusal:
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
REFUSALS = (
    Refusal(WRITES, EVERYWHERE, errno.ENOSPC),
    Refusal(f"{WRITES}|{SYNCS}", EVERYWHERE, errno.EIO),
    *(Refusal(WRITES, role, number) for role in _WRITTEN for number in (errno.ENOSPC, errno.EIO)),
    *(Refusal(SYNCS, role, number) for role in _WRITTEN for number in (errno.EIO, errno.ENOSPC)),
)


@dataclass
class Endured:
    """What was answered while it lasted, and how often it was met."""

    refusal: Refusal
    statuses: Counter[int] = field(default_factory=Counter)
    met: int = 0

    def __str__(self) -> str:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.refusal}: met {self.met} times; answers {answers}"


class _Sender:
    """Somebody who sends a film in pieces, and goes on where the server says."""

    def __init__(self, house: House, film: bytes, endured: Endured) -> None:
        self._house = house
        self._film = film
        self._endured = endured
        self.at = ""
        self.acknowledged = 0

    def send(self, *, once: bool) -> None:
        """Send what is left, to the end or to the first refusal."""
        api = self._house.ann.api
        if not self.at:
            headers = {**TUS, **announced(len(self._film), filename="film.mp4")}
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
                self.acknowledged = self._house.ann.offset(self.at)

    def resume(self) -> None:
        """Go on after the trouble: nothing acknowledged is missing."""
        if self.at:
            offset = self._house.ann.offset(self.at)
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


def endure(house: House, film: bytes, refusal: Refusal) -> Endured:
    """Have one kind of trouble, play, send and change meanwhile; then mend it and see everything finished.

    Raises:
        AssertionError: something was lost, half done, or answered as nobody should be.
    """
    endured = Endured(refusal)
    there, film = some_video(house, film), unlike(film)
    before = bytes_of(house, there)
    house.rest()
    title, page = house.ann.look(there)["title"], house.ann.browser
    house.aim(refusal.rule)
    sender = _Sender(house, film, endured)
    sender.send(once=True)
    assert bytes_of(house, there) == before, "what is there plays"
    assert page.get("/library").status_code == 200
    changed = sender.judged(house.ann.api.patch(f"/api/v1/videos/{there}", json={"title": "Another"}))
    assert house.ann.look(there)["title"] == ("Another" if changed.is_success else title)
    (endured.met,) = house.aim()
    sender.resume()
    video = house.ann.api.head(sender.at, headers=TUS).headers["Streamtime-Video"]
    until(lambda: house.ann.look(video)["state"] == "ready", "ready once the disk is mended", within_s=RESTS_WITHIN_S)
    assert house.ann.api.get(f"/media/{video}/original").content == film
    house.rest()
    assert bytes_of(house, there) == before
    house.books.agree()
    clear(house)
    house.rest()
    house.books.agree()
    assert not (unexpected := house.unexpected()), unexpected
    return endured
