"""What a request may be: how long its line, head, fields and framing, whatever pieces it comes in."""

from collections.abc import Iterator

import pytest

from tests.raw_http import RawConnection, RawResponse
from tests.server import Server, resident_bytes

LINE = 16 * 1024
HEAD = 64 * 1024
MIB = 1 << 20
TOKEN = b'{"label": "made"}'
JSON = b"Content-Type: application/json"


@pytest.fixture
def raw(shared_server: Server) -> Iterator[RawConnection]:
    with RawConnection(shared_server) as connection:
        yield connection


@pytest.fixture(scope="module")
def bearer(shared_server: Server) -> bytes:
    """The field that lets somebody make tokens, whose label shows that the body was read."""
    return f"Authorization: Bearer {shared_server.person('framing').token}".encode()


def sent(raw: RawConnection, data: bytes, piece: int = MIB) -> RawResponse:
    """Send in pieces, for as long as the server takes them, and read the answer."""
    for at in range(0, len(data), piece):
        if not raw.send(data[at : at + piece]):
            break
    return raw.response()


def line_of(length: int) -> bytes:
    """A request line of that length."""
    return b"GET /healthz?" + b"x" * (length - len("GET /healthz? HTTP/1.1")) + b" HTTP/1.1"


def head_of(raw: RawConnection, length: int) -> bytes:
    """A head of that length."""
    short = raw.head(b"GET /healthz HTTP/1.1", b"X: ")
    return short.replace(b"X: ", b"X: " + b"x" * (length - len(short)))


@pytest.mark.parametrize("piece", [1, 7, 1460, 65_536, MIB])
def test_a_long_request_line(raw: RawConnection, piece: int) -> None:
    answer = sent(raw, raw.head(line_of(LINE + 100)), piece)
    assert answer.status == 414
    assert answer.header("connection") == "close"
    assert answer.header("content-type") == "application/problem+json"
    assert raw.wait_closed()


@pytest.mark.parametrize("piece", [3, 1460, 65_536, MIB])
@pytest.mark.parametrize(
    "fields", [[b"X: " + b"x" * HEAD], [b"Y" * HEAD + b": x"], [b"X%d: %s" % (n, b"y" * 999) for n in range(66)]]
)
def test_a_large_head(raw: RawConnection, piece: int, fields: list[bytes]) -> None:
    assert sent(raw, raw.head(b"GET /healthz HTTP/1.1", *fields), piece).status == 431
    assert raw.wait_closed()


@pytest.mark.parametrize("piece", [1, 1460, 65_536])
def test_many_fields(raw: RawConnection, piece: int) -> None:
    assert sent(raw, raw.head(b"GET /healthz HTTP/1.1", *[b"X: y"] * 99), piece).status == 200
    assert sent(raw, raw.head(b"GET /healthz HTTP/1.1", *[b"X: y"] * 100), piece).status == 431


@pytest.mark.parametrize("piece", [1460, 65_536, MIB])
def test_what_just_fits_is_taken_and_a_byte_more_is_not(shared_server: Server, piece: int) -> None:
    with RawConnection(shared_server) as raw:
        assert sent(raw, head_of(raw, HEAD), piece).status == 200
        assert sent(raw, head_of(raw, HEAD + 1), piece).status == 431
    with RawConnection(shared_server) as raw:
        assert sent(raw, raw.head(line_of(LINE)), piece).status == 200
        assert sent(raw, raw.head(line_of(LINE + 1)), piece).status == 414


