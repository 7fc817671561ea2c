"""Where the product meets the world: its clocks, Redis, Celery, threads and the postman, each put
in the simulation's hands. Nothing else of it is touched."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest.mock import patch

from celery import Task
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

import accounts.alerts.outbox
from accounts.store import clock as product_clock
from accounts.store.redis_client import client
from config.celery import app
from tests.simulation.engine.hub import Clock, Executor, Hub
from tests.simulation.engine.hub import wait as hub_wait
from tests.simulation.engine.memory import Memory
from webhooks import misrouted
from webhooks.auth import keyring
from webhooks.inbox import backpressure, receive
from webhooks.route_monitor import source_address

PRODUCT = ("accounts", "webhooks", "reconciliation", "notices", "gateways", "dashboard")


def _modules() -> list[ModuleType]:
    """The product's own: its tasks, its views, and what those bring. One that is loaded while
    a simulation runs would keep the clock of that one for every other."""
    for name in app.conf.beat_schedule:
        import_string(name)
    import_module(settings.ROOT_URLCONF)
    return [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] in PRODUCT]


def _everywhere(stack: ExitStack, old: object, new: object) -> None:
    """Replace it under every name by which a module of the product knows it."""
    for module in _modules():
        for name, value in list(vars(module).items()):
            if value is old:
                stack.enter_context(patch.object(module, name, new))


@contextmanager
def in_our_hands(
    hub: Hub,
    memory: Memory,
    *,
    take_task: Callable[..., None],
    carry: Callable[..., Any],
    seed: int,
) -> Iterator[None]:
    clock = hub.clock
    executor = type("HubExecutor", (Executor,), {"hub": hub})
    with ExitStack() as stack:
        enter = stack.enter_context
        _everywhere(stack, time, clock)
        _everywhere(stack, ThreadPoolExecutor, executor)
        _everywhere(stack, futures.wait, hub_wait)
        _everywhere(stack, client, lambda: memory)
        enter(patch.object(product_clock, "database_now", lambda: clock.now))
        enter(patch.object(timezone, "now", lambda: clock.now))
        enter(patch.object(Task, "apply_async", take_task))
        enter(patch.object(accounts.alerts.outbox, "send", carry))
        # There is no name service: a sender is known by its secret alone.
        enter(patch.object(source_address, "_resolve", lambda names: None))
        _forget_other_days(stack, clock)
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
            keyring.forget()


def _forget_other_days(stack: ExitStack, clock: Clock) -> None:
    """Reset what a process remembers by its own clock."""
    keyring.forget()
    anew = backpressure.Pressure(clock.monotonic)
    _everywhere(stack, backpressure.pressure, anew)
    stack.enter_context(patch.dict(misrouted._noted, clear=True))
    stack.enter_context(patch.object(receive._group, "_last_arrival", None))


def beat_schedule() -> dict[str, float]:
    """The product's own: task → seconds between two."""
    schedule = app.conf.beat_schedule
    return {entry["task"]: float(entry["schedule"]) for entry in schedule.values()}
