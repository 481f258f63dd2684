"""Fixtures for every test that talks to a real server, and its log beside each such test that fails."""

import os
import re
import secrets
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import logs
from tests.clips import make_clip, share_clips
from tests.s3 import bucket, s3_endpoint
from tests.server import Server, StartServer, running_server

# How long an example takes says more about the machine than about us; which examples are tried is the same every time.
settings.register_profile("ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

__all__ = ["bucket", "s3_endpoint"]  # fixtures that live beside the server they are of
pytest_plugins = ["tests.times"]

HERE = Path(__file__).parent
LOG_SHOWN = 20_000
"""Characters of a server's log that a failure shows."""

LONGEST_FIRST = (
    "faults/test_kill_points.py",
    "browser/test_looks.py",
    "permissions",
    "hls/test_corpus.py",
    "browser/test_growing.py",
    "hostile/test_mutations.py",
    "system/test_encode_admission.py",
    "hostile/test_api_fuzz.py",
    "system/test_crashes.py",
    "engines",
    "faults",
    "browser",
    "hostile",
    "unit/media",
    "system",
    "hls",
    "contracts",
    "unit",
)
"""Files and folders of tests by how long their files take: what is long and comes last would be waited for."""


# What is started in the background of a shell ignores Ctrl-C, and so would every program that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are handed out in this order, each whole, so that what its tests share is made once."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(HERE)
        return next(number for number, name in enumerate(LONGEST_FIRST) if path.is_relative_to(name))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        funcargs = getattr(item, "funcargs", {})
        servers = {id(value): value for value in funcargs.values() if isinstance(value, Server)}
        for server in servers.values():
            report.sections.append((f"log of the server on {server.url}", server.log_output[-LOG_SHOWN:]))
    return report


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_log(pattern): lines of that kind may be in the logs of this test's servers")
    logs.watch_own_process()
    # In CI it is always the same, so that a failure there comes from the change. Processes that run tests inherit it.
    os.environ.setdefault("FUZZ_SEED", "ci" if os.environ.get("CI") else secrets.token_hex(4))


def pytest_report_header() -> str:
    return f"FUZZ_SEED={os.environ['FUZZ_SEED']} draws the same random tests again"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test whose server or command has said what none may (`logs.py`), a server that it shares too."""
    try:
        yield
    finally:
        allowed = [re.compile(mark.args[0]) for mark in item.iter_markers("may_log")]
        found = [fault for fault in logs.collected() if not any(pattern.search(fault) for pattern in allowed)]
        if found:
            pytest.fail("\n\n".join(["said what no log may hold:", *found]), pytrace=False)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """A server for tests that leave it running and mind only their own videos: one for each process of tests."""
    with running_server() as server:
        server.person("admin", admin=True)
        yield server


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own, to be killed at will."""
    with running_server() as own:
        yield own


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts further servers, with settings of the test's own as environment variables."""
    with ExitStack() as stack:
        yield lambda **environ: stack.enter_context(running_server(**environ))


@pytest.fixture(scope="session", autouse=True)
def _shared_clips(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each clip is made once in a run, whichever process needs it first."""
    own = tmp_path_factory.getbasetemp()
    share_clips((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared-clips")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clips of this run of tests lie."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def small_clip(clips: Path) -> Path:
    """Four seconds of H.264 and AAC, too small for a ladder: it is copied, and ready in a moment."""
    return make_clip(clips / "small.mp4", duration_s=4, width=320, height=180)


@pytest.fixture(scope="session")
def ladder_clip(clips: Path) -> Path:
    """Six seconds that are copied and get one more rung."""
    return make_clip(clips / "ladder.mp4", duration_s=6, width=640, height=360)