@pytest.mark.parametrize(
    "fill",
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nX: ", id="one field"),
        pytest.param(b"GET /", id="target"),
        pytest.param(b"GET ", id="blank"),
        pytest.param(b"", id="method"),
        pytest.param(b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=", id="extension"),
        pytest.param(b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", id="trailer"),
    ],
)
def test_a_flood_is_not_kept(server: Server, fill: bytes) -> None:
    before = 0
    for mebibytes in (30, 90):  # the first one comes while the server still does what it does after its start
        before = resident_bytes(server.pid, "VmHWM")
        with RawConnection(server) as raw:
            taken = raw.send(fill)
            more = (b" " if fill == b"GET " else b"x") * MIB
            for _ in range(mebibytes):
                taken = taken and raw.send(more)
            assert raw.response().status in {400, 414, 431}
    assert resident_bytes(server.pid, "VmHWM") - before < 45 * MIB
    assert server.visitor().api.get("/healthz").status_code == 200


def test_many_empty_lines(raw: RawConnection) -> None:
    assert sent(raw, b"\r\n" * 3 + raw.head(b"GET /healthz HTTP/1.1")).status == 200
    assert sent(raw, b"\r\n" * 2 * HEAD).status == 431


@pytest.mark.parametrize("piece", [1, 1000, 65_536])
def test_chunked_bodies_and_their_extensions(shared_server: Server, bearer: bytes, piece: int) -> None:
    def asked(chunks: bytes) -> int:
        with RawConnection(shared_server) as raw:
            head = raw.head(b"POST /api/v1/tokens HTTP/1.1", b"Transfer-Encoding: chunked", bearer, JSON)
            return sent(raw, head + chunks, piece).status

    body = b"".join(b"1;a=b\r\n%c\r\n" % letter for letter in TOKEN)
    assert asked(body + b"0\r\n\r\n") == 201
    assert asked(body + b"0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n") == 201
    assert asked(b"5;x=" + b"y" * 20_000 + b"\r\nlabel\r\n0\r\n\r\n") == 400
    assert asked(b"1;x=%s\r\na\r\n" % (b"y" * 500) * 60 + b"0\r\n\r\n") == 400
    assert asked(body + b"0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n") == 400
    assert asked(body + b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n") in {400, 431}
    assert asked(b"0" * 20_000 + b"1\r\na\r\n0\r\n\r\n") == 400


def test_trailers_are_no_fields(bearer: bytes, raw: RawConnection) -> None:
    head = raw.head(b"GET /api/v1/me HTTP/1.1", b"Transfer-Encoding: chunked")
    assert sent(raw, head + b"0\r\n" + bearer + b"\r\n\r\n").status == 401
    assert sent(raw, raw.head(b"GET /api/v1/me HTTP/1.1")).status == 401
    assert sent(raw, raw.head(b"GET /api/v1/me HTTP/1.1", bearer)).status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
        ((b"Content-Length: 5", b"Content-Length: 5"), 400),
        ((b"Content-Length: 5", b"Content-Length: 6"), 400),
        ((b"Content-Length: 5, 5",), 400),
        ((b"Content-Length: +5",), 400),
        ((b"Content-Length: 5x",), 400),
        ((b"Content-Length: 99999999999999999999999",), 400),
        ((b"Transfer-Encoding: gzip, chunked",), 501),
        ((b"Transfer-Encoding: chunked, identity",), 400),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
        ((b"X : y",), 400),
        ((b"X: y\r\n folded",), 400),
        ((b"X: y\nZ: z",), 400),
        ((b"X: y\rZ: z",), 400),
        ((b"X: a\x00b",), 400),
        ((b": y",), 400),
        ((b"Connection: Upgrade", b"Upgrade: h2c", b"Transfer-Encoding: chunked"), 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw: RawConnection, fields: tuple[bytes, ...], status: int) -> None:
    assert sent(raw, raw.head(b"POST /login HTTP/1.1", *fields) + b"0\r\n\r\n").status == status
    assert raw.wait_closed()


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", {505}),
        (b"GET / HTTP/3.7\r\nHost: a\r\n\r\n", {400, 505}),
        (b"GET /\r\n\r\n", {505}),
        (b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"POST /login HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (b"GET http://evil.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n", {421}),
        (b"GET http://x@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}),
        (b"GET http://localhost:99999/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}),
        (b"GET http://localhost/healthz HTTP/1.1\r\n\r\n", {400}),
        (b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.com\r\n\r\n", {200}),
        (b"GET HTTP://localhost?x HTTP/1.1\r\nHost: localhost\r\n\r\n", {200, 303}),
    ],
)
def test_first_lines(raw: RawConnection, data: bytes, statuses: set[int]) -> None:
    assert sent(raw, data).status in statuses


def test_pipelined_requests_are_answered_in_turn(bearer: bytes, raw: RawConnection) -> None:
    one, other = raw.head(b"GET /healthz HTTP/1.1"), raw.head(b"GET /media/x/original HTTP/1.1")
    last = raw.head(b"POST /api/v1/tokens HTTP/1.1", bearer, JSON, b"Content-Length: %d" % len(TOKEN)) + TOKEN
    raw.send((one + other) * 500 + last + one)
    assert [raw.response().status for _ in range(1002)] == [*[200, 404] * 500, 201, 200]


def test_a_request_for_another_protocol_keeps_its_body(bearer: bytes, raw: RawConnection) -> None:
    fields = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA", bearer, JSON)
    head = raw.head(b"POST /api/v1/tokens HTTP/1.1", *fields, b"Content-Length: %d" % len(TOKEN))
    for piece in (head, TOKEN[:7], TOKEN[7:]):
        raw.send(piece)
    response = raw.response()
    assert (response.status, response.header("connection")) == (201, "close")
    assert raw.wait_closed()


def test_a_body_that_is_refused_leaves_the_answer_readable(raw: RawConnection) -> None:
    form = b"Content-Type: application/x-www-form-urlencoded"
    head = raw.head(b"POST /login HTTP/1.1", form, b"Content-Length: %d" % (20 * MIB))
    assert sent(raw, head + bytes(20 * MIB)).status == 413
    assert sent(raw, raw.head(b"GET /healthz HTTP/1.1")).status == 200


def test_a_client_that_waits_for_leave_gets_it_or_a_refusal(bearer: bytes, raw: RawConnection) -> None:
    asks = (b"Expect: 100-continue", bearer, JSON, b"Content-Length: %d" % len(TOKEN))
    raw.send(raw.head(b"POST /api/v1/tokens HTTP/1.1", *asks))
    assert raw.socket.recv(100).startswith(b"HTTP/1.1 100 ")
    assert sent(raw, TOKEN).status == 201
    raw.send(raw.head(b"POST /nothing HTTP/1.1", *asks))
    assert raw.response().status in {404, 405}
    assert raw.wait_closed()
