"""One contender in a process of its own, so that its memory is its own: a line with a number of
accounts comes in, a line with what that cost goes out."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import django

PEAK = Path("/proc/self/clear_refs")
HIGH_WATER = "VmHWM:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one round. `peak_mb`: the process's largest resident size, Python and Django included;
    `list_seconds`: what fetching and decoding the lists took, which is the same code for all."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    list_seconds: float


def main(name: str, folder: Path) -> None:
    django.setup()
    from gateways.registry import use_transport
    from tests.bench.rollcall.estate import HOST, Answers

    with use_transport(f"http://{HOST}", Answers(folder)):
        for line in sys.stdin:
            print(json.dumps(asdict(measure(name, int(line)))), flush=True)


def measure(name: str, accounts: int) -> Cost:
    from tests.bench.rollcall import estate
    from tests.bench.rollcall.contenders import CONTENDERS

    gateways = estate.gateways(accounts)
    _forget_peak()
    with _lists_timed() as lists:
        began, cpu_began = time.perf_counter(), time.process_time()
        CONTENDERS[name](gateways)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Cost(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        list_seconds=sum(lists),
        peak_mb=_peak_mb(),
    )


@contextmanager
def _lists_timed() -> Iterator[list[float]]:
    """Yield how long each call for a list takes inside, in seconds."""
    from gateways.kinds.webjs.client import WebjsClient

    taken: list[float] = []
    ask = WebjsClient.list_sessions

    def asked(client, **how):
        began = time.perf_counter()
        try:
            return ask(client, **how)
        finally:
            taken.append(time.perf_counter() - began)

    with patch.object(WebjsClient, "list_sessions", asked):
        yield taken


def _forget_peak() -> None:
    """Reset the peak memory. Without /proc the peak is that of all rounds so far."""
    if PEAK.exists():
        PEAK.write_text("5")


def _peak_mb() -> float:
    if not PEAK.exists():
        bytes_each = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_each / 1024**2
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(HIGH_WATER))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
