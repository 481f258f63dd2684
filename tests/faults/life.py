"""A machine of rules: whatever is done to a server in whatever order, rows, objects and bytes end up equal.

The rules are what people and the world do: upload, publish, hide, delete, restore, purge, give up; kill, and a disk
that refuses. Each run begins and ends with an empty server. It talks to a real one by its addresses alone.
"""

import errno
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.faults.house import House
from tests.faults.operations import clear, unlike
from tests.faults.promises import Promises
from tests.faults.tracer import Rule

MOST = 4
"""Uploads and videos at once."""

FAULTS = {
    "full": Rule(
        "p?write.*|openat|mkdir|link|ftruncate", r"/data/(?:spool|objects|streamtime)", "refuse", errno.ENOSPC
    ),
    "spool": Rule("pwrite64|openat|mkdir", r"/data/spool/", "refuse", errno.EIO),
    "sync of the spool": Rule("fsync|fdatasync", r"/data/spool/", "refuse", errno.EIO),
    "log": Rule("pwrite64", r"/data/streamtime\.db-wal$", "refuse", errno.EIO),
    "sync of the log": Rule("fdatasync", r"/data/streamtime\.db-wal$", "refuse", errno.EIO),
    "objects": Rule("link|rename|mkdir|unlink|fsync", r"/data/objects/", "refuse", errno.EIO),
}
VISIBILITIES = ("private", "members", "unlisted", "public")


class Life(RuleBasedStateMachine):
    """One run. `house` and `film` are set by whoever has it run; `steps` counts over all runs."""

    house: ClassVar[House]
    film: ClassVar[bytes]
    steps: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.promises = Promises(self.house)

    def uploads(self) -> list[str]:
        return sorted(self.promises.uploads)

    def alive(self) -> list[str]:
        return [video for video in self.promises.videos if self.promises.alive(video)]

    def binned(self) -> list[str]:
        return [video for video in self.promises.videos if not self.promises.alive(video)]

    @precondition(lambda self: len(self.promises.uploads) + len(self.promises.videos) < MOST)
    @rule(length=st.integers(1, 3000), plays=st.sampled_from([False, False, False, True]))
    def begin(self, length: int, *, plays: bool) -> None:
        self.promises.begin(unlike(self.film if plays else b"x" * length))

    @precondition(lambda self: self.promises.uploads)
    @rule(which=st.integers(0, MOST), share=st.sampled_from([0.1, 0.5, 1.0, 1.0]))
    def send(self, which: int, share: float) -> None:
        at = self.uploads()[which % len(self.promises.uploads)]
        sent = self.promises.uploads[at]
        self.promises.append(at, max(1, int((len(sent.content) - sent.acknowledged) * share)))

    @precondition(lambda self: self.promises.uploads)
    @rule(which=st.integers(0, MOST))
    def give_up(self, which: int) -> None:
        self.promises.give_up(self.uploads()[which % len(self.promises.uploads)])
        self.promises.check()

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST), visibility=st.sampled_from(VISIBILITIES))
    def show(self, which: int, visibility: str) -> None:
        self.promises.show(self.alive()[which % len(self.alive())], visibility)

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST))
    def delete(self, which: int) -> None:
        self.promises.delete(self.alive()[which % len(self.alive())])
        self.promises.check()

    @precondition(lambda self: self.binned())
    @rule(which=st.integers(0, MOST))
    def restore(self, which: int) -> None:
        self.promises.restore(self.binned()[which % len(self.binned())])
        self.promises.check()

    @precondition(lambda self: self.promises.videos)
    @rule(which=st.integers(0, MOST))
    def purge(self, which: int) -> None:
        self.promises.purge(list(self.promises.videos)[which % len(self.promises.videos)])
        self.promises.check()

    @rule()
    def collect(self) -> None:
        self.house.rest()
        assert self.house.books.differences() == []

    @rule(chance=st.integers(0, 5))
    def kill(self, chance: int) -> None:
        if chance == 0:  # a start takes as long as a hundred other steps
            self.house.kill()
            self.house.start()
            self.promises.check()

    @rule(fault=st.sampled_from(sorted(FAULTS)), act=st.sampled_from(["begin", "send", "show", "delete"]))
    def refused(self, fault: str, act: str) -> None:
        """One request while the disk refuses: done as acknowledged, or refused and nothing changed."""
        self.house.aim(FAULTS[fault])
        if act == "begin":
            self.promises.begin(unlike(b"refused"))
        elif act == "send" and self.promises.uploads:
            self.promises.append(self.uploads()[0], 1000)
        elif act == "show" and self.alive():
            self.promises.show(self.alive()[0], "public")
        elif act == "delete" and self.alive():
            self.promises.delete(self.alive()[0])
        self.house.aim()
        self.promises.check()

    @invariant()
    def counted(self) -> None:
        self.steps["steps"] = self.steps.get("steps", 0) + 1

    def teardown(self) -> None:
        self.house.aim()
        self.promises.check()
        self.house.rest()
        assert self.house.books.differences() == []
        clear(self.house)
        self.house.rest()
        assert self.house.books.differences() == []
        assert self.house.books.count() == 0
        assert self.house.unexpected() == []
