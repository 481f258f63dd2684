"""A real S3 server for tests: one SeaweedFS for a run, shared by all its processes, gone with the last of them.

Every process of tests holds a shared lock for as long as it may need the server. A guard that belongs to none of them
waits for the exclusive one: when it gets that, everybody has ended, in whatever way, and it ends the server and removes
what it kept. `python -m tests.s3 FOLDER` starts the guard, and returns when the server is ready.
"""

import fcntl
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pytest
from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from streamtime.storage.s3.connections import BucketAddress
from streamtime.storage.s3.uploads import S3Uploads

BUCKET = "streamtime-tests"
ACCESS_KEY = "tests-key"
SECRET_KEY = "tests-secret"
READY_WITHIN_S = 120.0
TRIES = 3
"""Free ports are found before they are taken: somebody may be quicker."""

PART_BYTES = 5 * 2**20
"""The smallest that S3 allows."""

_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of the shared bucket that one test has for itself, and the way to it."""

    endpoint: str
    prefix: str

    @property
    def address(self) -> BucketAddress:
        return BucketAddress(
            endpoint=self.endpoint,
            bucket=BUCKET,
            region="us-east-1",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            prefix=self.prefix,
            part_bytes=PART_BYTES,
        )

    @property
    def environ(self) -> dict[str, str]:
        """What a server of Streamtime must be told to keep its videos here."""
        return {
            "STREAMTIME_STORAGE__BACKEND": "s3",
            "STREAMTIME_STORAGE__S3__ENDPOINT": self.endpoint,
            "STREAMTIME_STORAGE__S3__BUCKET": BUCKET,
            "STREAMTIME_STORAGE__S3__ACCESS_KEY": ACCESS_KEY,
            "STREAMTIME_STORAGE__S3__SECRET_KEY": SECRET_KEY,
            "STREAMTIME_STORAGE__S3__PREFIX": self.prefix,
            "STREAMTIME_STORAGE__S3__PART_SIZE": str(PART_BYTES),
        }

    def through(self, endpoint: str) -> "Bucket":
        """The same by another way, such as a proxy."""
        return replace(self, endpoint=endpoint)

    def objects(self) -> list[str]:
        """All objects, but not the marker that says whose they are."""
        found = _client(self.endpoint).list_objects(BUCKET, f"{self.prefix}/", recursive=True)
        keys = {(each.object_name or "").removeprefix(f"{self.prefix}/") for each in found}
        return sorted(keys - {"deployment/marker"})

    def uploads(self) -> list[str]:
        """The keys of all multipart uploads in the making."""
        found, _ = self._uploads.page(f"{self.prefix}/", None)
        return sorted(upload.key.removeprefix(f"{self.prefix}/") for upload in found)

    def read(self, key: str) -> bytes:
        response = _client(self.endpoint).get_object(BUCKET, f"{self.prefix}/{key}")
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def write(self, key: str, data: bytes) -> None:
        """Put an object there, behind the back of any server."""
        _put(_client(self.endpoint), f"{self.prefix}/{key}", data)

    def clear(self) -> None:
        """Remove everything."""
        client = _client(self.endpoint)
        for upload in self._uploads.page(f"{self.prefix}/", None)[0]:
            self._uploads.abort(upload.key, upload.upload_id)
        for key in [*self.objects(), "deployment/marker"]:
            client.remove_object(BUCKET, f"{self.prefix}/{key}")

    @property
    def _uploads(self) -> S3Uploads:
        return S3Uploads(self.address, _pool())


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of the server of this run."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str) -> Iterator[Bucket]:
    """A place for the test's own objects, empty at its beginning and at its end."""
    with own_bucket(s3_endpoint) as own:
        yield own


@contextmanager
def own_bucket(endpoint: str) -> Iterator[Bucket]:
    """A place for objects, which is cleared when the block is left."""
    own = Bucket(endpoint, f"t/{secrets.token_hex(8)}")
    yield own
    own.clear()


@contextmanager
def s3_server() -> Iterator[str]:
    """The server of this run of tests, started if nobody has yet; gives its address."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir()) / f"streamtime-test-s3-{run}"
    with ExitStack() as stack:
        _take_part(folder, stack)
        with (folder / "starting").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not (folder / "ready").exists():
                command = [sys.executable, "-m", "tests.s3", str(folder)]
                subprocess.run(command, check=True, timeout=READY_WITHIN_S * TRIES, cwd=Path(__file__).parents[1])
        yield json.loads((folder / "ready").read_text())["endpoint"]


def _take_part(folder: Path, stack: ExitStack) -> None:
    """Hold the shared lock of a folder that the guard has not removed meanwhile."""
    while True:
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            users = (folder / "users").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)
            if os.fstat(users.fileno()).st_ino == (folder / "users").stat().st_ino:
                stack.enter_context(users)
                return
            users.close()


def _put(client: Minio, name: str, data: bytes) -> None:
    client.put_object(BUCKET, name, io.BytesIO(data), len(data))


def _pool() -> PoolManager:
    return PoolManager(timeout=Timeout(connect=10, read=60), retries=False)


def _client(endpoint: str) -> Minio:
    return Minio(
        endpoint.removeprefix("http://"),
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        secure=False,
        region="us-east-1",
        http_client=_pool(),
    )


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


def _started(folder: Path, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    """A server with its bucket made."""
    keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    for _ in range(TRIES):
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        process = subprocess.Popen(
            [*_command(folder), *(f"-{_flag(name)}={port}" for name, port in ports.items())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        endpoint = f"http://127.0.0.1:{ports['s3']}"
        if _makes_bucket(process, endpoint):
            return process, endpoint
        process.kill()
        process.wait()
    raise AssertionError(f"SeaweedFS does not start:\n{(folder / 'log').read_text(errors='replace')[-5000:]}")


def _flag(name: str) -> str:
    room, _, kind = name.partition(".")
    return f"{room}.port.{kind}" if kind else f"{room}.port"


def _command(folder: Path) -> list[str]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    return [
        str(Path(sys.executable).with_name("weed")),
        "-logtostderr=true",
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        f"-s3.config={folder / 'identities.json'}",
        "-s3.autoCreateBucket=false",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-volume.max=100",
    ]


def _makes_bucket(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    client = _client(endpoint)
    deadline = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(HTTPError, MinioException):
            if not client.bucket_exists(BUCKET):
                client.make_bucket(BUCKET)
            _put(client, "ready", b"ready")  # its volumes are there, too
            client.remove_object(BUCKET, "ready")
            return True
        time.sleep(0.1)
    return False


def _guard(folder: Path, ready: int) -> None:
    """Start the server, say so, wait until nobody takes part any more, and leave nothing behind."""
    with (folder / "log").open("ab") as log, (folder / "users").open("a") as users:
        process, endpoint = _started(folder, log)
        (folder / "ready.new").write_text(json.dumps({"endpoint": endpoint}))
        (folder / "ready.new").rename(folder / "ready")
        os.write(ready, b"1")
        os.close(ready)
        fcntl.flock(users, fcntl.LOCK_EX)
        process.send_signal(signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder)


def _main(folder: Path) -> int:
    """Start the guard as a process of nobody's; 0 when its server is ready."""
    ready, says_ready = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        _guard(folder, says_ready)
        return 0
    os.close(says_ready)
    return 0 if os.read(ready, 1) else 1


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
