"""What a child said last is kept short, printable and without directories."""

from streamtime.workers.last_words import MOST_CHARACTERS, as_kept


def test_a_traceback_says_where_but_not_where_the_server_is_installed() -> None:
    said = 'Traceback:\n  File "/srv/secret/place/streamtime/media/worker.py", line 60, in _answer\nValueError: no\n'
    assert as_kept(said) == 'Traceback:\n  File "worker.py", line 60, in _answer\nValueError: no'


def test_control_characters_become_visible() -> None:
    assert as_kept("red \x1b[31m bell \x07 \u202egnp.exe") == "red \\x1b[31m bell \\x07 \\u202egnp.exe"


def test_only_the_end_is_kept() -> None:
    kept = as_kept("x" * 100_000 + "the end")
    assert kept.startswith("...")
    assert kept.endswith("the end")
    assert len(kept) == MOST_CHARACTERS + 3


def test_nothing_stays_nothing() -> None:
    assert as_kept("") == as_kept(" \n ") == ""
