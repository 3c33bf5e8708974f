"""``python -m tests.faults``: every fault at every step, then days by chance for as long as there is time.

python -m tests.faults --seconds 600            # everything, then by chance
python -m tests.faults --seed 4711              # one day by chance again
python -m tests.faults --azure                  # the same on the adapters of Azure
python -m tests.faults --case small:57:expire   # one case again
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice

from tests.faults.case import AZURE, LOCAL, Report, run_case
from tests.faults.cases import every_case

SIZES = (20, 40, 200)  # messages of a day
PROGRESS_EVERY = 100


def main() -> int:
    """Return 0 when nothing was broken."""
    options = _options()
    ran = broken = steps = 0
    for report in _reports(_cases(options), options.processes):
        ran, steps = ran + 1, steps + len(report.steps)
        if report.broken:
            broken += 1
            print(report, flush=True)
        if ran % PROGRESS_EVERY == 0:
            print(f"{ran} cases, {broken} broken, now {report.case}", flush=True)
    print(f"{ran} cases, {steps} steps, {broken} broken")
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Break the hub at every step.")
    parser.add_argument("--case", help="one case, by its name")
    parser.add_argument("--seed", help="one day of 200 messages by chance, by its seed")
    parser.add_argument("--azure", action="store_true", help="on the adapters of Azure, at every call of a service")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to draw days by chance (60)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many run cases (one for each core)")
    return parser.parse_args()


def _reports(cases: Iterator[str], processes: int) -> Iterator[Report]:
    """Yield what became of each case, whichever is done first; a case is drawn when a process is free for it."""
    context = multiprocessing.get_context("spawn")  # nothing of this process is in the others
    with ProcessPoolExecutor(processes, context) as pool:
        under_way = {pool.submit(run_case, case) for case in islice(cases, processes)}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            under_way |= {pool.submit(run_case, case) for case in islice(cases, len(done))}
            yield from (future.result() for future in done)


def _cases(options: argparse.Namespace) -> Iterator[str]:
    where = AZURE if options.azure else LOCAL
    if options.case or options.seed:
        yield options.case or f"{where}chance:{options.seed}"
        return
    yield f"{where}small"
    yield from every_case(where)
    chance, end = random.SystemRandom(), time.monotonic() + options.seconds
    while time.monotonic() < end:
        yield f"{where}chance:{chance.randrange(10**9)}:{chance.choice(SIZES)}"


if __name__ == "__main__":
    sys.exit(main())
