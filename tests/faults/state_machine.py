"""A machine of rules: whatever is done to a server in whatever order, rows, objects and bytes end up equal.

The rules are what people and the world do: upload, publish, hide, delete, restore, purge, give up, collect, back up
and restore from a backup; kill, a disk that refuses, a bucket that is away. Each run begins and ends with an empty
server. It talks to a real one by its addresses and its commands alone.
"""

import errno
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fault_proxy import Faults
from tests.faults.expected_state import ExpectedState, Snapshot
from tests.faults.operations import clear, make_unique
from tests.faults.traced_server import TracedServer
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
LINE = {
    "away": Faults(reset_sent_after=0),
    "refusing": Faults(status=503),
    "broken": Faults(status=500),
    "cutting": Faults(reset_answer_after=50),
}
BACKUP = "backup.streamtime"
PASSES = 4
"""The first without a word that the stores belong to the restored database: nothing may go by it."""

AT_ONCE = {"STREAMTIME_STORAGE__STRAY_AGE": "0", "STREAMTIME_STORAGE__ASIDE_FOR": "0"}
VISIBILITIES = ("private", "members", "unlisted", "public")


class ServerStateMachine(RuleBasedStateMachine):
    """One run. `server` and `film` are set by whoever has it run; `steps` counts over all runs."""

    server: ClassVar[TracedServer]
    film: ClassVar[bytes]
    steps: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.promises = ExpectedState(self.server)
        self.backed_up: Snapshot | None = None

    def uploads(self) -> list[str]:
        return sorted(self.promises.uploads)

    def alive(self) -> list[str]:
        return [video for video in self.promises.videos if self.promises.alive(video)]

    def binned(self) -> list[str]:
        return [video for video in self.promises.videos if not self.promises.alive(video)]

    @precondition(lambda self: len(self.promises.uploads) + len(self.promises.videos) < MOST)
    @rule(length=st.integers(1, 3000), plays=st.sampled_from([False, False, False, True]))
    def begin(self, length: int, *, plays: bool) -> None:
        self.promises.begin(make_unique(self.film if plays else b"x" * length))

    @precondition(lambda self: self.promises.uploads)
    @rule(which=st.integers(0, MOST), share=st.sampled_from([0.1, 0.5, 1.0, 1.0]))
    def send(self, which: int, share: float) -> None:
        at = self.uploads()[which % len(self.promises.uploads)]
        sent = self.promises.uploads[at]
        self.promises.append(at, max(1, int((len(sent.content) - sent.acknowledged) * share)))

    @precondition(lambda self: self.promises.uploads)
    @rule(which=st.integers(0, MOST))
    def abort_upload(self, which: int) -> None:
        self.promises.abort_upload(self.uploads()[which % len(self.promises.uploads)])
        self.promises.check()

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST), visibility=st.sampled_from(VISIBILITIES))
    def show(self, which: int, visibility: str) -> None:
        self.promises.set_visibility(self.alive()[which % len(self.alive())], visibility)

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
    def wait_idle(self) -> None:
        self.server.wait_idle()
        self.server.consistency.assert_consistent()

    @rule(chance=st.integers(0, 2))
    def collect(self, chance: int) -> None:
        """By the command, beside the running server."""
        if chance == 0:
            self.count("collections")
            self.server.run("gc")
            self.promises.check()

    @precondition(lambda self: not self.promises.uploads)
    @rule(chance=st.integers(0, 1))
    def back_up(self, chance: int) -> None:
        if chance == 0:
            self.count("backups")
            self.promises.finish()
            self.server.wait_idle()
            self.server.run("backup", BACKUP, "--with-objects", "--force")
            self.backed_up = self.promises.snapshot()

    @precondition(lambda self: self.backed_up is not None)
    @rule(chance=st.integers(0, 1))
    def restore_backup(self, chance: int) -> None:
        """Everything is as it was then. What was stored since belongs to nobody, and stays until somebody says so."""
        if chance == 0 and self.backed_up is not None:
            self.count("restores")
            assert self.server.stop() == 0
            self.server.run("restore", BACKUP, "--replace")
            for given_up in range(1, PASSES + 1):
                self.server.command("gc", *["--take-over"] * (given_up > 1), **AT_ONCE)
            self.server.start()
            self.promises.restore_snapshot(self.backed_up)
            self.promises.check()
            self.server.wait_idle()
            self.server.consistency.assert_consistent()

    @rule(fault=st.sampled_from(sorted(LINE)), act=st.sampled_from(["begin", "send", "show", "delete"]))
    def bucket_at_fault(self, fault: str, act: str) -> None:
        """The bucket is away for a request, which does not concern it; what is to be stored is stored afterwards."""
        if self.server.place is not None:
            self.count("faults of the bucket")
            self.server.place.line.set_faults(LINE[fault])
            self._act(act)
            self.server.place.line.set_faults(Faults())
            self.promises.check()

    @rule(chance=st.integers(0, 5))
    def kill(self, chance: int) -> None:
        if chance == 0:  # a start takes as long as a hundred other steps
            self.count("kills")
            self.server.kill()
            self.server.start()
            self.promises.check()

    @rule(fault=st.sampled_from(sorted(FAULTS)), act=st.sampled_from(["begin", "send", "show", "delete"]))
    def refused(self, fault: str, act: str) -> None:
        """One request while the disk refuses: done as acknowledged, or refused and nothing changed."""
        self.count("refusals of the disk")
        self.server.set_rules(FAULTS[fault])
        self._act(act)
        self.server.set_rules()
        self.promises.check()

    def _act(self, act: str) -> None:
        if act == "begin":
            self.promises.begin(make_unique(b"refused"))
        elif act == "send" and self.promises.uploads:
            self.promises.append(self.uploads()[0], 1000)
        elif act == "show" and self.alive():
            self.promises.set_visibility(self.alive()[0], "public")
        elif act == "delete" and self.alive():
            self.promises.delete(self.alive()[0])

    @invariant()
    def counted(self) -> None:
        self.count("steps")

    def count(self, what: str) -> None:
        """Note that it was done."""
        self.steps[what] = self.steps.get(what, 0) + 1

    def teardown(self) -> None:
        self.server.set_rules()
        self.promises.check()
        self.server.wait_idle()
        self.server.consistency.assert_consistent()
        clear(self.server)
        self.server.wait_idle()
        self.server.consistency.assert_consistent()
        assert self.server.consistency.count() == 0
        assert not (unexpected := self.server.unexpected()), unexpected
