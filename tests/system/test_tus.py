"""tus 1.0 as its specification has it (https://tus.io/protocols/resumable-upload), extension by extension."""

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection

import pytest

from tests.people import BYTES, TUS, UPLOADS, Person, upload_headers
from tests.server import Server, StartServer, wait_until

DATA = bytes(range(256)) * 1024


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


@pytest.fixture
def ben(shared_server: Server) -> Person:
    return shared_server.person("ben")


def test_options_tell_version_extensions_and_size(shared_server: Server) -> None:
    answer = shared_server.visitor().api.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    extensions = {"creation", "creation-with-upload", "checksum", "expiration", "termination"}
    assert set(answer.headers["Tus-Extension"].split(",")) == extensions
    assert set(answer.headers["Tus-Checksum-Algorithm"].split(",")) == {"sha256", "sha1"}
    assert int(answer.headers["Tus-Max-Size"]) == 64 * 2**30


def test_bytes_arrive_in_pieces_and_are_the_same(ann: Person) -> None:
    at = ann.begin(len(DATA), filename="pieces.bin", title="In pieces")
    middle = len(DATA) // 3
    assert ann.offset(at) == 0
    first = ann.append(at, 0, DATA[:middle])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(middle))
    assert first.headers["Tus-Resumable"] == "1.0.0"
    assert ann.offset(at) == middle
    assert ann.append(at, middle, DATA[middle:]).headers["Upload-Offset"] == str(len(DATA))
    asked = ann.api.head(at, headers=TUS)
    assert asked.headers["Upload-Length"] == asked.headers["Upload-Offset"] == str(len(DATA))
    assert asked.headers["Cache-Control"] == "no-store"
    assert "title " + base64.b64encode(b"In pieces").decode() in asked.headers["Upload-Metadata"]
    video = asked.headers["Streamtime-Video"]
    assert ann.look(video)["title"] == "In pieces"
    original = ann.api.get(f"/media/{video}/original").content
    assert hashlib.sha256(original).digest() == hashlib.sha256(DATA).digest()


def test_creation_takes_the_first_bytes_along(ann: Person) -> None:
    headers = {**TUS, **BYTES, **upload_headers(len(DATA), filename="x.mp4")}
    begun = ann.api.post(UPLOADS, headers=headers, content=DATA[:1000])
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "1000")
    at = begun.headers["Location"]
    assert ann.offset(at) == 1000
    assert ann.append(at, 1000, DATA[1000:]).status_code == 204


def test_a_finished_upload_may_be_finished_again(ann: Person) -> None:
    at = ann.begin(10, filename="ten.bin")
    assert ann.append(at, 0, b"0123456789").status_code == 204
    again = ann.append(at, 10, b"")
    assert (again.status_code, again.headers["Upload-Offset"]) == (204, "10")


def test_another_offset_is_a_conflict_and_changes_nothing(ann: Person) -> None:
    at = ann.begin(100, filename="x.mp4")
    assert ann.append(at, 0, bytes(40)).status_code == 204
    for offset in (0, 39, 41, 100):
        assert ann.append(at, offset, bytes(10)).status_code == 409
    assert ann.offset(at) == 40


@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0", ""])
def test_another_version_is_answered_412_with_ours(ann: Person, version: str | None) -> None:
    at = ann.begin(100, filename="x.mp4")
    headers = {} if version is None else {"Tus-Resumable": version}
    asked = [
        ann.api.post(UPLOADS, headers={**headers, **upload_headers(10)}),
        ann.api.head(at, headers=headers),
        ann.api.patch(at, headers={**headers, **BYTES, "Upload-Offset": "0"}, content=b"x"),
        ann.api.delete(at, headers=headers),
    ]
    assert [answer.status_code for answer in asked] == [412] * 4
    assert {answer.headers["Tus-Version"] for answer in asked} == {"1.0.0"}
    assert ann.offset(at) == 0


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "video/mp4", "multipart/form-data; boundary=x"])
def test_bytes_announced_as_something_else_are_refused(ann: Person, kind: str | None) -> None:
    at = ann.begin(100, filename="x.mp4")
    headers = {**TUS, "Upload-Offset": "0"} | ({"Content-Type": kind} if kind else {})
    answer = ann.api.patch(at, headers=headers, content=b"x")
    assert answer.status_code == 415
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ann.offset(at) == 0


