"""Tests many recipes in separate processes: each clip is created, packaged and checked.

Some are also uploaded to a real server.
"""

import multiprocessing
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.edge_case_clips import make_film
from tests.hostile.recipes import Recipe, draw, simpler
from tests.hostile.verdicts import faults, package, uploaded
from tests.server import Server, running_server

TOLD_EVERY = 100
UPLOADED_EVERY = 40
"""One of this many clips is uploaded to a server, which takes several times as long as the command."""


@dataclass(frozen=True)
class ClipVerdict:
    """A clip and its faults; `outcome` is `ready` or the failure code."""

    number: int
    recipe: Recipe
    outcome: str
    faults: tuple[str, ...]
    cpu_s: float

    def __str__(self) -> str:
        return "\n  ".join([f"case {self.number}: {self.recipe}", *self.faults])


def judged(number: int, recipe: Recipe, server: Server | None = None, kept: Path | None = None) -> ClipVerdict:
    """Create the clip of a recipe, package it and check the result."""
    before = _cpu_s()
    with tempfile.TemporaryDirectory(prefix="streamtime-fuzz-") as made:
        path = make_film(recipe, Path(made) / f"film.{recipe.container.rpartition('.')[2]}")
        result = uploaded(server, path) if server else package(path, Path(made) / "hls")
        found = faults(recipe, path, result)
        if kept and found:
            kept.mkdir(parents=True, exist_ok=True)
            (kept / f"{number}-{path.name}").write_bytes(path.read_bytes())
    return ClipVerdict(number, recipe, result.refusal or "ready", tuple(found), _cpu_s() - before)


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def tried(seed: str, numbers: Iterable[int], *, at_once: int, kept: Path | None = None) -> Iterator[ClipVerdict]:
    """Check the clips of these numbers in parallel, and yield the verdicts in order."""
    os.environ["SVT_LOG"] = "0"  # an encoder that prints its name each time
    numbers = list(numbers)
    began = time.monotonic()
    with ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = [pool.submit(_one, seed, number, kept) for number in numbers]
        for done, task in enumerate(tasks, 1):
            yield task.result()
            if not done % TOLD_EVERY:
                each_s = (time.monotonic() - began) / done
                left = each_s * (len(tasks) - done) / 60
                print(f"{done} of {len(tasks)}, {each_s:.2f} s each, {left:.0f} minutes left", flush=True)


def tried_by_a_server(seed: str, numbers: Iterable[int], kept: Path | None = None) -> Iterator[ClipVerdict]:
    """The same with a real server, one after another."""
    with ExitStack() as stack:
        server = None
        for number in numbers:
            server = server or stack.enter_context(running_server(STREAMTIME_TRANSCODE__NICE="0"))
            yield judged(number, draw(seed, number), server, kept)
        if server and "Traceback" in server.log_output:
            print(server.log_output[-20_000:])
            raise AssertionError("the server's log has a traceback")


def _one(seed: str, number: int, kept: Path | None) -> ClipVerdict:
    return judged(number, draw(seed, number), kept=kept)


def shrunk(verdict: ClipVerdict) -> ClipVerdict:
    """Remove oddities one by one, as long as a fault of the same kind remains."""
    kind = verdict.faults[0].partition(":")[0]
    while True:
        for recipe in simpler(verdict.recipe):
            simple = judged(verdict.number, recipe)
            if any(fault.startswith(f"{kind}:") for fault in simple.faults):
                verdict = simple
                break
        else:
            return verdict


def summary(verdicts: list[ClipVerdict], seconds: float) -> str:
    """A table of all results."""
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    kinds = Counter(kind for verdict in verdicts for kind in {fault.partition(":")[0] for fault in verdict.faults})
    lines = [f"{count:6}  {outcome}" for outcome, count in outcomes.most_common()]
    lines += [f"{count:6}  fault: {kind}" for kind, count in kinds.most_common()]
    bad = sum(bool(verdict.faults) for verdict in verdicts)
    each_s = sum(verdict.cpu_s for verdict in verdicts) / max(1, len(verdicts))
    lines.append(f"{len(verdicts)} films, {bad} with faults, in {seconds:.0f} s; {each_s:.2f} s of a processor each")
    return "\n".join(lines)
