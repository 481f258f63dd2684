"""`make soak`: kills at every point and at random, disk faults, a state machine, a slow disk, password guessing.

It takes hours. Its output is enough to repeat a single part, or a single attempt of one:
`make soak ARGS="--only kills --seed SEED --attempts 20"`.
"""

import argparse
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.sign_in import storm
from tests.clips import make_clip
from tests.faults.disk_faults import DISK_FAULTS, run_with_fault
from tests.faults.kill_points import find_points, kill_at, spread
from tests.faults.list_operations import LIST_OPERATIONS
from tests.faults.operations import BUCKET_OPERATIONS, OPERATIONS
from tests.faults.random_kills import kill_at_random
from tests.faults.slow_disk import LONGER_MS, read_latencies
from tests.faults.state_machine import ServerStateMachine
from tests.faults.traced_server import TracedServer, faulty_bucket, running_traced_server
from tests.faults.version_operations import VERSION_OPERATIONS
from tests.s3 import s3_server

KILLS = 300
KILLS_A_HOUSE = 25
STEPS = 2500
STEPS_A_RUN = 60
TRIES, HASHED, TIMED = 10_000, 300, 60

SHOWN = 6_000
"""Characters of a server's log that a failure shows."""


class Soak:
    """All parts and their results."""

    def __init__(self, film: bytes, options: argparse.Namespace, s3_endpoint: str | None) -> None:
        self._s3_endpoint = s3_endpoint
        self._only = options.operation
        local = (*OPERATIONS, *LIST_OPERATIONS, *VERSION_OPERATIONS)
        self._operations = local if s3_endpoint is None else BUCKET_OPERATIONS
        self._film = film
        self._seed = options.seed
        self._attempts = options.attempts
        self._skip = options.skip
        self.failures = 0

    @contextmanager
    def _server(self, name: str) -> Iterator[TracedServer]:
        """A separate server; a failure is printed with the end of the server's log, and counted."""
        with ExitStack() as stack:
            place = stack.enter_context(faulty_bucket(self._s3_endpoint)) if self._s3_endpoint else None
            server = stack.enter_context(running_traced_server(place))
            try:
                yield server
            except Exception:  # noqa: BLE001  # whatever it is, the other attempts are made
                self.failures += 1
                print(
                    f"FAILED: {name} (seed {self._seed})",
                    traceback.format_exc(),
                    server.log_output[-SHOWN:],
                    sep="\n",
                    flush=True,
                )

    def points(self) -> None:
        """All kill points of all operations, or a number of each."""
        tried, met, slowest = 0, 0, 0.0
        for operation in self._operations:
            if self._only and operation.name != self._only:
                continue
            found = []
            with self._server(f"{operation.name}, to learn its points") as server:
                found = find_points(server, operation(), self._film)
            waiting = list(spread(found, self._attempts or len(found)))[self._skip :] if found else []
            while waiting:
                with self._server(str(waiting[0])) as server:
                    while waiting:
                        one = kill_at(server, operation(), self._film, waiting.pop(0))
                        tried, met = tried + 1, met + one.met
                        slowest = max(slowest, one.serving_after_s)
                        print(one, flush=True)
        print(f"{tried} points tried, {met} of them killed there; serving again in {slowest:.1f} s at most", flush=True)

    def refusals(self) -> None:
        """All disk faults, or the first ones."""
        chosen = DISK_FAULTS[: self._attempts]
        for refusal in chosen:
            with self._server(str(refusal)) as server:
                print(run_with_fault(server, self._film, refusal), flush=True)
        print(f"{len(chosen)} refusals endured", flush=True)

    def kills(self) -> None:
        """Random kills."""
        left = self._attempts or KILLS
        while left > 0:
            count = min(left, KILLS_A_HOUSE)
            word = f"{self._seed} {left}"
            with self._server(f"{count} kills of seed {word!r}") as server:
                print(kill_at_random(server, self._film, word, count), flush=True)
            left -= count

    def life(self) -> None:
        """The state machine."""
        wanted = self._attempts or STEPS
        with self._server("the machine of rules") as server:
            ServerStateMachine.server, ServerStateMachine.film, ServerStateMachine.steps = server, self._film, {}
            assert server.ann.token
            seed(self._seed)(ServerStateMachine)
            chosen = settings(
                max_examples=-(-wanted // STEPS_A_RUN), stateful_step_count=STEPS_A_RUN, deadline=None,
                suppress_health_check=list(HealthCheck), phases=(Phase.generate,), database=None,
            )  # fmt: skip
            run_state_machine_as_test(ServerStateMachine, settings=chosen)
        print(*(f"{count} {what}" for what, count in ServerStateMachine.steps.items()), sep=", ", flush=True)

    def disk(self) -> None:
        """A slow disk compared with a fast one."""
        with self._server("the slow disk") as server:
            for slow in (False, True):
                print(f"every sync {LONGER_MS} ms longer:" if slow else "as the disk is:", flush=True)
                print(*read_latencies(server, self._film, slow=slow), sep="\n", flush=True)

    def passwords(self) -> None:
        """Many wrong credentials of each kind."""
        try:
            storm(self._attempts or TRIES, hashed=HASHED, timed=TIMED)
        except AssertionError as error:
            self.failures += 1
            print(f"FAILED: {error}", flush=True)


PARTS: dict[str, Callable[[Soak], None]] = {
    "points": Soak.points,
    "refusals": Soak.refusals,
    "kills": Soak.kills,
    "life": Soak.life,
    "disk": Soak.disk,
    "passwords": Soak.passwords,
}


def main() -> None:
    """Parse the options, run, and exit with 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--attempts", type=int, help="points of each operation, refusals, kills, steps, tries")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed makes the same kills and steps")
    parser.add_argument("--store", choices=("local", "s3"), default="local", help="where the servers keep their videos")
    parser.add_argument("--operation", help="points of this operation alone")
    parser.add_argument("--skip", type=int, default=0, help="so many first points of each operation, tried before")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="streamtime-soak-") as folder:
        film = make_clip(Path(folder) / "tiny.mp4", duration_s=1, width=160, height=90).read_bytes()
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3_server()) if options.store == "s3" else None
        soak = Soak(film, options, endpoint)
        for name, part in PARTS.items():
            if options.only in {None, name}:
                began = time.monotonic()
                print(f"== {name}", flush=True)
                part(soak)
                print(f"== {name} took {time.monotonic() - began:.0f} s", flush=True)
    sys.exit(1 if soak.failures else 0)


if __name__ == "__main__":
    main()
