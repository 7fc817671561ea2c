"""The contenders in turns within one run: the machine's speed changes from minute to minute, so
that only ratios of one run hold."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from django.core.management import call_command

from tests.bench.ingest import estate, traffic
from tests.bench.ingest.client import Seen, send
from tests.bench.ingest.contenders import (
    BASELINE,
    CLIENT,
    CONNECTIONS,
    NAMES,
    PGBENCH,
    SERVED,
    Contender,
    Keeps,
)
from tests.bench.ingest.processes import (
    Server,
    cpu_seconds,
    database_environment,
    gunicorn,
    postgres_pid,
    redis_pid,
)
from tests.bench.ingest.report import COUNTED, Costs, Turn, report

WARM_UP_SECONDS = 1.0
WARM_UP_REQUESTS = 3000
# A sender must not run out of requests when a turn is faster than its warm-up.
SPARE = 2.0
QUIET_SECONDS = 0.5
# An idle connection tells PostgreSQL's counters after 10 s at the latest.
COUNTED_AFTER_SECONDS = 11.0
# Not what is measured: asked to retry (429), nobody could be compared.
ROLLCALL = {"ROLLCALL_INSECURE_HTTP": "1", "WEBHOOK_MOST_PER_SECOND": "1000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    rounds: int
    seconds: float
    only: frozenset[str]
    folder: Path

    def names(self) -> list[str]:
        """The baseline and the sender's own speed are always there."""
        wanted = self.only | {BASELINE, CLIENT} if self.only else set(NAMES)
        there = set(NAMES) if _pgbench() else set(NAMES) - set(PGBENCH)
        return [name for name in NAMES if name in wanted & there]


@dataclass(slots=True)
class Servers:
    """Each a process of its own, and what the database costs by the same account."""

    plain: Server
    rollcall: Server
    bare: Server
    postgres: int = field(default_factory=postgres_pid)
    redis: int = field(default_factory=redis_pid)


