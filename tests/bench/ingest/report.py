"""What the turns say: ratios of medians, and the goals."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.ingest import estate
from tests.bench.ingest.client import Seen
from tests.bench.ingest.contenders import BASELINE, CLIENT, FIVE, KINDS

# Not a contender: messages whose statements were counted.
COUNTED = "counted"
MOST = "at most"
LEAST = "at least"


@dataclass(slots=True, kw_only=True)
class Turn:
    """One contender's, in one round. CPU in microseconds a request."""

    seen: Seen
    app_us: float
    postgres_us: float
    redis_us: float
    transactions: float = 0.0

    @property
    def cpu_us(self) -> float:
        return self.app_us + self.postgres_us + self.redis_us


Costs = Mapping[str, Sequence[Turn]]
Figure = Callable[[Turn], float]


def rate(turn: Turn) -> float:
    return turn.seen.rate


def cpu(turn: Turn) -> float:
    return turn.cpu_us


def postgres(turn: Turn) -> float:
    return turn.postgres_us


def p99(turn: Turn) -> float:
    return turn.seen.p99_ms


def of(costs: Costs, name: str, figure: Figure) -> float | None:
    """The median; None of a contender that did not take part."""
    turns = costs.get(name)
    return median(figure(turn) for turn in turns) if turns else None


def ratio(costs: Costs, name: str, figure: Figure, by: str = BASELINE) -> float | None:
    own, other = of(costs, name, figure), of(costs, by, figure)
    return own / other if own is not None and other else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Of one size. `value` None where the contenders that it needs did not take part."""

    what: str
    value: Callable[[Costs], float | None]
    limit: float
    is_met_by: str = MOST
    stretch: float | None = None


def _dearest_kind(costs: Costs) -> float | None:
    found = [ratio(costs, f"state_{kind}", cpu, by="state") for kind in KINDS]
    known = [one for one in found if one is not None]
    return max(known) if len(known) == len(KINDS) else None


def _sender(costs: Costs) -> float | None:
    """Against the fastest one that answered it."""
    others = [of(costs, name, rate) for name in costs if name not in (CLIENT, COUNTED)]
    own = of(costs, CLIENT, rate)
    served = [one for one in others if one is not None]
    return own / max(served) if own is not None and served else None


GOALS = (
    Goal(
        what="state webhook, req/s ÷ DRF + ORM",
        value=lambda costs: ratio(costs, "state", rate),
        limit=4,
        stretch=8,
        is_met_by=LEAST,
    ),
    Goal(
        what="its CPU ÷ DRF + ORM's",
        value=lambda costs: ratio(costs, "state", cpu),
        limit=0.25,
        stretch=0.12,
    ),
    Goal(
        what="its PostgreSQL CPU ÷ pgbench's five statements",
        value=lambda costs: ratio(costs, "state", postgres, by=FIVE),
        limit=0.6,
        stretch=0.35,
    ),
    Goal(
        what="its p99 ÷ DRF + ORM's",
        value=lambda costs: ratio(costs, "state", p99),
        limit=0.3,
    ),
    Goal(
        what="message webhook, req/s ÷ DRF + ORM",
        value=lambda costs: ratio(costs, "message", rate),
        limit=6,
        stretch=9,
        is_met_by=LEAST,
    ),
    # What a process asks now and then, whatever it receives, is no more than this.
    Goal(
        what="statements to PostgreSQL for a message",
        value=lambda costs: of(costs, COUNTED, lambda turn: turn.transactions),
        limit=0.01,
    ),
    Goal(
        what="one state webhook alone, p50 in ms",
        value=lambda costs: of(costs, "alone", lambda turn: turn.seen.p50_ms),
        limit=8,
        stretch=4,
    ),
    Goal(
        what="the dearest kind's CPU ÷ the Node service's",
        value=_dearest_kind,
        limit=1.5,
    ),
    Goal(
        what="the sender alone, req/s ÷ the fastest contender's",
        value=_sender,
        limit=1.5,
        is_met_by=LEAST,
    ),
)
# The CPU of a request at the largest size ÷ at the smallest one.
GROWTH_LIMIT = 1.15
GROWING = ("state", "message", "duplicate", "refused")


def report(by_size: Mapping[int, Costs]) -> bool:
    """Print the table and the goals; whether all are met."""
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores (load {load:.1f}), Python {platform.python_version()}, "
        f"{estate.version()}"
    )
    for size, costs in by_size.items():
        print(f"\n{size:,} accounts; medians, CPU in µs a request")
        print("\n".join(_table(costs)))
    print()
    verdicts = [*_verdicts(by_size), *_growth(by_size)]
    for line, is_met in verdicts:
        print(f"{'met   ' if is_met else 'MISSED'} {line}")
    return all(is_met for _, is_met in verdicts)


def _table(costs: Costs) -> Iterator[str]:
    yield (
        f"{'':18} {'÷ DRF+ORM':>10} {'req/s':>8} {'app':>8} {'PG':>8} {'Redis':>6}"
        f" {'CPU ÷':>7} {'p50 ms':>8} {'p99 ms':>8} {'p99 ÷':>7}"
    )
    for name in costs:
        if name == COUNTED:
            continue
        figures = (
            ratio(costs, name, rate),
            of(costs, name, rate),
            of(costs, name, lambda turn: turn.app_us),
            of(costs, name, postgres),
            of(costs, name, lambda turn: turn.redis_us),
            ratio(costs, name, cpu),
            of(costs, name, lambda turn: turn.seen.p50_ms),
            of(costs, name, p99),
            ratio(costs, name, p99),
        )
        formats = ("10.2f", "8.0f", "8.0f", "8.0f", "6.0f", "7.3f", "8.1f", "8.1f", "7.2f")
        cells = [
            "" if figure is None else format(figure, form)
            for figure, form in zip(figures, formats, strict=True)
        ]
        yield f"{name:18} " + " ".join(cells)


def _verdicts(by_size: Mapping[int, Costs]) -> Iterator[tuple[str, bool]]:
    for size, costs in by_size.items():
        for goal in GOALS:
            value = goal.value(costs)
            if value is None:
                continue
            sign = "≤" if goal.is_met_by == MOST else "≥"
            stretch = "" if goal.stretch is None else f" (stretch {goal.stretch:g})"
            is_met = value <= goal.limit if goal.is_met_by == MOST else value >= goal.limit
            yield f"{size:,}: {goal.what} {sign} {goal.limit:g}{stretch}: {value:.3g}", is_met


def _growth(by_size: Mapping[int, Costs]) -> Iterator[tuple[str, bool]]:
    least, most = min(by_size), max(by_size)
    if least == most:
        return
    for name in GROWING:
        small, large = of(by_size[least], name, cpu), of(by_size[most], name, cpu)
        if small and large:
            value = large / small
            line = f"{name}: CPU at {most:,} ÷ at {least:,} ≤ {GROWTH_LIMIT:g}: {value:.2f}"
            yield line, value <= GROWTH_LIMIT
