"""What can be used is written down: commands, metrics, and words that the pages of docs/ link to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click

from streamtime.cli.main import streamtime
from streamtime.http.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def commands(group: click.Group, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name


@pytest.mark.parametrize("command", list(commands(streamtime)))
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}`" in OPERATIONS


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    made = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert set(re.findall(r"`(streamtime_\w+)`", OPERATIONS)) == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_pages_name_are_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # it names what was
    named = re.findall(r"[`( ]((?:[a-z_]+/)+[a-z_]+\.(?:py|html|toml|yaml|lock|md))\b", page.read_text())
    gone = [
        name
        for name in named
        if not any((folder / name).exists() for folder in (ROOT, ROOT / "streamtime", page.parent))
    ]
    assert gone == []


def test_names_that_operations_quotes_are_in_the_code() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "streamtime").rglob("*.py")))
    quoted = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", OPERATIONS))
    assert len(quoted) > 50
    assert {name for name in quoted if name.removeprefix("streamtime_").removesuffix("_total") not in code} == set()
