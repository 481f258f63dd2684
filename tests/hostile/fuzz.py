"""`make fuzz`: random media files in two parts.

`--part odd`: valid but unusual files run through the whole pipeline: a ready one passes the HLS checker, is as long as
another FFmpeg decodes it, and has a poster; a rejected one cannot be decoded.
`--part broken`: valid files are corrupted, and real workers read them: each attempt ends with a known failure.
Without `--part` both run, four odd files for each broken one.

The output is enough to repeat a single case: `make fuzz ARGS="--part odd --seed SEED --case NUMBER"`.
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
    """The case of that number: the seed file and the mutated one."""
    name = sorted(films)[number % len(films)]
    return name, mutated(name, films, random.Random(f"{seed} {number}"))  # noqa: S311  # it is to be repeatable


def good_films() -> dict[str, bytes]:
    """All seeds, in memory."""
    with tempfile.TemporaryDirectory(prefix="streamtime-seeds-") as folder:
        return {name: make_seed(name, Path(folder)).read_bytes() for name in SEEDS}


async def run(numbers: Iterable[int], options: argparse.Namespace) -> list[tuple[int, str, Outcome]]:
    """Run the cases of these numbers in parallel, and print progress."""
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
    """A table of all results."""
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
    """Parse the options, run, and exit with 1 on a fault."""
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
    """Run odd cases, print faults at once, and return whether there was none."""
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
    """Run broken cases, print unusual results, and return whether each ended with a known failure."""
    began = time.monotonic()
    numbers = range(options.begin, options.begin + count) if options.case is None else [options.case]
    results = asyncio.run(run(numbers, options))
    print(summary(results, time.monotonic() - began))
    return not any(outcome.code in UNEXPLAINED_CODES for _, _, outcome in results)


if __name__ == "__main__":
    main()
