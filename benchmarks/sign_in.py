"""A storm of wrong passwords: how many are looked at, what a viewer notices, what the time of an answer tells."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from multiprocessing import Process, Queue
from pathlib import Path

import httpx

from benchmarks.rig import Server, command, server
from streamtime.auth.rate_limits import RATES, RateLimit
from tests.clips import make_clip

AT_ONCE = 16
KNOWN = "bench"
WRONG = "a wrong password"

Try = tuple[str, str]
"""A name, and an address that it is tried from."""

_addresses = (f"10.{a}.{b}.{c}" for a in count(1) for b in range(256) for c in range(1, 255))


def main() -> None:
    """Print the counts of each storm, and the distributions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--hashed", type=int, default=300, help="tries of the storm that no limit but the hasher stops")
    parser.add_argument("--timed", type=int, default=60, help="tries for each kind of name whose time is taken")
    options = parser.parse_args()
    storm(options.tries, hashed=options.hashed, timed=options.timed)


def storm(tries: int, *, hashed: int, timed: int) -> None:
    """So many wrong passwords of each kind, on a server of their own.

    Raises:
        AssertionError: more of them were looked at than the limits let through.
    """
    with server(STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1") as ours, tempfile.TemporaryDirectory() as folder:
        segment, cookie = _segment(ours, Path(folder)), ours.cookie()
        _print("a segment, nobody guesses", _fetch_while(ours, segment, cookie, lambda: False, least=300))
        _timed(ours, timed)
        storms: dict[str, tuple[Iterator[Try], RateLimit]] = {
            "one address, one account": (((KNOWN, "192.0.2.1") for _ in count()), RateLimit.SIGN_IN_PAIR),
            "one address, a name a try": (((f"name{n}", "192.0.2.2") for n in count()), RateLimit.SIGN_IN_ADDRESS),
            "an address a try, one account": (((KNOWN, next(_addresses)) for _ in count()), RateLimit.SIGN_IN_ACCOUNT),
        }
        for name, (each, limited) in storms.items():
            _storm(ours, name, [next(each) for _ in range(tries)], segment, cookie, limited)
        unlimited = [(f"other{n}", next(_addresses)) for n in range(hashed)]
        _storm(ours, "an address and a name a try", unlimited, segment, cookie)


def _segment(ours: Server, folder: Path) -> str:
    video = ours.upload(make_clip(folder / "clip.mp4", duration_s=6, width=640, height=360))
    ours.wait(video, until="ready")
    with ours.api as api:
        master = api.get(f"/media/{video}/master.m3u8").text.splitlines()
    playlist = next(line for line in master if line and not line.startswith("#"))
    return f"/media/{video}/{playlist.rpartition('/')[0]}/0.m4s"


def _timed(ours: Server, each: int) -> None:
    """By turns, from addresses that nobody used: an account, a disabled account, and no account."""
    env = {"PATH": "/usr/bin:/bin", "STREAMTIME_DATA_DIR": str(ours.data_dir)}
    command(env, "user", "create", "gone", "--password-stdin", given="correct horse battery")
    command(env, "user", "disable", "gone")
    took: dict[str, list[float]] = {KNOWN: [], "gone": [], "nobody": []}
    with httpx.Client(base_url=ours.address, timeout=60) as client:
        client.post("/login", data={"name": "nobody", "password": WRONG})  # makes the hash that nobody has
        for _ in range(each):
            for name, times in took.items():
                headers = {"Origin": ours.address, "X-Forwarded-For": next(_addresses)}
                started = time.perf_counter()
                answer = client.post("/login", data={"name": name, "password": WRONG}, headers=headers)
                times.append(time.perf_counter() - started)
                assert answer.status_code == 401, answer.status_code
    for name, times in took.items():
        _print(f"a wrong password for {name}", times)


def _storm(
    ours: Server, name: str, tries: list[Try], segment: str, cookie: str, limited: RateLimit | None = None
) -> None:
    told: Queue[dict[int, int]] = Queue()
    storming = Process(target=_try_all, args=(ours.address, tries, told))
    started = time.monotonic()
    storming.start()
    waits = _fetch_while(ours, segment, cookie, storming.is_alive)
    answers = told.get(timeout=60)
    storming.join()
    seconds = time.monotonic() - started
    print(
        f"{name}: {len(tries)} tries in {seconds:.0f} s: {answers.get(401, 0)} looked at, {answers.get(429, 0)} refused"
    )
    assert sum(answers.values()) == answers.get(401, 0) + answers.get(429, 0), answers
    _print("  a segment meanwhile", waits)
    if limited is not None:
        rule = RATES[limited]
        most = rule.burst + seconds / rule.every_s + 1
        assert answers.get(401, 0) <= most, f"{answers[401]} were looked at, and {most:.0f} may be"


def _try_all(address: str, tries: list[Try], told: "Queue[dict[int, int]]") -> None:
    told.put(asyncio.run(_try_at_once(address, tries)))


async def _try_at_once(address: str, tries: list[Try]) -> dict[int, int]:
    answers: Counter[int] = Counter()
    left = iter(tries)

    async def guess(client: httpx.AsyncClient) -> None:
        for name, place in left:
            headers = {"Origin": address, "X-Forwarded-For": place}
            answer = await client.post("/login", data={"name": name, "password": WRONG}, headers=headers)
            answers[answer.status_code] += 1

    async with httpx.AsyncClient(base_url=address, timeout=120) as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(guess(client))
    return dict(answers)


def _fetch_while(ours: Server, segment: str, cookie: str, going: Callable[[], bool], *, least: int = 1) -> list[float]:
    """Fetch a segment again and again while it goes on; how long each took, in seconds."""
    waits: list[float] = []
    with httpx.Client(base_url=ours.address, headers={"Cookie": cookie}, timeout=60) as client:
        while going() or len(waits) < least:
            started = time.perf_counter()
            assert client.get(segment).status_code == 200
            waits.append(time.perf_counter() - started)
            time.sleep(0.01)
    return waits


def _print(what: str, seconds: Sequence[float]) -> None:
    cuts = statistics.quantiles(seconds, n=100)
    points = "  ".join(f"p{at} {cuts[at - 1] * 1000:.1f}" for at in (1, 10, 50, 90, 99))
    print(f"{what} ({len(seconds)}), ms: {points}  most {max(seconds) * 1000:.1f}", flush=True)


if __name__ == "__main__":
    main()
