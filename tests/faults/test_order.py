"""No response is sent before the acknowledged data is on disk, as a trace of the server's system calls shows."""

from collections.abc import Callable
from functools import partial

import httpx
import pytest

from tests.faults.operations import PIECES, some_video
from tests.faults.sync_order import answer_in, faults_of
from tests.faults.traced_server import TracedCall, TracedServer
from tests.people import BYTES, TUS, UPLOADS, upload_headers

LOG, FILE, FOLDER = "/data/streamtime.db-wal", "/data/spool/videos/x/source", "/data/spool/videos/x"
ANSWER = TracedCall("write", "socket:[5] HTTP/1.1 204 No Content", 1)


def written(path: str) -> TracedCall:
    return TracedCall("pwrite64", path, 2)


def synced(path: str, *, task: int = 2) -> list[TracedCall]:
    return [TracedCall("fdatasync", path, task), TracedCall("fdatasync", path, task, done=True)]


GOOD = [written(FILE), *synced(FILE), written(LOG), *synced(LOG), ANSWER]
CREATED = [written(LOG), *synced(LOG), TracedCall("openat", FILE, 2), *synced(FOLDER), ANSWER]


@pytest.mark.parametrize("calls", [GOOD, CREATED, [written(LOG), *synced(LOG), ANSWER]])
def test_a_trace_in_order_has_no_faults(calls: list[TracedCall]) -> None:
    assert faults_of(calls) == []


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ([ANSWER], "before anything was written down"),
        ([written(LOG), ANSWER], "before anything was written down"),
        ([*synced(LOG), ANSWER], "before anything was written down"),
        ([written(LOG), synced(LOG)[0], ANSWER], "before anything was written down"),
        (
            [TracedCall("fdatasync", LOG, 2), written(LOG), TracedCall("fdatasync", LOG, 2, done=True), ANSWER],
            "before anything",
        ),
        ([written(FILE), written(LOG), *synced(LOG), ANSWER], "an uploaded file was changed and not synced"),
        ([written(LOG), *synced(LOG), written(FILE), *synced(FILE), ANSWER], "before anything was written down"),
        (
            [written(FILE), synced(FILE, task=3)[0], written(LOG), *synced(LOG), ANSWER],
            "an uploaded file was changed and not synced when the row told of it",
        ),
        (
            [synced(FILE)[0], written(FILE), synced(FILE)[1], written(LOG), *synced(LOG), ANSWER],
            "an uploaded file was changed and not synced when the row told of it",
        ),
        (
            [written(LOG), *synced(LOG), TracedCall("openat", FILE, 2), ANSWER],
            "a folder of the spool was changed and not synced when the answer left",
        ),
    ],
)
def test_a_trace_out_of_order_is_found(calls: list[TracedCall], fault: str) -> None:
    assert fault in " ".join(faults_of(calls))


def asked(traced_server: TracedServer, request: Callable[[], httpx.Response]) -> list[TracedCall]:
    """The calls from a request to its response, which must be a success."""
    before = len(traced_server.calls())
    request().raise_for_status()
    calls = traced_server.calls()[before:]
    return calls[: answer_in(calls) + 1]


def test_nothing_is_acknowledged_before_it_is_on_disk(traced_server: TracedServer, film: bytes) -> None:
    ann = traced_server.ann
    video = some_video(traced_server, film)
    begin = {**TUS, **upload_headers(len(film), filename="film.mp4")}
    calls = asked(traced_server, lambda: ann.api.post(UPLOADS, headers=begin))
    assert faults_of(calls) == []
    at = ann.begin(len(film), filename="film.mp4")
    step = len(film) // PIECES + 1
    for offset in range(0, len(film), step):
        headers = {**TUS, **BYTES, "Upload-Offset": str(offset)}
        piece = film[offset : offset + step]
        calls = asked(traced_server, partial(ann.api.patch, at, headers=headers, content=piece))
        assert any(call.call == "fdatasync" and call.path.endswith("/source") for call in calls)
        assert faults_of(calls) == []
    traced_server.wait_idle()
    changes = {"visibility": "public"}
    assert faults_of(asked(traced_server, lambda: ann.api.patch(f"/api/v1/videos/{video}", json=changes))) == []
    assert faults_of(asked(traced_server, lambda: ann.api.delete(f"/api/v1/videos/{video}"))) == []
    assert faults_of(asked(traced_server, lambda: ann.api.post(f"/api/v1/videos/{video}/restore"))) == []
    assert faults_of(asked(traced_server, lambda: ann.api.delete(f"/api/v1/videos/{video}"))) == []
