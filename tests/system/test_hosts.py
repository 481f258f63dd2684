"""The Host header at the public door: what is malformed is 400, what is foreign is 421, and nothing is a 500."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.raw_http import RawConnection, RawResponse
from tests.server import Server

NAMES = st.sampled_from(
    ["localhost", "127.0.0.1", "[::1]", "nas.local", "evil.com", "evil.com@localhost", "[", "::1", ""]
)
PORTS = st.one_of(
    st.just(""),
    st.integers(-9, 200_000).map(lambda port: f":{port}"),
    st.text("0123456789abc:/@[]. ", max_size=8).map(lambda text: f":{text}"),
)
PATHS = st.sampled_from(["", "/", "/evil", "?x", "#x", "\\x", "%00", " ", ",localhost"])
MADE_UP = st.tuples(NAMES, PORTS, PATHS).map("".join).map(str.encode)
GARBAGE = st.one_of(MADE_UP, st.binary(max_size=300))
LINES = st.sampled_from(
    [b"/healthz", b"/login", b"/", b"/media/x/original", b"/api/v1/videos", b"/s/x", b"/oembed?url=x"]
)


def asked(server: Server, *hosts: bytes, target: bytes = b"/login", version: bytes = b"1.1") -> RawResponse:
    lines = [b"GET %s HTTP/%s" % (target, version), b"Connection: close", *(b"Host: " + host for host in hosts)]
    with RawConnection(server) as raw:
        raw.send(b"\r\n".join([*lines, b"", b""]))
        return raw.response()


@pytest.mark.parametrize(
    "host",
    [
        b"127.0.0.1:99999", b"127.0.0.1:abc", b"localhost:8103/evil", b"evil.com@localhost", b"", b"[", b":80",
        b"[::1%25lo]", b"localhost:80:80", b"localhost, localhost", b"127.0.0.1@evil.example", b"a" * 300,
        b"n\xc3\xa4s",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "target", [b"/", b"/login", b"/api/v1/videos", b"/media/x/original", b"/healthz", b"/assets/x"]
)
def test_a_malformed_host_is_refused_everywhere(shared_server: Server, host: bytes, target: bytes) -> None:
    assert asked(shared_server, host, target=target).status == 400


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_two_hosts_are_refused(shared_server: Server, version: bytes) -> None:
    assert asked(shared_server, b"localhost", b"localhost", version=version).status == 400
    assert asked(shared_server, b"localhost", b"evil.com", version=version).status == 400


def test_only_the_version_that_knows_no_host_may_do_without_one(shared_server: Server) -> None:
    assert asked(shared_server).status == 400
    assert asked(shared_server, version=b"1.0").status == 200


@settings(max_examples=150)
@given(hosts=st.lists(GARBAGE, min_size=1, max_size=2), target=LINES, version=st.sampled_from([b"1.0", b"1.1"]))
@example(hosts=[b"127.0.0.1:99999"], target=b"/login", version=b"1.1")
def test_no_host_is_a_fault_of_the_server(
    shared_server: Server, hosts: list[bytes], target: bytes, version: bytes
) -> None:
    given = [host.replace(b"\r", b"").replace(b"\n", b"") for host in hosts]
    answer = asked(shared_server, *given, target=target, version=version)
    assert answer.status < 500
    if len(given) > 1:
        assert answer.status == 400


@settings(max_examples=100)
@given(origin=GARBAGE, referer=GARBAGE, forwarded=GARBAGE)
def test_no_origin_is_a_fault_of_the_server(
    shared_server: Server, origin: bytes, referer: bytes, forwarded: bytes
) -> None:
    told = {b"Origin": origin, b"Referer": referer, b"X-Forwarded-For": forwarded, b"X-Forwarded-Proto": forwarded}
    fields = [
        b"%s: %s" % (name, value.replace(b"\r", b"").replace(b"\n", b""))
        for name, value in {**told, b"X-Forwarded-Host": forwarded, b"Forwarded": forwarded}.items()
    ]
    body = b"name=ada&password=wrong&next=x"
    lines = [b"POST /login HTTP/1.1", b"Host: localhost", b"Connection: close", *fields]
    lines += [b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: %d" % len(body), b"", body]
    with RawConnection(shared_server) as raw:
        raw.send(b"\r\n".join(lines))
        assert raw.response().status < 500