def test_more_bytes_than_announced_are_refused(ann: Person) -> None:
    at = ann.begin(100, filename="x.mp4")
    answer = ann.append(at, 0, bytes(101))
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_bytes")
    assert ann.append(at, 0, bytes(100)).status_code == 204
    assert ann.append(at, 100, b"x").status_code == 400


@pytest.mark.parametrize("length", ["", "-1", "1.5", "ten", "1e3", "9" * 20, "\u0661"])
def test_a_length_must_be_a_number(ann: Person, length: str) -> None:
    headers = {b"Tus-Resumable": b"1.0.0", b"Upload-Length": length.encode()}
    answer = ann.api.post(UPLOADS, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["field"] == "Upload-Length"


@pytest.mark.parametrize("offset", ["", "-1", "x", "0x0"])
def test_an_offset_must_be_a_number(ann: Person, offset: str) -> None:
    at = ann.begin(100, filename="x.mp4")
    answer = ann.api.patch(at, headers={**TUS, **BYTES, "Upload-Offset": offset}, content=b"x")
    assert (answer.status_code, answer.json()["field"]) == (400, "Upload-Offset")


def test_limits_are_told_before_a_byte_is_sent(ann: Person) -> None:
    large = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(64 * 2**30 + 1)})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    empty = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(0)})
    assert (empty.status_code, empty.json()["code"]) == (400, "empty")


def test_no_room_on_the_disk_is_told_before_a_byte_is_sent(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_UPLOADS__MINIMUM_FREE_SPACE="900TiB")
    answer = server.person("ann").api.post(UPLOADS, headers={**TUS, **upload_headers(1)})
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")


@pytest.mark.parametrize(
    "metadata",
    [
        b"title not_base64!",
        b"title \xe9",
        b"title YQ",
        b"title /w==",
        b"title YQ==,title Yg==",
        b"visibility " + base64.b64encode(b"everybody"),
        b"title " + base64.b64encode(b"t" * 201),
        b"filename " + base64.b64encode(b"x" * 9000),
    ],
)
def test_junk_in_the_metadata_is_refused(ann: Person, metadata: bytes) -> None:
    headers = {b"Tus-Resumable": b"1.0.0", b"Upload-Length": b"5", b"Upload-Metadata": metadata}
    answer = ann.api.post(UPLOADS, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("metadata", "title"),
    [
        (b"", "video"),
        (b"filename", "video"),
        (b"filename " + base64.b64encode(b"My_holiday film.mp4"), "My holiday film"),
        (b"filename " + base64.b64encode(b"../../etc/passwd"), "passwd"),
        (b"filename " + base64.b64encode(b"C:\\videos\\a.mkv"), "a"),
        (b"filename " + base64.b64encode("J\u00fcrgen \U0001f3ac.mp4".encode()), "J\u00fcrgen \U0001f3ac"),
        (b"\xff\xfe YQ==", "video"),
        (b", ,filename " + base64.b64encode(b"a.mp4") + b",", "a"),
    ],
)
def test_a_title_is_made_of_what_there_is(ann: Person, metadata: bytes, title: str) -> None:
    headers = {b"Tus-Resumable": b"1.0.0", b"Upload-Length": b"5", b"Upload-Metadata": metadata}
    begun = ann.api.post(UPLOADS, headers=headers)
    assert begun.status_code == 201
    assert ann.look(begun.headers["Streamtime-Video"])["title"] == title
    assert ann.offset(begun.headers["Location"]) == 0


def test_an_upload_given_up_is_gone_with_its_video_and_bytes(server: Server) -> None:
    person = server.person("ann")
    at = person.begin(100_000, filename="x.mp4")
    person.append(at, 0, bytes(50_000))
    video = person.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert server.files("spool")
    assert person.api.delete(at, headers=TUS).status_code == 204
    assert person.api.head(at, headers=TUS).status_code == 404
    assert person.append(at, 50_000, b"x").status_code == 404
    assert person.api.get(f"/api/v1/videos/{video}").status_code == 404
    wait_until(lambda: not server.files("spool"), "its bytes are gone")


