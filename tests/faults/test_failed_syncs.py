"""After a failed sync the data is written again before anything is acknowledged."""

import errno

import pytest

from tests.faults.failed_syncs import believed, failed
from tests.faults.operations import clear, make_unique
from tests.faults.traced_server import TracedCall, TracedServer
from tests.faults.tracer import Rule
from tests.people import BYTES, TUS, UPLOADS, upload_headers
from tests.server import wait_until

FILE, FOLDER = "/data/spool/videos/x/source", "/data/spool/videos"
REFUSED = TracedCall("fdatasync", FILE, 1, then="refuse")
SYNCED = [TracedCall("fdatasync", FILE, 1), TracedCall("fdatasync", FILE, 1, done=True)]
CUT, WRITTEN = TracedCall("ftruncate", FILE, 1), TracedCall("pwrite64", FILE, 1)
ANSWER = TracedCall("write", "socket:[5] HTTP/1.1 204 No Content", 1)
FOLDER_REFUSED = TracedCall("fsync", FOLDER, 1, then="refuse")
FOLDER_SYNCED = TracedCall("fsync", FOLDER, 1, done=True)
MADE = TracedCall("mkdir", f"{FOLDER}/x", 1)


@pytest.mark.parametrize(
    "calls", [[WRITTEN, REFUSED, CUT, WRITTEN, *SYNCED, ANSWER], [MADE, FOLDER_REFUSED, MADE, FOLDER_SYNCED, ANSWER]]
)
def test_a_sync_after_a_new_write_counts(calls: list[TracedCall]) -> None:
    assert believed(calls) == []


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ([WRITTEN, REFUSED, ANSWER], "acknowledged after a sync of an uploaded file had failed"),
        ([WRITTEN, REFUSED, *SYNCED, ANSWER], "an uploaded file was synced again, and not written again"),
        ([WRITTEN, REFUSED, WRITTEN, *SYNCED, ANSWER], "an uploaded file was synced again, and not written again"),
        ([CUT, WRITTEN, REFUSED, *SYNCED, ANSWER], "an uploaded file was synced again, and not written again"),
        ([MADE, FOLDER_REFUSED, ANSWER], "acknowledged after a sync of a folder of the spool had failed"),
        (
            [MADE, FOLDER_REFUSED, FOLDER_SYNCED, ANSWER],
            "a folder of the spool was synced again, and not written again",
        ),
    ],
)
def test_a_trusted_failed_sync_is_found(calls: list[TracedCall], fault: str) -> None:
    assert fault in believed(calls)


@pytest.mark.parametrize("shape", [r"/spool/.*/source$", r"/streamtime\.db-wal$"], ids=["file", "log"])
def test_bytes_whose_sync_failed_are_sent_again(traced_server: TracedServer, film: bytes, shape: str) -> None:
    ann, film = traced_server.ann, make_unique(film)
    at = ann.begin(len(film), filename="film.mp4")
    assert ann.append(at, 0, film[:1000]).status_code == 204
    before = len(traced_server.calls())
    traced_server.set_rules(Rule("fdatasync", shape, "refuse", errno.EIO))
    assert ann.append(at, 1000, film[1000:5000]).status_code == 503
    traced_server.set_rules()
    assert ann.offset(at) == 1000
    answer = ann.api.patch(at, headers={**TUS, **BYTES, "Upload-Offset": "1000"}, content=film[1000:])
    assert answer.status_code == 204
    calls = traced_server.calls()[before:]
    assert failed(calls) > 0
    assert believed(calls) == []
    video = answer.headers["Streamtime-Video"]
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    assert ann.api.get(f"/media/{video}/original").content == film


def test_a_directory_whose_name_may_not_be_on_disk_is_created_again(traced_server: TracedServer) -> None:
    clear(traced_server)
    traced_server.wait_idle()
    begin = {**TUS, **upload_headers(5, filename="film.mp4")}
    before = len(traced_server.calls())
    traced_server.set_rules(Rule("fsync", r"/data/spool$", "refuse", errno.EIO))
    assert traced_server.ann.api.post(UPLOADS, headers=begin).status_code == 503
    traced_server.set_rules()
    begun = traced_server.ann.api.post(UPLOADS, headers=begin)
    assert begun.status_code == 201
    calls = traced_server.calls()[before:]
    assert failed(calls) > 0
    assert believed(calls) == []
    assert traced_server.ann.api.delete(begun.headers["Location"], headers=TUS).status_code == 204
