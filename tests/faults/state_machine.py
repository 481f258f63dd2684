"""A Hypothesis state machine: after any sequence of operations and faults, rows, objects and bytes are consistent.

The rules: upload, publish, hide, mark, delete, restore, purge, cancel, collect, back up and restore a backup; kill, a
failing disk, an unavailable bucket. Each run begins and ends with an empty server, used only through HTTP and commands.
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
"""The most uploads and videos at a time."""

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
"""The first one without a take-over of the stores by the restored database: it may delete nothing."""

AT_ONCE = {"STREAMTIME_STORAGE__STRAY_AGE": "0", "STREAMTIME_STORAGE__ASIDE_FOR": "0"}
VISIBILITIES = ("private", "members", "unlisted", "public")


class ServerStateMachine(RuleBasedStateMachine):
    """One run. The caller sets `server` and `film`; `steps` counts over all runs."""

    server: ClassVar[TracedServer]
    film: ClassVar[bytes]
    steps: ClassVar[dict[str, int]]

    def __init__(self) -> None:
        super().__init__()
        self.expected = ExpectedState(self.server)
        self.backed_up: Snapshot | None = None

    def uploads(self) -> list[str]:
        return sorted(self.expected.uploads)

    def alive(self) -> list[str]:
        return [video for video in self.expected.videos if self.expected.alive(video)]

    def binned(self) -> list[str]:
        return [video for video in self.expected.videos if not self.expected.alive(video)]

    @precondition(lambda self: len(self.expected.uploads) + len(self.expected.videos) < MOST)
    @rule(length=st.integers(1, 3000), plays=st.sampled_from([False, False, False, True]))
    def begin(self, length: int, *, plays: bool) -> None:
        self.expected.begin(make_unique(self.film if plays else b"x" * length))

    @precondition(lambda self: self.expected.uploads)
    @rule(which=st.integers(0, MOST), share=st.sampled_from([0.1, 0.5, 1.0, 1.0]))
    def send(self, which: int, share: float) -> None:
        at = self.uploads()[which % len(self.expected.uploads)]
        sent = self.expected.uploads[at]
        self.expected.append(at, max(1, int((len(sent.content) - sent.acknowledged) * share)))

    @precondition(lambda self: self.expected.uploads)
    @rule(which=st.integers(0, MOST))
    def abort_upload(self, which: int) -> None:
        self.expected.abort_upload(self.uploads()[which % len(self.expected.uploads)])
        self.expected.check()

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST), visibility=st.sampled_from(VISIBILITIES))
    def show(self, which: int, visibility: str) -> None:
        self.expected.set_visibility(self.alive()[which % len(self.alive())], visibility)

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST), favourite=st.booleans())
    def mark(self, which: int, *, favourite: bool) -> None:
        self.expected.set_favourite(self.alive()[which % len(self.alive())], favourite=favourite)

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST))
    def share(self, which: int) -> None:
        self.expected.share(self.alive()[which % len(self.alive())])

    @precondition(lambda self: self.alive())
    @rule(which=st.integers(0, MOST))
    def delete(self, which: int) -> None:
        self.expected.delete(self.alive()[which % len(self.alive())])
        self.expected.check()

    @precondition(lambda self: self.binned())
    @rule(which=st.integers(0, MOST))
    def restore(self, which: int) -> None:
        self.expected.restore(self.binned()[which % len(self.binned())])
        self.expected.check()

    @precondition(lambda self: self.expected.videos)
    @rule(which=st.integers(0, MOST))
    def purge(self, which: int) -> None:
        self.expected.purge(list(self.expected.videos)[which % len(self.expected.videos)])
        self.expected.check()

    @rule()
    def wait_idle(self) -> None:
        self.server.wait_idle()
        self.server.consistency.assert_consistent()

    @rule(chance=st.integers(0, 2))
    def collect(self, chance: int) -> None:
        """With the command, while the server runs."""
        if chance == 0:
            self.count("collections")
            self.server.run("gc")
            self.expected.check()

    @precondition(lambda self: not self.expected.uploads)
    @rule(chance=st.integers(0, 1))
    def back_up(self, chance: int) -> None:
        if chance == 0:
            self.count("backups")
            self.expected.finish()
            self.server.wait_idle()
            self.server.run("backup", BACKUP, "--with-objects", "--force")
            self.backed_up = self.expected.snapshot()

    @precondition(lambda self: self.backed_up is not None)
    @rule(chance=st.integers(0, 1))
    def restore_backup(self, chance: int) -> None:
        """The state of the backup. Objects stored since have no row, and are kept until the stores are taken over."""
        if chance == 0 and self.backed_up is not None:
            self.count("restores")
            assert self.server.stop() == 0
            self.server.run("restore", BACKUP, "--replace")
            for given_up in range(1, PASSES + 1):
                self.server.command("gc", *["--take-over"] * (given_up > 1), **AT_ONCE)
            self.server.start()
            self.expected.restore_snapshot(self.backed_up)
            self.expected.check()
            self.server.wait_idle()
            self.server.consistency.assert_consistent()

    @rule(fault=st.sampled_from(sorted(LINE)), act=st.sampled_from(["begin", "send", "show", "delete"]))
    def bucket_at_fault(self, fault: str, act: str) -> None:
        """The bucket is unavailable during a request that does not need it; pending objects are stored afterwards."""
        if self.server.place is not None:
            self.count("faults of the bucket")
            self.server.place.line.set_faults(LINE[fault])
            self._act(act)
            self.server.place.line.set_faults(Faults())
            self.expected.check()

    @rule(chance=st.integers(0, 5))
    def kill(self, chance: int) -> None:
        if chance == 0:  # a start takes as long as a hundred other steps
            self.count("kills")
            self.server.kill()
            self.server.start()
            self.expected.check()

    @rule(fault=st.sampled_from(sorted(FAULTS)), act=st.sampled_from(["begin", "send", "show", "delete"]))
    def refused(self, fault: str, act: str) -> None:
        """One request while the disk fails: done as acknowledged, or rejected without a change."""
        self.count("refusals of the disk")
        self.server.set_rules(FAULTS[fault])
        self._act(act)
        self.server.set_rules()
        self.expected.check()

    def _act(self, act: str) -> None:
        if act == "begin":
            self.expected.begin(make_unique(b"refused"))
        elif act == "send" and self.expected.uploads:
            self.expected.append(self.uploads()[0], 1000)
        elif act == "show" and self.alive():
            self.expected.set_visibility(self.alive()[0], "public")
        elif act == "delete" and self.alive():
            self.expected.delete(self.alive()[0])

    @invariant()
    def counted(self) -> None:
        self.count("steps")

    def count(self, what: str) -> None:
        """Count a step."""
        self.steps[what] = self.steps.get(what, 0) + 1

    def teardown(self) -> None:
        self.server.set_rules()
        self.expected.check()
        self.server.wait_idle()
        self.server.consistency.assert_consistent()
        clear(self.server)
        self.server.wait_idle()
        self.server.consistency.assert_consistent()
        assert self.server.consistency.count() == 0
        assert not (unexpected := self.server.unexpected()), unexpected
