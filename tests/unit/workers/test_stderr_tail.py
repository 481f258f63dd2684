"""What a child said last is kept short, printable and without directories."""

from streamtime.workers.failure import MAX_CHARACTERS, sanitize_stderr


def test_a_traceback_says_where_but_not_where_the_server_is_installed() -> None:
    said = 'Traceback:\n  File "/srv/secret/place/streamtime/media/worker.py", line 60, in _answer\nValueError: no\n'
    assert sanitize_stderr(said) == 'Traceback:\n  File "worker.py", line 60, in _answer\nValueError: no'


def test_control_characters_become_visible() -> None:
    assert sanitize_stderr("red \x1b[31m bell \x07 \u202egnp.exe") == "red \\x1b[31m bell \\x07 \\u202egnp.exe"


def test_only_the_end_is_kept() -> None:
    kept = sanitize_stderr("x" * 100_000 + "the end")
    assert kept.startswith("...")
    assert kept.endswith("the end")
    assert len(kept) == MAX_CHARACTERS + 3


def test_nothing_stays_nothing() -> None:
    assert sanitize_stderr("") == sanitize_stderr(" \n ") == ""
