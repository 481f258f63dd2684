"""`make fuzz`: breaks films and has real workers try them, as many as one likes.

What it prints is enough to try a single one again: `make fuzz ARGS="--seed SEED --only NUMBER --keep FOLDER"`.
"""

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.hostile.mutations import mutated
from tests.hostile.seeds import SEEDS, make_seed
from tests.hostile.trial import WORDLESS, Outcome, attempts, nothing_left_behind

TOLD_EVERY = 100
REMARKABLE = {"worker_crashed", "worker_killed", "worker_memory", "worker_stalled", "worker_timeout", *WORDLESS}


def broken(seed: str, number: int, films: dict[str, bytes]) -> tuple[str, bytes]:
    """The film of that number: what it was, and what it is now."""
    name = sorted(films)[number % len(films)]
    return name, mutated(name, films, random.Random(f"{seed} {number}"))  # noqa: S311  # it is to be repeatable


def good_films() -> dict[str, bytes]:
    """All seeds, in memory."""
    with tempfile.TemporaryDirectory(prefix="streamtime-seeds-") as folder:
        return {name: make_seed(name, Path(folder)).read_bytes() for name in SEEDS}


async def run(numbers: Iterable[int], options: argparse.Namespace) -> list[tuple[int, str, Outcome]]:
    """Try the films of these numbers, some at once, and tell how it goes."""
    films = good_films()
    results: list[tuple[int, str, Outcome]] = []
    began = time.monotonic()
    waiting = list(numbers)
    total = len(waiting)
    with tempfile.TemporaryDirectory(prefix="streamtime-fuzz-") as made:
        folder = Path(made)
        while waiting:
            batch, waiting = waiting[:TOLD_EVERY], waiting[TOLD_EVERY:]
            results += await _tried(batch, films, folder, options)
            each = (time.monotonic() - began) / len(results)
            left = each * len(waiting) / 60
            print(f"{len(results)} of {total}, {each:.2f} s each, {left:.0f} minutes left", flush=True)
    return results


async def _tried(
    batch: list[int], films: dict[str, bytes], folder: Path, options: argparse.Namespace
) -> list[tuple[int, str, Outcome]]:
    paths, names = [], []
    for number in batch:
        name, data = broken(options.seed, number, films)
        paths.append(folder / f"{number}-{name}")
        names.append(name)
        paths[-1].write_bytes(data)
    with nothing_left_behind(folder):
        outcomes = await attempts(paths, folder, at_once=options.at_once)
    for number, path, outcome in zip(batch, paths, outcomes, strict=True):
        if outcome.code in REMARKABLE or options.only is not None:
            _tell(options, number, path, outcome)
        path.unlink()
    return list(zip(batch, names, outcomes, strict=True))


def _tell(options: argparse.Namespace, number: int, path: Path, outcome: Outcome) -> None:
    print(f"number {number}, {path.name}: {outcome.code} after {outcome.seconds:.1f} s; {outcome.last_words[-1500:]}")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        kept = options.keep / f"{options.seed}-{path.name}"
        kept.write_bytes(path.read_bytes())
        print(f"kept as {kept}")


def summary(results: list[tuple[int, str, Outcome]], seconds: float) -> str:
    """What came of all of them, as a table."""
    codes = Counter(outcome.code for _, _, outcome in results)
    times = sorted(outcome.seconds for _, _, outcome in results)
    lines = [f"{count:6}  {code}" for code, count in codes.most_common()]
    slowest = sorted(results, key=lambda result: -result[2].seconds)[:5]
    lines += [f"number {number}, {name}: {outcome.seconds:.1f} s, {outcome.code}" for number, name, outcome in slowest]
    middle, last = times[len(times) // 2], times[-1]
    return "\n".join(
        [*lines, f"{len(results)} attempts in {seconds:.0f} s; each {middle:.2f} s in the middle, {last:.1f} s at most"]
    )


def main() -> None:
    """Read the options, run, and end with 1 where something is to be put right."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--attempts", type=int, default=5000, help="how many films (5000)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed breaks the same films")
    parser.add_argument("--at-once", type=int, default=2, help="how many workers at once (2)")
    parser.add_argument("--only", type=int, help="the film of this number alone")
    parser.add_argument("--keep", type=Path, help="a folder for films of which something remarkable came")
    options = parser.parse_args()
    numbers = range(options.attempts) if options.only is None else [options.only]
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    results = asyncio.run(run(numbers, options))
    print(summary(results, time.monotonic() - began))
    sys.exit(1 if any(outcome.code in WORDLESS for _, _, outcome in results) else 0)


if __name__ == "__main__":
    main()
