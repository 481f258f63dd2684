"""`streamtime storage move`: to a bucket and back, with somebody watching, and broken off in the middle."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fault_proxy import FaultProxy, Faults
from tests.people import Person
from tests.s3 import Bucket
from tests.server import Server, StartServer, wait_until
from tests.system.remote import all_bytes, ready_video_in, stores

SLOW_BYTES_PER_S = 60_000
"""An object of the small clip takes a second or so: there is a middle to break off in."""


def at_home(bucket: Bucket) -> dict[str, str]:
    """Settings of a server that knows the bucket and keeps new videos on its disk."""
    return {**bucket.environ, "STREAMTIME_STORAGE__BACKEND": "local"}


def objects(server: Server) -> list[str]:
    """The keys of what lies in the local store."""
    root = server.data_dir / "objects"
    keys = [str(path.relative_to(root)) for path in server.files("objects")]
    return [key for key in keys if key.startswith("videos/")]


@contextmanager
def watching(person: Person, whole: dict[str, bytes]) -> Iterator[None]:
    """Somebody who reads all of a video again and again meanwhile, and finds it whole each time."""
    over = threading.Event()
    wrong: list[str] = []
    rounds = 0

    def watch() -> None:
        nonlocal rounds
        while not over.is_set() or rounds == 0:
            for address, content in all_bytes(person, video_of(whole)).items():
                if whole[address] != content:
                    wrong.append(address)
            rounds += 1

    def video_of(addresses: dict[str, bytes]) -> str:
        return next(iter(addresses)).split("/")[2]

    def careful() -> None:
        try:
            watch()
        except Exception as error:  # noqa: BLE001  # told by the thread of the test
            wrong.append(repr(error))

    viewer = threading.Thread(target=careful)
    viewer.start()
    try:
        yield
    finally:
        over.set()
        viewer.join()
    assert not wrong
    assert rounds


def test_it_plays_while_it_moves_there_and_back(start_server: StartServer, bucket: Bucket, small_clip: Path) -> None:
    server = start_server(**at_home(bucket), STREAMTIME_STORAGE__MEMORY_CACHE="0")
    ann = server.person("ann")
    video = ready_video_in(ann, small_clip.read_bytes(), server, "local")
    whole = all_bytes(ann, video)
    count = stores(server)["local"]
    assert len(objects(server)) == count

    with watching(ann, whole):
        said = server.run("storage", "move", "--to", "s3")
    assert said.startswith(f"{count} objects moved to S3")
    assert "New videos go to local disk: storage.backend decides." in said
    assert stores(server) == {"s3": count}
    assert objects(server) == []
    assert len(bucket.objects()) == count
    assert all_bytes(ann, video) == whole

    with watching(ann, whole):
        lines = [json.loads(line) for line in server.run("storage", "move", "--to", "local", "--json").splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    done = lines[-1]
    assert (done["event"], done["to"], done["objects"]) == ("done", "local", count)
    assert done["stores"]["local"]["objects"] == count
    assert bucket.objects() == []
    assert len(objects(server)) == count
    assert all_bytes(ann, video) == whole


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_broken_off_in_the_middle_it_goes_on(
    start_server: StartServer, bucket: Bucket, s3_endpoint: str, small_clip: Path, how: signal.Signals
) -> None:
    with FaultProxy(s3_endpoint) as proxy:
        server = start_server(**at_home(bucket.through(proxy.endpoint)))
        ann = server.person("ann")
        video = ready_video_in(ann, small_clip.read_bytes(), server, "local")
        whole = all_bytes(ann, video)
        count = stores(server)["local"]
        server.stop()

        proxy.set_faults(Faults(bytes_per_s=SLOW_BYTES_PER_S))
        moving = server.begin("storage", "move", "--to", "s3")
        wait_until(lambda: stores(server)["s3"], "something has moved", within_s=300)
        moving.send_signal(how)
        _, words = moving.communicate(timeout=180)
        assert moving.returncode == (-how if how == signal.SIGKILL else 130), words
        assert (how == signal.SIGKILL) == ("What was moved stays moved" not in words)
        assert stores(server)["local"], "it was in the middle"

        proxy.clear()
        server.start()
        assert all_bytes(ann, video) == whole
        server.run("storage", "move", "--to", "s3")
        assert stores(server) == {"s3": count}
        assert objects(server) == []
        assert len(bucket.objects()) == count
        assert bucket.uploads() == []
        assert all_bytes(ann, video) == whole


def test_what_cannot_be_is_said_in_words(start_server: StartServer, bucket: Bucket) -> None:
    server = start_server()
    without = server.command("storage", "move", "--to", "s3")
    assert (without.returncode, without.stdout) == (1, "")
    assert "storage.s3 needs endpoint and bucket" in without.stderr
    unknown = server.command("storage", "move", "--to", "s3", **at_home(bucket))
    assert unknown.returncode == 1
    assert "The running server was started without S3" in unknown.stderr
    assert server.run("storage", "show") == "New videos go to local disk: storage.backend decides."
    assert server.run("storage", "move", "--to", "local").startswith("0 objects moved to local disk")
