"""`streamtime package` as a person, a script and a plain web server meet it."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.clips import make_clip, truncate_clip
from tests.hls.checker import check
from tests.hls.ffmpeg import complaints
from tests.hls.packaging import PACKAGED_WITHIN_S, environment, packaged, run_package
from tests.server import COMMAND, children_of, is_alive, wait_until


@pytest.fixture(scope="session")
def slow_clip(clips: Path) -> Path:
    """Nothing of its picture can be copied, and encoding it takes a while."""
    return make_clip(clips / "slow-to-package.mkv", duration_s=60, width=640, height=360, video="mpeg4")


@pytest.fixture(scope="session")
def film(ladder_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaged(ladder_clip, tmp_path_factory.mktemp("packaged") / "film")


class Quiet(SimpleHTTPRequestHandler):
    """Python's own, with the types that it does not know and the ranges that other servers know."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".m3u8": "application/vnd.apple.mpegurl"}  # noqa: RUF012  # as the class has it
    extensions_map |= {".m4s": "video/mp4", ".vtt": "text/vtt"}

    def do_GET(self) -> None:
        """Hand out the part that was asked for, which is always one with two ends, or all."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            super().do_GET()
            return
        path = Path(self.translate_path(self.path))
        part = path.read_bytes()[int(asked[1]) : int(asked[2]) + 1]
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_arguments: object) -> None:
        """A test has no use for it."""


@pytest.fixture
def plain_server(film: Path) -> Iterator[str]:
    """The folder in the hands of a plain web server; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(film)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_any_web_server_can_hand_it_out(plain_server: str) -> None:
    with httpx.Client(base_url=plain_server, timeout=30) as client:
        assert list(map(str, check(client, "/master.m3u8"))) == []
    assert complaints(f"{plain_server}/master.m3u8") == []


def test_the_folder_has_what_players_ask_for_and_nothing_else(film: Path) -> None:
    stills = ["poster.jpg", "preview.mp4", "storyboard-0.jpg", "storyboard.vtt"]
    assert sorted(path.name for path in film.iterdir()) == ["240p", "360p", "audio-1", "master.m3u8", *stills]
    names = ["0.m4s", "1.m4s", "init.mp4", "playlist.m3u8"]
    assert {folder.name: sorted(path.name for path in folder.iterdir()) for folder in film.glob("*/")} == {
        "240p": sorted([*names, "iframes.m3u8"]),
        "360p": sorted([*names, "iframes.m3u8"]),
        "audio-1": names,
    }
    assert (film / "poster.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_heights_quality_and_copying_are_the_callers_choice(ladder_clip: Path, tmp_path: Path) -> None:
    folder = packaged(ladder_clip, tmp_path / "film", "--heights", "144", "--crf", "40", "--no-copy")
    assert sorted(path.name for path in folder.glob("*/")) == ["144p", "audio-1"]
    assert check(folder) == []


def test_the_configuration_is_honoured(ladder_clip: Path, tmp_path: Path) -> None:
    folder = packaged(ladder_clip, tmp_path / "film", STREAMTIME_TRANSCODE__HEIGHTS="180")
    assert sorted(path.name for path in folder.glob("*/")) == ["180p", "360p", "audio-1"]


def test_a_pipe_gets_plain_lines_and_the_answer_alone(small_clip: Path, tmp_path: Path) -> None:
    done = run_package(small_clip, tmp_path / "film")
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'film' / 'master.m3u8'}: 180p, audio, 0:04\n"
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[0] == "Preparing 180p, audio-1: 0 %"


def test_programs_get_json(ladder_clip: Path, tmp_path: Path) -> None:
    done = run_package("--json", ladder_clip, tmp_path / "film")
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    *steps, last = events
    assert {step["event"] for step in steps} == {"progress"}
    assert [step["fraction"] for step in steps] == sorted(step["fraction"] for step in steps)
    assert last["event"] == "done"
    assert last["master"] == str(tmp_path / "film" / "master.m3u8")
    assert [(made["name"], made["origin"]) for made in last["renditions"]] == [
        ("360p", "copy"),
        ("240p", "encode"),
        ("audio-1", "copy"),
    ]
    assert done.stderr == ""