def test_a_finished_upload_cannot_be_given_up(ann: Person) -> None:
    at = ann.begin(5, filename="x.mp4")
    ann.append(at, 0, b"12345")
    assert ann.api.delete(at, headers=TUS).status_code == 409


def test_post_stands_in_for_methods_that_a_proxy_swallows(ann: Person) -> None:
    at = ann.begin(10, filename="x.mp4")
    as_patch = {**TUS, **BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert ann.api.post(at, headers=as_patch, content=b"01234").headers["Upload-Offset"] == "5"
    asked = ann.api.post(at, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert (asked.status_code, asked.headers["Upload-Offset"]) == (200, "5")
    assert ann.api.post(at, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert ann.api.head(at, headers=TUS).status_code == 404
    assert (
        ann.api.post(UPLOADS, headers={**TUS, **upload_headers(5), "X-HTTP-Method-Override": "GET"}).status_code == 201
    )


def test_somebody_elses_upload_is_not_there(shared_server: Server, ann: Person, ben: Person) -> None:
    at = ann.begin(10, filename="x.mp4", visibility="public")
    strangers = [ben, shared_server.person("admin"), shared_server.visitor()]
    for stranger in strangers:
        assert stranger.api.head(at, headers=TUS).status_code == 404
        assert stranger.append(at, 0, b"x").status_code == 404
        assert stranger.api.delete(at, headers=TUS).status_code == 404
    assert ann.offset(at) == 0


def test_nobody_uploads_without_an_account(shared_server: Server) -> None:
    answer = shared_server.visitor().api.post(UPLOADS, headers={**TUS, **upload_headers(5)})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def checked(data: bytes, algorithm: str = "sha256") -> dict[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_with_a_checksum_bytes_count_as_a_whole_or_not_at_all(ann: Person, algorithm: str) -> None:
    at = ann.begin(len(DATA), filename="checked.bin")
    middle = len(DATA) // 2
    headers = {**TUS, **BYTES, "Upload-Offset": "0"}
    wrong = ann.api.patch(at, headers={**headers, **checked(DATA[1:middle], algorithm)}, content=DATA[:middle])
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert ann.offset(at) == 0
    right = ann.api.patch(at, headers={**headers, **checked(DATA[:middle], algorithm)}, content=DATA[:middle])
    assert (right.status_code, right.headers["Upload-Offset"]) == (204, str(middle))
    assert ann.append(at, middle, DATA[middle:]).status_code == 204
    video = ann.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert ann.api.get(f"/media/{video}/original").content == DATA


def test_a_body_that_breaks_off_before_its_checksum_leaves_nothing(ann: Person) -> None:
    at = ann.begin(len(DATA), filename="broken.bin")

    def half() -> Iterator[bytes]:
        yield DATA[: len(DATA) // 2]
        raise ConnectionError

    headers = {**TUS, **BYTES, "Upload-Offset": "0", **checked(DATA), "Content-Length": str(len(DATA))}
    with pytest.raises(ConnectionError):
        ann.api.patch(at, headers=headers, content=half())
    assert ann.offset(at) == 0
    assert ann.append(at, 0, DATA).status_code == 204


@pytest.mark.parametrize("header", ["md5 YQ==", "sha256", "sha256 YQ==", "sha256 ???", "sha256 \xe9", ""])
def test_a_checksum_that_cannot_be_read_is_refused(ann: Person, header: str) -> None:
    at = ann.begin(100, filename="x.mp4")
    headers = {**TUS, **BYTES, "Upload-Offset": "0", "Upload-Checksum": header}
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = ann.api.patch(at, headers=raw, content=b"x")
    assert (answer.status_code, answer.json()["field"]) == (400, "Upload-Checksum")
    assert ann.offset(at) == 0


def test_what_is_too_large_to_be_taken_as_a_whole_is_refused_before_it_is_sent(
    shared_server: Server, ann: Person
) -> None:
    at = ann.begin(200 << 20, filename="x.mp4")
    headers = {**TUS, **BYTES, "Upload-Offset": "0", **checked(b""), "Content-Length": str((64 << 20) + 1)}
    with closing(HTTPConnection(shared_server.url.removeprefix("http://"), timeout=90)) as connection:
        connection.request("PATCH", at, headers={**headers, "Authorization": f"Bearer {ann.token}"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["limit"]) == (413, 64 << 20)
    assert ann.offset(at) == 0
    ann.api.delete(at, headers=TUS).raise_for_status()


def test_creation_takes_checked_bytes_along(ann: Person) -> None:
    headers = {**TUS, **BYTES, **upload_headers(len(DATA), filename="x.mp4"), **checked(DATA[:1000])}
    assert ann.api.post(UPLOADS, headers=headers, content=DATA[:1000]).headers["Upload-Offset"] == "1000"


def test_the_same_client_key_is_the_same_upload(ann: Person, ben: Person) -> None:
    facts = upload_headers(len(DATA), filename="named.mp4", client_key="of-ann")
    begun = ann.api.post(UPLOADS, headers={**TUS, **facts})
    at, video = begun.headers["Location"], begun.headers["Streamtime-Video"]
    assert ann.append(at, 0, DATA[:1000]).status_code == 204
    again = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(len(DATA)), "Idempotency-Key": "of-ann"})
    assert (again.status_code, again.headers["Location"], again.headers["Upload-Offset"]) == (201, at, "1000")
    assert again.headers["Streamtime-Video"] == video
    other = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(5, client_key="of-ann")})
    assert (other.status_code, other.json()["code"]) == (409, "client_key_taken")
    assert ben.api.post(UPLOADS, headers={**TUS, **facts}).headers["Location"] != at
    assert ann.append(at, 1000, DATA[1000:]).status_code == 204
    late = ann.api.post(UPLOADS, headers={**TUS, **facts})
    assert (late.headers["Location"], late.headers["Upload-Offset"]) == (at, str(len(DATA)))
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert ann.api.post(UPLOADS, headers={**TUS, **facts}).headers["Location"] != at  # it lies in the bin


def test_two_creations_at_once_with_one_key_make_one_video(shared_server: Server, ann: Person) -> None:
    assert ann.token
    clients = [shared_server.client(Authorization=f"Bearer {ann.token}") for _ in range(12)]
    headers = {**TUS, **BYTES, **upload_headers(len(DATA), filename="at-once.mp4", client_key="at once")}
    with ThreadPoolExecutor(len(clients)) as crowd:
        answers = list(crowd.map(lambda client: client.post(UPLOADS, headers=headers), clients))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert ann.append(answers[0].headers["Location"], 0, DATA).status_code == 204


@pytest.mark.parametrize("key", ["k" * 201, "two\nlines"])
def test_a_client_key_is_short_and_plain(ann: Person, key: str) -> None:
    answer = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(5, client_key=key)})
    assert (answer.status_code, answer.json()["code"]) == (400, "client_key")


def test_an_upload_that_nobody_goes_on_with_expires(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_UPLOADS__EXPIRE_AFTER="10s")
    ann = server.person("ann")
    done = ann.begin(4, filename="done.mp4")
    ann.append(done, 0, b"done")
    begun = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(100_000, filename="x.mp4")})
    at, video = begun.headers["Location"], begun.headers["Streamtime-Video"]
    first = parsedate_to_datetime(begun.headers["Upload-Expires"])
    more = ann.append(at, 0, bytes(50_000))
    assert parsedate_to_datetime(more.headers["Upload-Expires"]) >= first
    assert "Upload-Expires" not in ann.api.head(done, headers=TUS).headers
    server.restart()
    wait_until(lambda: ann.api.head(at, headers=TUS).status_code == 404, "given up")
    assert ann.api.get(f"/api/v1/videos/{video}").status_code == 404
    assert ann.append(at, 50_000, bytes(50_000)).status_code == 404
    assert ann.offset(done) == 4
    wait_until(lambda: all(path.stat().st_size == 4 for path in server.files("spool")), "its bytes are gone")
    assert ann.api.get("/api/v1/me").json()["quota"]["reserved"] == 0
