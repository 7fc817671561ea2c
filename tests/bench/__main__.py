"""`./run bench rollcall`, `./run bench ingest` and `./run bench live`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import django


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench")
    benches = parser.add_subparsers(dest="what", required=True)
    rollcall = benches.add_parser("rollcall", help="one pass over all gateways")
    rollcall.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    rollcall.add_argument("--full", action="store_true", help="a million accounts, too")
    rollcall.add_argument("--rounds", type=int, default=5)
    ingest = benches.add_parser("ingest", help="one webhook, from the socket to the commit")
    ingest.add_argument("--sizes", type=int, nargs="+", default=[10_000])
    ingest.add_argument("--full", action="store_true", help="also 100,000 and 1,000,000 accounts")
    ingest.add_argument("--rounds", type=int, default=3)
    ingest.add_argument("--seconds", type=float, default=5, help="how long one turn is measured")
    ingest.add_argument("--only", nargs="+", default=[], metavar="CONTENDER")
    live = benches.add_parser("live", help="open pages, from the commit to the pixels")
    live.add_argument("--pages", type=int, default=500)
    live.add_argument("--changes", type=int, default=1000)
    live.add_argument("--idle", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.what != "live" and any(size % 1000 for size in arguments.sizes):
        parser.error("sizes are whole thousands of accounts")
    django.setup()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        bench = {"rollcall": _rollcall, "ingest": _ingest, "live": _live}[arguments.what]
        return 0 if bench(arguments, Path(folder)) else 1


def _rollcall(arguments: argparse.Namespace, folder: Path) -> bool:
    from tests.bench.rollcall.race import run

    sizes = sorted({*arguments.sizes, *([1_000_000] if arguments.full else [])})
    return run(sizes, rounds=arguments.rounds, folder=folder)


def _live(arguments: argparse.Namespace, folder: Path) -> bool:
    from tests.bench.live.race import run

    return run(pages=arguments.pages, changes=arguments.changes, idle=arguments.idle, folder=folder)


def _ingest(arguments: argparse.Namespace, folder: Path) -> bool:
    from tests.bench.ingest.race import Race, run

    sizes = sorted({*arguments.sizes, *([100_000, 1_000_000] if arguments.full else [])})
    race = Race(
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        only=frozenset(arguments.only),
        folder=folder,
    )
    return run(sizes, race)


if __name__ == "__main__":
    sys.exit(main())
