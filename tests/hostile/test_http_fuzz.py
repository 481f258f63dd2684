"""Requests at random over raw sockets: no fault of the server's, and a viewer who gets every byte meanwhile.

It draws the same each time, and not much: `make fuzz-http` draws more.
"""

from tests.hostile.http_fuzz import run


def test_nothing_that_is_sent_breaks_the_server_or_disturbs_a_viewer() -> None:
    verdict = run(range(300), "suite", at_once=8)
    assert verdict.faults == []
    assert verdict.watched
    assert {200, 400, 404, 414, 431} <= set(verdict.statuses)
