"""What `streamtime check` says of a bucket: that all goes well, or what is wrong, in words that help."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamtime.errors import ConfigError, StreamtimeError
from streamtime.storage.s3.connections import BucketAddress
from streamtime.storage.s3.trial import check_bucket
from tests.s3 import Bucket


async def complaint(address: BucketAddress) -> str:
    with pytest.raises(StreamtimeError) as refused:
        await check_bucket(address)
    return refused.value.message


async def test_a_bucket_that_is_well_is_left_as_it_was(bucket: Bucket) -> None:
    assert await check_bucket(bucket.address) == ["writes, reads ranges, lists, takes parts, deletes"]
    assert (bucket.objects(), bucket.uploads()) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"access_key": "somebody-else"}, "does not know the access key"),
        ({"secret_key": "another-secret"}, "secret key does not fit"),
        ({"bucket": "there-is-none"}, "bucket of the video store does not exist"),
        ({"endpoint": "http://127.0.0.1:1"}, "Connection refused"),
        ({"endpoint": "http://nowhere.invalid"}, "host of the video store is not known"),
        ({"endpoint": "http://nowhere.invalid", "path_style": False}, "try path_style = true"),
    ],
    ids=["key", "secret", "bucket", "port", "host", "style"],
)
async def test_what_is_wrong_is_named(bucket: Bucket, wrong: dict[str, Any], words: str) -> None:
    said = await complaint(replace(bucket.address, **wrong))
    assert words in said
    assert bucket.address.secret_key not in said


async def test_tls_where_there_is_none(bucket: Bucket) -> None:
    said = await complaint(bucket.through(bucket.endpoint.replace("http:", "https:")).address)
    assert "does not speak TLS" in said


@pytest.mark.parametrize(
    "wrong", [{"bucket": "no"}, {"region": "us east"}, {"access_key": ""}, {"prefix": "../up"}], ids=str
)
async def test_what_can_be_no_address_is_a_fault_of_the_configuration(bucket: Bucket, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"storage\.s3"):
        await check_bucket(replace(bucket.address, **wrong))


class _Answering(BaseHTTPRequestHandler):
    """An S3 server that refuses everything, each time with the same code."""

    code = ""

    def do_GET(self) -> None:
        body = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[Callable[..., int]]:
    """Starts servers that refuse with a code, with a certificate of their own if they are given one; their ports."""
    servers: list[ThreadingHTTPServer] = []

    def start(code: str, certificate: Path | None = None) -> int:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Answering,), {"code": code}))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RequestTimeTooSkewed", "clocks"),
        ("AccessDenied", "may not do this"),
        ("AuthorizationHeaderMalformed", "storage.s3.region"),
        ("PermanentRedirect", "path_style"),
    ],
)
async def test_what_servers_of_other_makes_refuse(
    bucket: Bucket, answering: Callable[..., int], code: str, words: str
) -> None:
    assert words in await complaint(bucket.through(f"http://127.0.0.1:{answering(code)}").address)


@pytest.fixture
def own_certificate(tmp_path: Path) -> Path:
    """A certificate that nobody trusts, with its key, in one file."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    both = tmp_path / "own.pem"
    both.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "cert").read_bytes())
    return both


async def test_a_certificate_of_ones_own_has_to_be_named(
    bucket: Bucket, answering: Callable[..., int], own_certificate: Path
) -> None:
    port = answering("AccessDenied", own_certificate)
    there = bucket.through(f"https://127.0.0.1:{port}").address
    assert "storage.s3.ca_file" in await complaint(there)
    assert "may not do this" in await complaint(replace(there, ca_file=str(own_certificate)))
    assert "begins with https" in await complaint(bucket.through(f"http://127.0.0.1:{port}").address)
    with pytest.raises(ConfigError, match=r"storage\.s3\.ca_file"):
        await check_bucket(replace(there, ca_file="/nowhere/ca.pem"))
