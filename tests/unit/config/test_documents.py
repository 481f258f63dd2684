"""The example file and the documentation say what the code does, and nothing else."""

import tomllib
from pathlib import Path

from streamtime.config.documents import describe, example, page
from streamtime.config.load import load
from streamtime.config.sections import Config

ROOT = Path(__file__).parents[3]


def test_the_example_is_the_one_that_the_code_writes() -> None:
    assert (ROOT / "config.example.toml").read_text() == example(), "run: make docs"


def test_the_page_holds_the_tables_that_the_code_writes() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert text == page(text), "run: make docs"


def test_the_example_changes_nothing_and_names_every_key() -> None:
    loaded = load(ROOT / "config.example.toml", {}, {})
    assert loaded.data_dir == ROOT / "data"
    assert (loaded.server, loaded.storage, loaded.uploads) == (Config().server, Config().storage, Config().uploads)
    assert (loaded.transcode, loaded.accounts) == (Config().transcode, Config().accounts)
    for doc in describe():
        table = tomllib.loads(example())
        for section in filter(None, doc.section.split(".")):
            table = table[section]
        assert doc.key in table


def test_every_key_is_described_in_a_sentence() -> None:
    for doc in describe():
        assert doc.text.endswith("."), doc.key
        assert doc.environment_name.startswith("STREAMTIME_")