def run(sizes: Sequence[int], race: Race) -> bool:
    """Run the race; return whether every goal that these sizes and contenders can show is met."""
    if unknown := race.only - set(NAMES):
        raise SystemExit(f"no contender {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    call_command("migrate", verbosity=0)
    estate.migrate_plain()
    return report({size: run_size(size, race) for size in sizes})


def run_size(size: int, race: Race) -> Costs:
    print(f"{size:,} accounts", end="", file=sys.stderr, flush=True)
    estate.build(size)
    costs: dict[str, list[Turn]] = defaultdict(list)
    names = race.names()
    with ExitStack() as stack:
        servers = _started(race.folder, stack)
        for number in range(race.rounds):
            estate.tidy()
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                costs[name].append(take_turn(name, size, servers, race))
                print(".", end="", file=sys.stderr, flush=True)
        if "message" in names:
            costs[COUNTED] = [_transactions(SERVED["message"], size, servers, race)]
    print(file=sys.stderr)
    return costs


def take_turn(name: str, size: int, servers: Servers, race: Race) -> Turn:
    if name == CLIENT:
        return _sender_alone(size, servers, race)
    if name in PGBENCH:
        return _pgbench_turn(name, size, servers, race)
    contender = SERVED[name]
    server = servers.rollcall if contender.kind else servers.plain
    rows = estate.rollcall_rows if contender.kind else estate.plain_rows
    send_some = _prepared(contender, size, server.port, race)
    before = _settled(rows)
    turn = _measured(send_some, servers, server.pid)
    _require_rows(contender, turn, before, _settled(rows))
    return turn


def _started(folder: Path, stack: ExitStack) -> Servers:
    def started(words: list[str], name: str, environment: Mapping[str, str]) -> Server:
        server = Server(words, log=folder / f"{name}.log", environment=environment)
        stack.callback(server.end)
        return server

    plain = gunicorn("tests.bench.ingest.plain.wsgi:application", "tests.bench.ingest.plain.web")
    rollcall = gunicorn("config.wsgi:application", "instance.web")
    return Servers(
        plain=started(plain, "plain", estate.PLAIN_SETTINGS),
        rollcall=started(rollcall, "rollcall", ROLLCALL),
        bare=started(["-m", "tests.bench.ingest.bare", "{port}"], "bare", {}),
    )


def _prepared(contender: Contender, size: int, port: int, race: Race) -> Callable[[], Seen]:
    """Warm it up, and make as many requests as it will need."""
    sessions = _sessions(contender, size)
    file = race.folder / "requests"
    traffic.write(file, contender.maker, sessions, WARM_UP_REQUESTS)
    warm = send(port, file, connections=contender.connections, seconds=WARM_UP_SECONDS)
    number = int(warm.rate * race.seconds * SPARE) + 10 * contender.connections
    traffic.write(file, contender.maker, sessions, number)
    return lambda: send(port, file, connections=contender.connections, seconds=race.seconds)


def _sessions(contender: Contender, size: int) -> traffic.Sessions:
    if contender.kind:
        return estate.sessions_of(contender.kind, size)
    return traffic.Sessions("bench", size, size, {})


def _settled(rows: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """Count rows once the requests that a sender abandoned at its end are done too."""
    counted, before = rows(), None
    while counted != before:
        time.sleep(QUIET_SECONDS)
        counted, before = rows(), counted
    return counted


def _measured(send_some: Callable[[], Seen], servers: Servers, app: int) -> Turn:
    pids = (app, servers.postgres, servers.redis)
    before = [cpu_seconds(pid) for pid in pids]
    seen = send_some()
    app_cpu, postgres_cpu, redis_cpu = (
        cpu_seconds(pid) - began for pid, began in zip(pids, before, strict=True)
    )
    return Turn(
        seen=seen,
        app_us=app_cpu / seen.answers * 1e6,
        postgres_us=postgres_cpu / seen.answers * 1e6,
        redis_us=redis_cpu / seen.answers * 1e6,
    )


def _require_rows(
    contender: Contender, turn: Turn, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Raises AssertionError. Requests that were under way at the end may have left a row without an
    answer that anybody has seen; an answer without its row there must never be."""
    kept, seen = after[0] - before[0], turn.seen
    least = seen.accepted if contender.keeps is Keeps.ROW else 0
    most = least + {
        Keeps.ROW: contender.connections,
        Keeps.FIRST: traffic.EVENTS_REPEATED,
    }.get(contender.keeps, 0)
    if not least <= kept <= most:
        raise AssertionError(f"{contender.name}: {kept} rows of {seen.accepted} accepted requests")
    wrong = seen.accepted if contender.keeps is Keeps.REFUSES else seen.refused
    if wrong:
        raise AssertionError(f"{contender.name}: {wrong} of {seen.answers} answers were wrong")


def _sender_alone(size: int, servers: Servers, race: Race) -> Turn:
    contender = SERVED[BASELINE]
    return _measured(_prepared(contender, size, servers.bare.port, race), servers, servers.bare.pid)


def _transactions(contender: Contender, size: int, servers: Servers, race: Race) -> Turn:
    """Transactions a message, as PostgreSQL counts: outside of a transaction a statement is one."""
    send_some = _prepared(contender, size, servers.rollcall.port, race)
    time.sleep(COUNTED_AFTER_SECONDS)
    before = estate.transactions()
    turn = _measured(send_some, servers, servers.rollcall.pid)
    time.sleep(COUNTED_AFTER_SECONDS)
    turn.transactions = (estate.transactions() - before) / turn.seen.answers
    return turn


def _pgbench_turn(name: str, size: int, servers: Servers, race: Race) -> Turn:
    script = race.folder / f"{name}.sql"
    script.write_text(PGBENCH[name])
    began = cpu_seconds(servers.postgres)
    done = subprocess.run(
        [
            *(str(_pgbench()), "--no-vacuum", "--client", str(CONNECTIONS), "--jobs", "2"),
            *("--time", str(max(1, round(race.seconds))), "--define", f"accounts={size}"),
            *("--file", str(script)),
        ],
        env={**os.environ, **database_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"actually processed: (\d+)", done.stdout)
    latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if not (found and latency and rate):
        raise RuntimeError(f"pgbench said: {done.stdout}")
    number = int(found[1])
    seen = Seen(
        accepted=number,
        refused=0,
        seconds=number / float(rate[1]),
        p50_ms=float(latency[1]),
        p99_ms=0,
    )
    spent = cpu_seconds(servers.postgres) - began
    return Turn(seen=seen, app_us=0, postgres_us=spent / number * 1e6, redis_us=0)


def _pgbench() -> str | None:
    return shutil.which("pgbench")
