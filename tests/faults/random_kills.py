"""Kills a server at moments of chance while somebody uploads, publishes, deletes and plays, all mixed."""

import random
import time
from dataclasses import dataclass
from threading import Thread

from tests.faults.expected_state import ExpectedState
from tests.faults.operations import clear, make_unique
from tests.faults.traced_server import TracedServer
from tests.server import wait_until

MOST_ANSWERS = 12
"""A kill comes after so many answers at most, and a moment: on a busy machine too, something was promised before it."""

LONGEST_MOMENT_S = 0.5
MOST_VIDEOS = 4


@dataclass
class RandomKillsResult:
    """What a run came to."""

    kills: int
    answers: int
    longest_start_s: float

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.answers} acknowledged changes, none lost; "
            f"serving again in {self.longest_start_s:.1f} s at most"
        )


class _RandomClient(Thread):
    """Asks for one thing after another until the server is gone. What went wrong is raised by `join`."""

    def __init__(self, server: TracedServer, promises: ExpectedState, film: bytes, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._promises = promises
        self._film = film
        self._chance = chance
        self.trouble: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._server.has_exited:
                self._act()
        except BaseException as error:  # noqa: BLE001  # told by the thread that waits for this one
            self.trouble = error

    def _act(self) -> None:
        promises, chance = self._promises, self._chance
        uploads = [at for at, sent in promises.uploads.items() if sent.gone is False]
        videos = [video for video in promises.videos if promises.alive(video)]
        binned = [video for video, held in promises.videos.items() if held.binned and held.gone is False]
        acts = ["begin", *["append", "append", "append", "give up"] * bool(uploads), *["show", "play"] * bool(videos)]
        act = chance.choice([*acts, *["delete"] * (len(videos) > 1), *["restore", "purge"] * bool(binned)])
        if act == "begin" and len(promises.videos) + len(uploads) < MOST_VIDEOS:
            promises.begin(make_unique(self._film))
        elif act == "append":
            promises.append(chance.choice(uploads), chance.choice([5_000, 20_000, len(self._film) + 20]))
        elif act == "give up" and chance.random() < 0.3:  # more come to their end than not
            promises.abort_upload(chance.choice(uploads))
        elif act == "show":
            promises.set_visibility(chance.choice(videos), chance.choice(["public", "private", "unlisted", "members"]))
        elif act == "play":
            promises.play(chance.choice(videos))
        elif act == "delete":
            promises.delete(chance.choice(videos))
        elif act == "restore":
            promises.restore(chance.choice(binned))
        elif act == "purge":
            promises.purge(chance.choice(binned))


def kill_at_random(
    server: TracedServer, film: bytes, seed: str, kills: int, *, rest_every: int = 5
) -> RandomKillsResult:
    """Kill it so often; after each kill nothing acknowledged is missing, and at rest rows are files.

    Raises:
        AssertionError: something is missing, or lies about.
    """
    chance = random.Random(seed)  # noqa: S311  # it is to be repeatable, as far as processes are
    promises = ExpectedState(server)
    assert server.ann.token
    longest_start_s = 0.0
    for number in range(1, kills + 1):
        somebody = _RandomClient(server, promises, film, random.Random(f"{seed} {number}"))  # noqa: S311  # the same
        somebody.start()
        _promised(promises, somebody, chance.randint(0, MOST_ANSWERS))
        time.sleep(chance.uniform(0, LONGEST_MOMENT_S))
        server.kill()
        somebody.join()
        if somebody.trouble is not None:
            raise somebody.trouble
        began = time.monotonic()
        server.start()
        longest_start_s = max(longest_start_s, time.monotonic() - began)
        promises.check()
        if number % rest_every == 0 or number == kills:
            promises.finish()
            server.wait_idle()
            server.consistency.assert_consistent()
            assert not (unexpected := server.unexpected()), unexpected
    promises.check()
    clear(server)
    server.wait_idle()
    server.consistency.assert_consistent()
    assert server.consistency.count() == 0
    return RandomKillsResult(kills, promises.answers, longest_start_s)


def _promised(promises: ExpectedState, somebody: _RandomClient, more: int) -> None:
    """Wait until so many more changes were acknowledged."""
    goal = promises.answers + more
    wait_until(lambda: promises.answers >= goal or somebody.trouble, "something is promised")
