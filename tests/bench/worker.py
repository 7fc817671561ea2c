"""One contender in a process of its own, so that its memory is its own: a line with a number of
accounts comes in, a line with what that cost goes out."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import django

PEAK = Path("/proc/self/clear_refs")
HIGH_WATER = "VmHWM:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one round. `peak_mb`: the process's largest resident size, Python and Django included."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def main(name: str, folder: Path) -> None:
    django.setup()
    from gateways.registry import use_transport
    from tests.bench.estate import HOST, Answers

    with use_transport(f"http://{HOST}", Answers(folder)):
        for line in sys.stdin:
            print(json.dumps(asdict(measure(name, int(line)))), flush=True)


def measure(name: str, accounts: int) -> Cost:
    from tests.bench import estate
    from tests.bench.contenders import CONTENDERS

    gateways = estate.gateways(accounts)
    _forget_peak()
    began, cpu_began = time.perf_counter(), time.process_time()
    CONTENDERS[name](gateways)
    return Cost(
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu_began,
        peak_mb=_peak_mb(),
    )


def _forget_peak() -> None:
    """Where there is no /proc, the peak is that of all rounds so far."""
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