def test_a_terminal_gets_a_bar(small_clip: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, "package", str(small_clip), str(tmp_path / "film")],
        env=environment(TERM="xterm-256color", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # how Linux tells that the other end is closed
            while piece := os.read(ours, 65_536):
                seen += piece
        os.close(ours)
        assert process.wait(PACKAGED_WITHIN_S) == 0
    assert b"Preparing 180p, audio-1" in seen
    assert b"\xe2\x94\x81" in seen, "a bar is drawn"


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("streamtime: ")]
    return line


def test_what_cannot_be_packaged_is_told_in_words_and_leaves_nothing(small_clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    assert "cannot be read: No such file" in refused(run_package(tmp_path / "nowhere.mp4", folder))
    (tmp_path / "text.mp4").write_text("these are words, and no video at all\n" * 100)
    assert "not a video file" in refused(run_package(tmp_path / "text.mp4", folder))
    assert "is no file" in refused(run_package(tmp_path, folder))
    (tmp_path / "empty.mp4").touch()
    assert "empty" in refused(run_package(tmp_path / "empty.mp4", folder))
    assert not folder.exists()
    (tmp_path / "file").touch()
    assert "no folder" in refused(run_package(small_clip, tmp_path / "file"))
    assert run_package(small_clip, folder, "--heights", "tall").returncode == 2
    assert "heights" in refused(run_package(small_clip, folder, "--heights", "7"))
    done = run_package("--json", tmp_path / "empty.mp4", folder)
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["code"] == "empty"


def test_a_folder_with_something_in_it_is_left_alone_without_force(small_clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "180p").mkdir()
    (folder / "180p" / "99.m4s").write_text("of an earlier run")
    assert "--force" in refused(run_package(small_clip, folder))
    assert sorted(path.name for path in folder.iterdir()) == ["180p", "notes.txt"]
    packaged(small_clip, folder, "--force")
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "180p" / "99.m4s").exists()
    assert check(folder) == []


def test_a_damaged_file_is_packaged_as_far_as_it_goes(clips: Path, tmp_path: Path) -> None:
    whole = make_clip(clips / "to-be-cut.mkv", duration_s=8, width=320, height=180)
    done = run_package(truncate_clip(whole, 0.6, tmp_path / "cut.mkv"), tmp_path / "film")
    assert done.returncode == 0, done.stderr
    assert "is damaged after 0:0" in done.stderr
    assert check(tmp_path / "film") == []


def workers_of(pid: int) -> list[int] | None:
    """The children of a process; Linux leaves some out of the list when others come and go."""
    return children_of(pid) or None


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_no_half_made_folder_and_no_worker(
    slow_clip: Path, film: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    packaged_before = {path: path.read_bytes() for path in film.rglob("*") if path.is_file()}
    subprocess.run(["cp", "-r", str(film), str(old)], check=True)
    for folder in (new, old):
        with subprocess.Popen(
            [COMMAND, "package", "--force", str(slow_clip), str(folder)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            segment = folder / ".making" / "360p" / "0.m4s"
            wait_until(segment.exists, "under way", within_s=PACKAGED_WITHIN_S)
            workers = wait_until(partial(workers_of, process.pid), "a worker")
            process.send_signal(sent)
            said = process.communicate(timeout=PACKAGED_WITHIN_S)[1].decode()
            assert process.returncode == code
        assert "streamtime: Stopped." in said
        assert "Traceback" not in said
        assert not any(is_alive(worker) for worker in workers)
    assert not new.exists()
    assert {film / path.relative_to(old): path.read_bytes() for path in old.rglob("*") if path.is_file()} == (
        packaged_before
    )
