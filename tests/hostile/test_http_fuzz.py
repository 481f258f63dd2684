"""Random requests over raw sockets: no server error, and a viewer gets every byte meanwhile.

A small run with a fixed seed; `make fuzz-http` sends more.
"""

from tests.hostile.http_fuzz import run


def test_no_request_breaks_the_server_or_disturbs_a_viewer() -> None:
    verdict = run(range(300), "suite", at_once=8)
    assert verdict.faults == []
    assert verdict.watched
    assert {200, 400, 404, 414, 431} <= set(verdict.statuses)
