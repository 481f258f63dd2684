"""`make fuzz`: films that nobody foresaw, as many as one likes, in two parts.

`--part odd`: valid but odd films, drawn at random, are prepared by the whole pipeline and judged: what is ready plays
to the end by the HLS checker, lasts what another FFmpeg decodes, and has a poster; what is refused cannot be decoded.
`--part broken`: good films are broken byte by byte, and real workers try them: each ends in known words.
Without `--part` both run, four odd films for each broken one.

What it prints is enough to try a single one again: `make fuzz ARGS="--part odd --seed SEED --case NUMBER"`.
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
from itertools import chain
from pathlib import Path

from tests.hostile import edge_case_fuzz
from tests.hostile.mutations import mutated
from tests.hostile.seeds import SEEDS, make_seed
from tests.hostile.worker_attempt import UNEXPLAINED_CODES, Outcome, assert_no_leaks, attempts

TOLD_EVERY = 100
REMARKABLE = {
    "worker_crashed",
    "worker_killed",
    "worker_memory",
    "worker_stalled",
    "worker_timeout",
    *UNEXPLAINED_CODES,
}


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
    with assert_no_leaks(folder):
        outcomes = await attempts(paths, folder, at_once=options.at_once)
    for number, path, outcome in zip(batch, paths, outcomes, strict=True):
        if outcome.code in REMARKABLE or options.case is not None:
            _tell(options, number, path, outcome)
        path.unlink()
    return list(zip(batch, names, outcomes, strict=True))


def _tell(options: argparse.Namespace, number: int, path: Path, outcome: Outcome) -> None:
    print(f"number {number}, {path.name}: {outcome.code} after {outcome.seconds:.1f} s; {outcome.stderr_tail[-1500:]}")
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
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("odd", "broken"), help="one of the two parts alone")
    parser.add_argument("--attempts", type=int, default=5000, help="how many films (5000)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="the same seed makes the same films")
    parser.add_argument("--at-once", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--case", "--only", type=int, help="the film of this number alone; needs --part")
    parser.add_argument("--begin", type=int, default=0, help="the number of the first film (0)")
    parser.add_argument("--shrink", action="store_true", help="make the recipes of odd films with faults simpler")
    parser.add_argument("--uploads", type=int, default=edge_case_fuzz.UPLOADED_EVERY, metavar="N",
                        help="upload every Nth odd film to a server as well (40); 0 for none")  # fmt: skip
    parser.add_argument("--keep", type=Path, help="a folder for films of which something remarkable came")
    options = parser.parse_args()
    if options.case is not None and options.part is None:
        parser.error("--case needs --part: each part has numbers of its own")
    print(f"seed {options.seed}", flush=True)
    odd = {"odd": options.attempts, "broken": 0}.get(options.part, options.attempts * 4 // 5)
    well = [part(options, count) for part, count in ((run_odd, odd), (run_broken, options.attempts - odd)) if count]
    sys.exit(0 if all(well) else 1)


def run_odd(options: argparse.Namespace, count: int) -> bool:
    """Try odd films, tell of those with faults at once, and whether there was none."""
    began = time.monotonic()
    numbers = range(options.begin, options.begin + count) if options.case is None else [options.case]
    uploads = [n for n in numbers if options.uploads and n % options.uploads == 0 and options.case is None]
    verdicts = []
    for verdict in chain(
        edge_case_fuzz.tried(options.seed, numbers, at_once=options.at_once, kept=options.keep),
        edge_case_fuzz.tried_by_a_server(options.seed, uploads, options.keep),
    ):
        verdicts.append(verdict)
        if verdict.faults or options.case is not None:
            print(edge_case_fuzz.shrunk(verdict) if options.shrink and verdict.faults else verdict, flush=True)
    print(edge_case_fuzz.summary(verdicts, time.monotonic() - began))
    return not any(verdict.faults for verdict in verdicts)


def run_broken(options: argparse.Namespace, count: int) -> bool:
    """Try broken films, tell of remarkable ends, and whether each ended in known words."""
    began = time.monotonic()
    numbers = range(options.begin, options.begin + count) if options.case is None else [options.case]
    results = asyncio.run(run(numbers, options))
    print(summary(results, time.monotonic() - began))
    return not any(outcome.code in UNEXPLAINED_CODES for _, _, outcome in results)


if __name__ == "__main__":
    main()
