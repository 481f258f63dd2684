"""Rules that no linter knows: how long a file may be, and what `__init__.py` may hold."""

import ast
from pathlib import Path

import pytest

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
