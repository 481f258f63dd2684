"""Rules that no linter knows: how long a file may be, what `__init__.py` may hold, where a loop may wait.

What runs again and again in the background is started by `periodic.every`, so that no error ends it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
WRITTEN_BY_US = ("streamtime", "migrations", "tests", "benchmarks", "web", "docs", "docker", ".ci")
SOURCES = {".py", ".js", ".mjs", ".css", ".html", ".sh", ".yaml"}
MADE = {"node_modules", "dist", "__pycache__"}
MAX_LINES = 400


def sources() -> list[Path]:
    found = [path for folder in WRITTEN_BY_US for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES]
    return [path for path in found if not MADE & set(path.relative_to(ROOT).parts)]


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert len(lengths) > 100
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_name_says_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert [str(path) for path in sources() if path.stem in vague or vague & set(path.relative_to(ROOT).parts)] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "streamtime").glob("*/**/__init__.py")), ids=lambda path: path.parent.name
)
def test_a_room_is_entered_by_its_files_not_by_its_package(path: Path) -> None:
    (docstring,) = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)


MAX_CONSTRUCTOR_ARGUMENTS = 6


def functions_of(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]


def constructor_arguments(node: ast.ClassDef) -> int:
    """How many arguments a class with behaviour is made from.

    A frozen dataclass without coroutines is a value, and a field with a default is the state of its object.
    """
    for each in functions_of(node):
        if each.name == "__init__":
            return len(each.args.posonlyargs) + len(each.args.args) + len(each.args.kwonlyargs) - 1
    decorators = [ast.unparse(each) for each in node.decorator_list]
    if not any(each.startswith("dataclass") for each in decorators):
        return 0
    if any("frozen=True" in each for each in decorators) and not any(
        isinstance(each, ast.AsyncFunctionDef) for each in functions_of(node)
    ):
        return 0
    return sum(isinstance(each, ast.AnnAssign) and each.value is None for each in node.body)


def test_an_object_is_made_from_a_few_others() -> None:
    made = {
        f"{path.relative_to(ROOT / 'streamtime')} {node.name}": constructor_arguments(node)
        for path in (ROOT / "streamtime").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    assert sum(count > 1 for count in made.values()) > 100
    assert {name for name, count in made.items() if count > MAX_CONSTRUCTOR_ARGUMENTS} == set()


def test_no_handler_gets_all_services() -> None:
    path = ROOT / "streamtime" / "http" / "services.py"
    (all_groups,) = [each for each in ast.parse(path.read_text()).body if getattr(each, "name", "") == "Services"]
    assert isinstance(all_groups, ast.ClassDef)
    groups = [ast.unparse(each.annotation) for each in all_groups.body if isinstance(each, ast.AnnAssign)]
    assert len(groups) > 10
    importers = {
        path.name
        for path in (ROOT / "streamtime" / "http").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and "Services" in {each.name for each in node.names}
    }
    assert importers == {"application.py"}


WAITING_LOOPS = {
    "maintenance/backup/create.py": "a command waits for a collection to end; an error ends the command",
    "cli/gc.py": "a command waits for the server; an error ends the command",
    "cli/serve.py": "the end of the server, within a time limit",
    "http/media.py": "one answer, piece by piece",
    "maintenance/scrub.py": "one job, slowed down to its rate",
    "periodic.py": "the supervised loop itself",
    "storage/wrappers.py": "one call of a store, some attempts",
    "workers/process.py": "the end of a child, within a time limit",
}
"""Files that may call `asyncio.sleep`, and why an error may end what waits there."""

BACKGROUND_TASKS = {
    "app/server.py": "the loops of the server, and one question to the workers at its start",
    "maintenance/backup/automatic.py": "two supervised loops",
    "cli/serve.py": "the server itself",
    "database/transaction.py": "one write, whose caller gets the error",
    "http/server/connection_limits.py": "a supervised loop",
    "http/media.py": "waits until one client leaves",
    "http/event_stream_state.py": "one text, whose readers get the error",
    "jobs/pool.py": "supervised loops, and attempts, which they watch",
    "storage/objects/leases.py": "a supervised loop",
    "transcoding/source.py": "one fetch, whose readers get the error",
    "transcoding/supervision.py": "a supervised loop",
    "playback/media_reader.py": "one read, whose readers get the error",
    "storage/object_store.py": "one abort, whose caller waits for it",
    "uploads/receive.py": "one write, whose caller waits for it",
    "workers/process.py": "the end of a child, whose caller waits for it",
    "workers/launcher.py": "a supervised loop",
}
"""Files that may start a task, and why it cannot die unseen."""


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the program, with its file and the name of what is called."""
    for path in (ROOT / "streamtime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield str(path.relative_to(ROOT / "streamtime")), name, node


def files_that_call(*names: str) -> set[str]:
    return {file for file, name, _ in calls() if name in names}


def test_only_the_supervised_loop_sleeps_between_runs() -> None:
    assert files_that_call("sleep") - {"media/audio_encoder.py"} == set(WAITING_LOOPS)


def test_every_task_in_the_background_is_supervised_or_awaited() -> None:
    assert files_that_call("create_task", "ensure_future", "TaskGroup") == set(BACKGROUND_TASKS)


def test_every_loop_has_a_name_and_is_documented() -> None:
    found: set[str] = set()
    for file, name, call in calls():
        if name not in {"every", "FailureLog"} or file == "periodic.py":
            continue
        named = call.args[2 if name == "every" else 0]
        if isinstance(named, ast.Constant):
            found.add(str(named.value))
        elif isinstance(named, ast.JoinedStr):
            found.add(re.sub(r"\{.*\}", "QUEUE", ast.unparse(named)[2:-1]))
    section = (ROOT / "docs" / "operations.md").read_text().partition("| loop | does | runs |")[2].partition("\n\n")[0]
    assert found == set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE))
    assert len(found) > 10


def locked(name: str) -> dict[str, str]:
    """The versions that a lock file pins, by name; every one has a hash, and no line has an address."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    entries = re.findall(r"^([a-z0-9-]+)==([^ ]+)(?: ; [^\n]+)? \\\n {4}--hash=sha256:", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S", text, re.MULTILINE))
    return dict(entries)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_has_what_pyproject_asks_for(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["oidc"]]
    if name == "requirements-dev.lock":
        asked += project["dependency-groups"]["dev"]
        assert locked("requirements.lock").items() <= locked(name).items()
    pins = locked(name)
    missing = [
        each for each in map(Requirement, asked) if pins.get(canonicalize_name(each.name), "0") not in each.specifier
    ]
    assert missing == [], "run `make lock`"


ODD_PHRASES = re.compile(
    r"\b(whoever|whomever|what looks after|those who run|good for so much|shut out|the house|moving house|rooms|doorway"
    r"|vouched|whereabouts|caretaker|anew|roster|bookkeeping|stands? back|comes? to nothing|at its door|last words"
    r"|taken back|good no more|leads nowhere|where it stopped)\b",
    re.IGNORECASE,
)
"""Riddles and words of our own where the field has a term: CONTRIBUTING.md, "Style"."""


PLAIN_TESTS = {"permissions", "faults", "hls", "hostile"}
"""Folders of tests that are held to it already."""


def is_exempt(path: Path) -> bool:
    return path.parts[0] == "migrations" or (path.parts[0] == "tests" and path.parts[1] not in PLAIN_TESTS)


def test_the_language_is_plain() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {phrase}"
        for path in [*sources(), *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
        if path.name != "CHANGELOG.md" and not is_exempt(path.relative_to(ROOT))
        for phrase in ODD_PHRASES.findall(path.read_text())
    }
    assert found == set()
