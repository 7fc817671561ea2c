"""The roll call against the two others, in turns within one run, and what that says of the goals.

The machine's speed changes from minute to minute, so that only ratios of one run hold.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from django.core.management import call_command
from django.db import connection

from tests.bench.rollcall import estate
from tests.bench.rollcall.contenders import CONTENDERS
from tests.bench.rollcall.worker import Cost

# The loop is measured no further: it would take two minutes a round.
LOOP_MOST = 10_000
Costs = Mapping[int, Mapping[str, Sequence[Cost]]]


class Racer:
    """A contender's process."""

    def __init__(self, name: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.rollcall.worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, accounts: int) -> Cost:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(accounts, file=self.process.stdin, flush=True)
        return Cost(**json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        self.process.communicate()


def run(sizes: Sequence[int], *, rounds: int, folder: Path) -> bool:
    """Run the race; return whether every goal that these sizes can show is met."""
    call_command("migrate", verbosity=0)
    racers = {name: Racer(name, folder) for name in CONTENDERS}
    try:
        costs = {size: _race(racers, size, rounds, folder) for size in sizes}
    finally:
        for racer in racers.values():
            racer.end()
    return report(costs)


def _race(
    racers: Mapping[str, Racer], size: int, rounds: int, folder: Path
) -> Mapping[str, Sequence[Cost]]:
    """The first round warms up and does not count."""
    print(f"{size:,} accounts", end="", file=sys.stderr, flush=True)
    estate.grow(size, folder)
    names = [name for name in racers if name != "loop" or size <= LOOP_MOST]
    costs: dict[str, list[Cost]] = defaultdict(list)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            estate.put_back()
            cost = racers[name].run(size)
            if (changed := estate.changed()) != estate.drifted(size):
                raise AssertionError(f"{name} changed {changed} of {size} accounts")
            if number:
                costs[name].append(cost)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return costs


def report(costs: Costs) -> bool:
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {_database()}")
    print("Lists: fetching and decoding them, which is the same code for all three.")
    head = f"{'accounts':>10} {'':12} {'median':>10} {'CPU':>9} {'lists':>9} {'peak':>9}"
    print(f"{head}   as rollcall, without lists")
    for size, by_name in costs.items():
        for name, measured in by_name.items():
            seconds = median(one.seconds for one in measured)
            cpu = median(one.cpu_seconds for one in measured)
            peak = max(one.peak_mb for one in measured)
            lists = median(one.list_seconds for one in measured)
            factor, besides = ratio(by_name, name), ratio_without_lists(by_name, name)
            print(
                f"{size:>10,} {name:12} {seconds:>8.3f} s {cpu:>7.3f} s {lists:>7.3f} s"
                f" {peak:>6.0f} MB   {factor:.1f}x {besides:.1f}x"
            )
    verdicts = list(_goals(costs))
    for goal, value, is_met in verdicts:
        print(f"{'met   ' if is_met else 'MISSED'} {goal}: {value}")
    return all(is_met for _, _, is_met in verdicts)


def ratio(by_name: Mapping[str, Sequence[Cost]], name: str) -> float:
    """Return how much longer it takes than the roll call, by medians."""
    own = median(one.seconds for one in by_name["rollcall"])
    return median(one.seconds for one in by_name[name]) / own


def ratio_without_lists(by_name: Mapping[str, Sequence[Cost]], name: str) -> float:
    """The same of what is left besides fetching and decoding the lists."""
    own = median(one.seconds - one.list_seconds for one in by_name["rollcall"])
    return median(one.seconds - one.list_seconds for one in by_name[name]) / own


def exponent(costs: Costs) -> float:
    """Return the exponent of the growth between the smallest and the largest size; 1 is linear."""
    least, most = min(costs), max(costs)
    seconds = [median(one.seconds for one in costs[size]["rollcall"]) for size in (least, most)]
    return math.log(seconds[1] / seconds[0]) / math.log(most / least)


def _goals(costs: Costs):
    for size, by_name in costs.items():
        own = by_name["rollcall"]
        if size == 10_000 and "loop" in by_name:
            factor = ratio(by_name, "loop")
            yield "10,000: loop ÷ rollcall ≥ 100", f"{factor:.0f}", factor >= 100
        if size >= 100_000:
            factor = ratio(by_name, "bulk_update")
            yield f"{size:,}: bulk_update ÷ rollcall ≥ 3", f"{factor:.1f}", factor >= 3
        if size == 100_000:
            seconds = median(one.seconds for one in own)
            yield "100,000: under 3 s", f"{seconds:.2f} s", seconds < 3
        peak = max(one.peak_mb for one in own)
        yield f"{size:,}: peak ≤ 200 MB", f"{peak:.0f} MB", peak <= 200
    if len(costs) > 1:
        growth = exponent(costs)
        yield "growth exponent ≤ 1.05", f"{growth:.2f}", growth <= 1.05


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        [version] = cursor.fetchone()
    return f"PostgreSQL {version}"
