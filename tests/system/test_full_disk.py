"""A disk that is full in the middle of an upload: what fitted is kept and told, and it goes on once there is room.

The kernel refuses every file beyond a size (RLIMIT_FSIZE): a write that crosses it is done in part, as on a full disk.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.people import BYTES, TUS, UPLOADS, Person, upload_headers
from tests.server import Server

FITS = 12_345_678
LENGTH = 20_000_000


@pytest.fixture(scope="module")
def film() -> bytes:
    return os.urandom(LENGTH)


@contextmanager
def full_at(server: Server, size: int) -> Iterator[None]:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def finish(person: Person, at: str, film: bytes) -> None:
    offset = person.offset(at)
    assert person.append(at, offset, film[offset:]).status_code == 204
    video = person.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert person.api.get(f"/media/{video}/original").content == film


def test_what_fitted_is_kept_and_told(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    at = ann.begin(LENGTH, filename="x.bin")
    assert ann.append(at, 0, film[:1000]).status_code == 204
    with full_at(server, FITS):
        full = ann.append(at, 1000, film[1000:])
        assert (full.status_code, full.json()["code"]) == (507, "no_space")
        assert full.headers["Upload-Offset"] == str(FITS)
        assert full.json()["needed"] == LENGTH - FITS
        assert "12.3 MB of this file are kept, 7.7 MB are missing" in full.json()["detail"]
        assert ann.offset(at) == FITS
        again = ann.append(at, FITS, film[FITS:])
        assert (again.status_code, again.headers["Upload-Offset"]) == (507, str(FITS))
    finish(ann, at, film)


def test_what_fitted_outlives_a_kill(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    at = ann.begin(LENGTH, filename="x.bin")
    with full_at(server, FITS):
        assert ann.append(at, 0, film).headers["Upload-Offset"] == str(FITS)
    server.kill()
    server.start()
    assert ann.offset(at) == FITS
    finish(ann, at, film)


def test_a_creation_with_bytes_tells_where_to_go_on(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    with full_at(server, FITS):
        headers = {**TUS, **BYTES, **upload_headers(LENGTH, filename="x.bin")}
        begun = ann.api.post(UPLOADS, headers=headers, content=film)
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (507, str(FITS))
    finish(ann, begun.headers["Location"], film)


def test_a_last_small_piece_is_kept_in_part_too(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    at = ann.begin(LENGTH, filename="x.bin")
    assert ann.append(at, 0, film[: FITS - 10]).status_code == 204
    with full_at(server, FITS):
        full = ann.append(at, FITS - 10, film[FITS - 10 :][:500])
        assert (full.status_code, full.headers["Upload-Offset"]) == (507, str(FITS))
    finish(ann, at, film)


def test_with_a_checksum_it_counts_as_a_whole_or_not_at_all(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    at = ann.begin(LENGTH, filename="x.bin")
    digest = "sha1 " + "A" * 27 + "="
    with full_at(server, FITS):
        headers = {**TUS, **BYTES, "Upload-Offset": "0", "Upload-Checksum": digest}
        full = ann.api.patch(at, headers=headers, content=film)
        assert (full.status_code, full.headers["Upload-Offset"]) == (507, "0")
    finish(ann, at, film)


def test_readyz_tells_that_a_disk_is_full(server: Server, film: bytes) -> None:
    ann = server.person("ann")
    assert server.visitor().api.get("/readyz").json()["spool"] == "ok"
    at = ann.begin(LENGTH, filename="x.bin")
    with full_at(server, FITS):
        assert ann.append(at, 0, film).status_code == 507
        with full_at(server, 1000):
            told = server.visitor().api.get("/readyz")
    assert told.status_code == 503
    assert "full" in told.json()["spool"]
    assert server.visitor().api.get("/readyz").json()["spool"] == "ok"
