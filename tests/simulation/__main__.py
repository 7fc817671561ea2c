"""`./run simulate`: one or more simulated estates, in a database of their own."""

from __future__ import annotations

import argparse
import os
import sys
import time

import django


def main(arguments: list[str]) -> int:
    """The exit code: 1 where a promise was broken."""
    options = _options(arguments)
    django.setup()
    _prepare_database()
    if options.mutate is not None:
        return _mutate(options.mutate)
    from tests.simulation.engine.simulation import Plan, simulate

    broken = 0
    for seed in range(options.seed, options.seed + options.seeds):
        began = time.perf_counter()
        report = simulate(
            Plan(
                seed=seed,
                hours=options.hours,
                accounts=options.accounts,
                gateways=options.gateways,
                kinds=tuple(options.kinds.split(",")) if options.kinds else (),
                intensity=options.intensity,
                fates=tuple(options.fates.split(",")) if options.fates else (),
                loses_all=options.lose_all,
                stops_at_first=not options.keep_going,
            )
        )
        print(report.said())
        took = time.perf_counter() - began
        print(f"{took:.0f} s of work, {report.statements} statements\n", flush=True)
        broken += len(report.broken)
    return int(broken > 0)


def _mutate(names: str) -> int:
    """Remove each guard in turn, and print the first seed that notices.

    With the guard in its place the same seed keeps every promise.
    """
    from tests.simulation.engine.simulation import Plan, simulate
    from tests.simulation.mutations import GUARDS, SEEDS, plan_for

    sound: dict[Plan, bool] = {}

    def is_sound(plan: Plan) -> bool:
        if plan not in sound:
            report = simulate(plan)
            sound[plan] = not report.broken
            if report.broken:
                print(f"with every guard, {report.said()}", flush=True)
        return sound[plan]

    unnoticed = 0
    for guard in GUARDS:
        if names and guard.__name__ not in names.split(","):
            continue
        for seed in SEEDS:
            plan = plan_for(guard.__name__, seed)
            report = simulate(plan, without=guard())
            # An error shows that the guard was not taken away cleanly, and no more.
            broken = [one for one in report.broken if " raised: " not in one.partition("\n")[0]]
            if broken and is_sound(plan):
                said = broken[0].splitlines()
                print(f"{guard.__name__}: seed {seed}: {said[0]} ({said[1].strip()})", flush=True)
                break
        else:
            unnoticed += 1
            print(f"{guard.__name__}: NOT NOTICED by {len(SEEDS)} seeds", flush=True)
    return int(unnoticed > 0)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many, one after the other")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument(
        "--kinds",
        default="",
        metavar="KIND,…",
        help="of the gateways in turn; without it each is drawn from the seed",
    )
    parser.add_argument("--intensity", type=float, default=1.0, help="of what befalls the estate")
    parser.add_argument("--fates", default="", help="only these, by name: lose,navigate,speak")
    parser.add_argument(
        "--lose-all", action="store_true", help="all sessions at once, and nothing else happens"
    )
    parser.add_argument("--keep-going", action="store_true", help="also once a promise is broken")
    parser.add_argument(
        "--mutate",
        nargs="?",
        const="",
        metavar="GUARDS",
        help="take one guard away at a time: each must be noticed",
    )
    return parser.parse_args(arguments)


def _prepare_database() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main(sys.argv[1:]))
