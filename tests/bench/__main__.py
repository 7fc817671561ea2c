"""`./run bench rollcall`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import django


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench")
    parser.add_argument("what", choices=["rollcall"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--full", action="store_true", help="a million accounts, too")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sizes = sorted({*arguments.sizes, *([1_000_000] if arguments.full else [])})
    if any(size % 1000 for size in sizes):
        parser.error("a gateway has a thousand accounts: sizes are thousands")
    django.setup()
    from tests.bench.race import run

    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        return 0 if run(sizes, rounds=arguments.rounds, folder=Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
