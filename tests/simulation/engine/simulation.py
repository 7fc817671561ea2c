"""One simulated estate from its seed: put together, run, judged."""

from __future__ import annotations

import gc
import logging
import random
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection

from accounts.alerts.sender import SendOutcome
from tests.simulation.engine.database import simulated_database, tidy
from tests.simulation.engine.hub import Clock, Hub
from tests.simulation.engine.memory import Memory
from tests.simulation.engine.seams import in_our_hands
from tests.simulation.engine.worker import Worker
from tests.simulation.estate import Estate
from tests.simulation.fate import Fate
from tests.simulation.fates.stage import Stage
from tests.simulation.kinds import drawn
from tests.simulation.numbers import Numbers
from tests.simulation.promises.record import Broken
from tests.simulation.referee import Referee


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    hours: float = 24.0
    accounts: int = 500
    gateways: int = 2
    # Of the gateways in turn; none: each drawn from the seed.
    kinds: tuple[str, ...] = ("webjs",)
    intensity: float = 1.0
    fates: tuple[str, ...] = ()  # only these; empty: all there are
    loses_all: bool = False  # each gateway, all at once, and nothing else befalls it
    # There and back, between us and each gateway: the least and the most.
    line_seconds: tuple[float, float] = (0.004, 0.06)
    stops_at_first: bool = True
    # All that goes wrong ends now and then, so that everything can be compared.
    act_seconds: float = 3000.0
    quiet_seconds: float = 1500.0


@dataclass(slots=True)
class Report:
    plan: Plan
    kinds: list[str]
    referee: Referee
    statements: int = 0

    @property
    def numbers(self) -> Numbers:
        return self.referee.record.numbers

    @property
    def broken(self) -> list[str]:
        return self.referee.record.broken

    def said(self) -> str:
        plan, pages = self.plan, self.referee.on_pages
        size = f"{plan.accounts} accounts on {', '.join(self.kinds)}"
        head = f"seed {plan.seed}: {plan.hours:g} h, {size}"
        late = self.referee.record.late
        return "\n".join([head, self.numbers.said(), *pages.said(), *late, *self.broken])


def simulate(plan: Plan, *, without: AbstractContextManager[Any] | None = None) -> Report:
    """Run one simulation. `without`: a guard that is removed for its duration."""
    clock = Clock()
    with _quiet_logs(), simulated_database(clock) as watcher:
        hub, memory = Hub(clock), Memory(clock)
        hub.may_wait = _hold_no_transaction
        source = random.Random(plan.seed)
        worker = Worker(hub, memory, watcher, random.Random(source.random()))
        worker.leave_out = LEFT_OUT
        mail = random.Random(source.random())
        with in_our_hands(
            hub,
            memory,
            take_task=lambda task, *args, **kwargs: worker.take(task, *args, **kwargs),
            carry=lambda channel, message, letter_id: _carry(hub, mail),
            seed=plan.seed,
        ):
            watcher.random = random.Random(f"stumbles {plan.seed}")
            estate = Estate(
                hub,
                random.Random(source.random()),
                accounts=plan.accounts,
                kinds=drawn(plan.kinds, seed=plan.seed, gateways=plan.gateways),
            )
            for site in estate.sites:
                site.line.least, site.line.most = plan.line_seconds
            referee = Referee(hub, estate, worker, watcher, seed=plan.seed)
            report = Report(plan, [site.kind.name for site in estate.sites], referee)
            referee.record.stops_at_first = plan.stops_at_first
            hub.on_step = referee.look
            worker.on_error = lambda name, error: _raised(referee, name, error)
            for site in estate.sites:
                site.post.on_error = worker.on_error
                site.wire.on_call = partial(referee.called, site)
            stage = Stage(hub, estate, worker, random.Random(source.random()), referee.record.note)
            stage.on_mass_loss = referee.on_change.mass_loss
            stage.on_trouble = referee.record.trouble
            fate = Fate(stage)
            with estate.on_line(), _seldom_collecting(), without or nullcontext(), suppress(Broken):
                _run(plan, hub, worker, fate, referee)
            report.statements = watcher.statements
            referee.record.numbers.account_days = plan.accounts * clock.seconds() / 86400
            return report


# Pruning and handing on have nothing to do here, and whoever watches the routes flushes them.
LEFT_OUT = frozenset(
    {
        "webhooks.tasks.prune_deliveries",
        "webhooks.tasks.send_forwards",
        "webhooks.tasks.flush_passages",
    }
)


TIDIED_SECONDS = 600


def _run(plan: Plan, hub: Hub, worker: Worker, fate: Fate, referee: Referee) -> None:
    hub.every(TIDIED_SECONDS, tidy, first=0)
    worker.begin()
    hub.run_until(hub.clock.now + timedelta(seconds=60))
    if plan.loses_all:
        fate.lose_all()
    else:
        fate.begin(intensity=plan.intensity, only=plan.fates)
    ends = hub.clock.now + timedelta(hours=plan.hours)
    while hub.clock.now < ends:
        fate.is_quiet = False
        hub.run_until(min(ends, hub.clock.now + timedelta(seconds=plan.act_seconds)))
        fate.is_quiet = True
        hub.run_until(hub.clock.now + timedelta(seconds=plan.quiet_seconds))
        referee.lasting.look_at_all()
    referee.lasting.look_at_all()
    referee.at_the_end.judge()


def _carry(hub: Hub, source: random.Random) -> SendOutcome:
    hub.sleep(source.uniform(0.05, 2))
    if source.random() < 0.05:
        return SendOutcome(False, "the mail server answered 451")
    return SendOutcome(True)


def _hold_no_transaction() -> None:
    if connection.in_atomic_block:
        raise AssertionError("a transaction is held while a gateway is asked, or while one sleeps")


def _raised(referee: Referee, name: str, error: BaseException) -> None:
    lines = "".join(traceback.format_exception(error)[-12:])
    referee.record.breaks(f"{name} raised", None, lines)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Nearly all that there is, stays: Python need not look through it again and again."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silence the logs: those of so many faults are not tested."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
