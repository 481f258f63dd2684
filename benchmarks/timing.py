"""Wall and CPU time of runs that alternate, so that whatever else the machine does is shared among them."""

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Took:
    """What one run took, in seconds; CPU time is that of all child processes."""

    wall_s: float
    cpu_s: float


def rounds(runs: dict[str, Callable[[], None]], count: int) -> dict[str, Took]:
    """Run everything in turn, `count` times; the medians."""
    took: dict[str, list[Took]] = {name: [] for name in runs}
    for _ in range(count):
        for name, run in runs.items():
            took[name].append(timed(run))
    return {
        name: Took(statistics.median(t.wall_s for t in times), statistics.median(t.cpu_s for t in times))
        for name, times in took.items()
    }


def timed(run: Callable[[], None]) -> Took:
    """Measure one run with all its children."""
    cpu_before, before = children_cpu_s(), time.perf_counter()
    run()
    return Took(time.perf_counter() - before, children_cpu_s() - cpu_before)


def children_cpu_s() -> float:
    """CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
