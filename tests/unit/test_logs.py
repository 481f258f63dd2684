"""What is found in logs, and what is not."""

import json

import pytest

from tests.logs import faults

EVENT = {"event": "worker_failed", "level": "warning"}
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no'


@pytest.mark.parametrize(
    "line",
    [
        TRACEBACK,
        json.dumps({"event": "unexpected_error", "exception": TRACEBACK}),
        "Task was destroyed but it is pending!",
        json.dumps({"event": "Task exception was never retrieved\nfuture: <Task finished>"}),
        "Future exception was never retrieved",
        "Exception in callback _SelectorTransport._call_connection_lost(None)",
        json.dumps({"event": "Exception in ASGI application\n", "exception": TRACEBACK}),
        json.dumps({"event": "ASGI callable returned without completing response."}),
        "<sys>:0: RuntimeWarning: coroutine 'body' was never awaited",
        "Unclosed client session",
        "x.py:5: ResourceWarning: unclosed <socket.socket fd=9>",
        "Exception ignored in: <function BaseEventLoop.__del__ at 0x7f>",
        "RuntimeError: Event loop is closed",
        "Fatal Python error: Segmentation fault",
    ],
)
def test_a_fault_is_found_and_shown_with_what_follows(line: str) -> None:
    text = f"Streamtime is ready\n{line}\nthe next line\n"
    (found,) = faults(text)
    assert found == f"{line}\nthe next line"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({**EVENT, "stderr_tail": TRACEBACK}),
        json.dumps({"event": "media_response_aborted", "level": "warning", "error": "The store does not answer."}),
        json.dumps({"event": "request_completed", "path": "/watch/exceptions", "status": 200}),
        "Streamtime is ready: http://127.0.0.1:80",
    ],
)
def test_what_a_log_may_say(line: str) -> None:
    assert not [*faults(line)]


def test_a_child_may_say_so_and_its_server_may_not() -> None:
    assert [*faults(json.dumps({**EVENT, "stderr_tail": TRACEBACK, "exception": TRACEBACK}))]
