"""Kills a server at random times while a user uploads, publishes, deletes and plays."""

import random
import time
from dataclasses import dataclass
from threading import Thread

from tests.faults.expected_state import ExpectedState
from tests.faults.operations import clear, make_unique
from tests.faults.traced_server import TracedServer
from tests.server import wait_until

MOST_ANSWERS = 12
"""A kill comes after at most this many responses, so that something was acknowledged on a busy machine too."""

LONGEST_MOMENT_S = 0.5
MOST_VIDEOS = 4


@dataclass
class RandomKillsResult:
    """The result of a run."""

    kills: int
    answers: int
    longest_start_s: float

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.answers} acknowledged changes, none lost; "
            f"serving again in {self.longest_start_s:.1f} s at most"
        )


class _RandomClient(Thread):
    """Sends requests until the server is gone. `join` raises its errors."""

    def __init__(self, server: TracedServer, expected: ExpectedState, film: bytes, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._expected = expected
        self._film = film
        self._chance = chance
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._server.has_exited:
                self._act()
        except BaseException as error:  # noqa: BLE001  # told by the thread that waits for this one
            self.error = error

    def _act(self) -> None:
        expected, chance = self._expected, self._chance
        uploads = [at for at, sent in expected.uploads.items() if sent.gone is False]
        videos = [video for video in expected.videos if expected.alive(video)]
        binned = [video for video, held in expected.videos.items() if held.binned and held.gone is False]
        acts = ["begin", *["append", "append", "append", "give up"] * bool(uploads), *["show", "play"] * bool(videos)]
        act = chance.choice([*acts, *["delete"] * (len(videos) > 1), *["restore", "purge"] * bool(binned)])
        if act == "begin" and len(expected.videos) + len(uploads) < MOST_VIDEOS:
            expected.begin(make_unique(self._film))
        elif act == "append":
            expected.append(chance.choice(uploads), chance.choice([5_000, 20_000, len(self._film) + 20]))
        elif act == "give up" and chance.random() < 0.3:  # more uploads are completed than not
            expected.abort_upload(chance.choice(uploads))
        elif act == "show":
            expected.set_visibility(chance.choice(videos), chance.choice(["public", "private", "unlisted", "members"]))
        elif act == "play":
            expected.play(chance.choice(videos))
        elif act == "delete":
            expected.delete(chance.choice(videos))
        elif act == "restore":
            expected.restore(chance.choice(binned))
        elif act == "purge":
            expected.purge(chance.choice(binned))


def kill_at_random(
    server: TracedServer, film: bytes, seed: str, kills: int, *, rest_every: int = 5
) -> RandomKillsResult:
    """Kill it this often; after each kill nothing acknowledged is missing, and rows and files are consistent.

    Raises:
        AssertionError: something is missing or left over.
    """
    chance = random.Random(seed)  # noqa: S311  # it is to be repeatable, as far as processes are
    expected = ExpectedState(server)
    assert server.ann.token
    longest_start_s = 0.0
    for number in range(1, kills + 1):
        client = _RandomClient(server, expected, film, random.Random(f"{seed} {number}"))  # noqa: S311  # the same
        client.start()
        _wait_acknowledged(expected, client, chance.randint(0, MOST_ANSWERS))
        time.sleep(chance.uniform(0, LONGEST_MOMENT_S))
        server.kill()
        client.join()
        if client.error is not None:
            raise client.error
        began = time.monotonic()
        server.start()
        longest_start_s = max(longest_start_s, time.monotonic() - began)
        expected.check()
        if number % rest_every == 0 or number == kills:
            expected.finish()
            server.wait_idle()
            server.consistency.assert_consistent()
            assert not (unexpected := server.unexpected()), unexpected
    expected.check()
    clear(server)
    server.wait_idle()
    server.consistency.assert_consistent()
    assert server.consistency.count() == 0
    return RandomKillsResult(kills, expected.answers, longest_start_s)


def _wait_acknowledged(expected: ExpectedState, client: _RandomClient, more: int) -> None:
    """Wait until this many more changes were acknowledged."""
    goal = expected.answers + more
    wait_until(lambda: expected.answers >= goal or client.error, "something is promised")
