"""Where the time of a run goes: with `--times`, a table by file and by phase is printed at the end.

Processor time is that of the process that runs the tests and of all that it has started and that it can still see:
the fork server, servers, their workers, browsers, stores. What a process used since the last report before it was
killed is not counted.
"""

import os
import time
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from tests import process

PHASES = ("setup", "call", "teardown")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
Times = Counter[str]
"""`tests`, `serve` and `commands` as numbers; `PHASE wall` and `PHASE cpu` in seconds, with PHASE out of `PHASES`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", action="store_true", help="print where time went, by file and by phase")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--times"):
        config.pluginmanager.register(_Meter() if "PYTEST_XDIST_WORKER" in os.environ else _Table())


class _Meter:
    """Adds to each report what its phase took, in the process that runs the tests."""

    def __init__(self) -> None:
        self._cpu_s = cpu_seconds(os.getpid())
        self._started = Counter(process.STARTED)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        cpu_s, started = cpu_seconds(os.getpid()), Counter(process.STARTED)
        times = {f"{call.when} wall": call.duration, f"{call.when} cpu": max(cpu_s - self._cpu_s, 0.0)}
        report.__dict__["times"] = {**times, **(started - self._started), "began": call.start, "ended": call.stop}
        self._cpu_s, self._started = cpu_s, started
        return report


class _Table(_Meter):
    """Collects what the reports say, its own and those of the workers of pytest-xdist, and prints it."""

    def __init__(self) -> None:
        super().__init__()
        self._began_s = time.time()
        self._files: dict[str, Times] = {}
        self._workers: dict[str, list[tuple[float, float]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        times = dict(report.__dict__.get("times", {}))
        if not times:
            return
        span = times.pop("began"), times.pop("ended")
        self._workers.setdefault(getattr(report, "worker_id", "main"), []).append(span)
        file = self._files.setdefault(report.nodeid.partition("::")[0], Counter())
        file.update({**times, "tests": report.when == "call"})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        folders: dict[str, Times] = {}
        for name, times in self._files.items():
            folders.setdefault(str(Path(*Path(name).parts[:2])), Counter()).update(times)
        for title, rows in (("files", self._files), ("folders", folders)):
            terminalreporter.section(f"time by {title}")
            for line in table(rows):
                terminalreporter.write_line(line)
        terminalreporter.section("time by worker")
        for line in self._by_worker():
            terminalreporter.write_line(line)

    def _by_worker(self) -> Iterable[str]:
        """Until its first test, in tests, between them, and after its last one until the last one of all."""
        end_s = max((ended for spans in self._workers.values() for _, ended in spans), default=self._began_s)
        whole_s = max(end_s - self._began_s, 0.001)
        yield f"{'worker':8} {'start':>7} {'tests':>7} {'between':>7} {'idle':>7}  of {whole_s:.0f} s"
        for worker, spans in sorted(self._workers.items()):
            first_s, last_s = min(began for began, _ in spans), max(ended for _, ended in spans)
            in_tests_s = sum(ended - began for began, ended in spans)
            row = (first_s - self._began_s, in_tests_s, last_s - first_s - in_tests_s, end_s - last_s)
            yield (f"{worker:8} " + " ".join(f"{value:7.1f}" for value in row) + f"  {row[-1] / whole_s:.0%} idle")


def table(rows: dict[str, Times]) -> Iterable[str]:
    """The longest first, and the sum of all."""
    kinds = ("wall", "cpu")
    head = " ".join(f"{phase[:5]} {kind}".rjust(10) for phase in PHASES for kind in kinds)
    yield f"{'wall':>8} {'cpu':>8} {head} {'tests':>6} {'serve':>6} {'commands':>8}"
    whole: Times = Counter()
    for times in rows.values():
        whole.update(times)
    longest = sorted(rows.items(), key=lambda row: -sum(row[1][f"{phase} wall"] for phase in PHASES))
    for name, times in [*longest, ("all", whole)]:
        sums = " ".join(f"{sum(times[f'{phase} {kind}'] for phase in PHASES):8.1f}" for kind in kinds)
        cells = " ".join(f"{times[f'{phase} {kind}']:10.1f}" for phase in PHASES for kind in kinds)
        yield f"{sums} {cells} {times['tests']:6} {times['serve']:6} {times['commands']:8}  {name}"


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, of its ended children that it has waited for, and of those that live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own_s = sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S  # utime, stime, cutime, cstime: proc(5)
    return own_s + sum(cpu_seconds(child) for child in children)


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
