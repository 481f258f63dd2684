"""The catalogues of the pages' texts: up to date with the sources, whole, and as safe as the texts in the source."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "web" / "languages"
CATALOGUES = sorted(FOLDER.glob("*.po"))

PLACEHOLDERS = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}")
MARKUP = re.compile(r"<[^>]*>|&\w+;")


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem.replace("-", "_"))


def forms(message: Message) -> list[tuple[str, str]]:
    """Each form of a translation with its English text; a text for one may leave out the number."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    return [(message.id[min(place, 1)], text) for place, text in enumerate(message.string or ())]


def test_catalogues_have_the_texts_of_the_sources() -> None:
    checked = subprocess.run(
        [sys.executable, FOLDER / "update.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_translations_are_whole(path: Path) -> None:
    faults = []
    for message in read(path):
        if not message.id:
            continue
        if message.fuzzy:
            faults.append(f"fuzzy: {message.id}")
        for source, text in forms(message):
            if not text:
                faults.append(f"missing: {source}")
                continue
            if missing := set(PLACEHOLDERS.findall(text)) ^ set(PLACEHOLDERS.findall(source)):
                faults.append(f"placeholders {sorted(missing)} differ: {source}")
            if Counter(MARKUP.findall(text)) != Counter(MARKUP.findall(source)):
                faults.append(f"elements differ: {source}")
            if text.strip() != text and source.strip() == source:
                faults.append(f"spaces around: {source}")
    assert not faults, "\n".join(faults[:40])
