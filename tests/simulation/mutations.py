"""Rollcall with one of its guards taken away. Each must break a promise in the simulation, or the
simulation proves nothing about that guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import PropertyMock, patch

from accounts.repair import starts
from accounts.repair import targeted_read as confirm
from accounts.state import decision, identity, observe
from reconciliation.repair import policy
from reconciliation.rollcall import absent, boot, diff, lease, roll_call, targeted_reads
from tests.simulation.engine.simulation import Plan

Guard = Callable[[], AbstractContextManager[Any]]


def _all(*patches: Any) -> AbstractContextManager[Any]:
    @contextmanager
    def applied() -> Iterator[None]:
        with ExitStack() as stack:
            for one in patches:
                stack.enter_context(one)
            yield

    return applied()


def fencing() -> AbstractContextManager[Any]:
    """Newer wins: as a row is written, a session changes hands, and a list is compared."""
    return _all(
        patch.object(decision, "is_older", lambda *args, **kwargs: False),
        patch.object(identity, "is_older", lambda *args, **kwargs: False),
        patch.object(diff, "_is_newer", lambda *args: False),
    )


def mass_hold() -> AbstractContextManager[Any]:
    """Half of a gateway's sessions at once must be absent for a minute."""
    return patch.object(absent, "_is_mass_loss", lambda *args: False)


def boot_grace() -> AbstractContextManager[Any]:
    """Absence means nothing while a gateway restores its sessions. What vanished with its boot is
    half of it, too, so that for the first minute the mass hold does the same: both are gone."""
    return _all(
        patch.object(boot.Boot, "in_grace", PropertyMock(return_value=False)),
        mass_hold(),
    )


def one_pass_at_a_time() -> AbstractContextManager[Any]:
    """The lease of a roll call."""

    def take(gateway_id: int) -> lease.Lease | None:
        return lease._take(gateway_id, "true")

    return patch.object(roll_call, "take_lease_on_schedule", take)


def two_starts_at_once() -> AbstractContextManager[Any]:
    """The limit of starts in progress at a gateway."""
    return patch.object(starts.limits, "has_room", lambda *args: True)


def in_flight_lease() -> AbstractContextManager[Any]:
    """A start counts as under way for as long as it may still happen, whoever carried it out."""
    return _all(
        patch.object(starts, "LEASE", timedelta(0)),
        patch.object(starts, "MAY_STILL_HAPPEN", timedelta(0)),
    )


def confirmation() -> AbstractContextManager[Any]:
    """The read after a claim, and the second one if the first bell was lost."""
    return _all(
        patch.object(observe, "_ask_for_confirmation", lambda *args: None),
        patch.object(confirm, "request_lost_reads", lambda: None),
    )


def second_bell() -> AbstractContextManager[Any]:
    """A claim whose confirming read came to nothing is read again."""
    return patch.object(confirm, "request_lost_reads", lambda: None)


def targeted_read() -> AbstractContextManager[Any]:
    """Absence from a list alone condemns nobody."""
    return patch.object(targeted_reads, "_read", lambda *args: None)


def own_retry() -> AbstractContextManager[Any]:
    """The wait for a gateway's own repair."""
    return patch.object(policy, "_own_retry", lambda case: (None, policy.timedelta(0)))


GUARDS: tuple[Guard, ...] = (
    fencing,
    mass_hold,
    boot_grace,
    one_pass_at_a_time,
    two_starts_at_once,
    in_flight_lease,
    confirmation,
    second_bell,
    targeted_read,
    own_retry,
)
SEEDS = range(1, 7)
# What a guard is there for: of all that may befall an estate, this.
AIMED: dict[str, tuple[str, ...]] = {
    "fencing": ("slow", "flap", "navigate", "untidy_queue", "speak"),
    "mass_hold": ("lose_many", "reload_many", "speak"),
    "boot_grace": ("restart", "restart_losing", "speak"),
    "one_pass_at_a_time": ("slow", "freeze", "two_beats"),
    "two_starts_at_once": ("lose", "lose_many", "crash_honest"),
    "in_flight_lease": ("lose", "lose_many", "crash_honest", "kill_worker"),
    "confirmation": ("late_word", "speak"),
    "second_bell": ("late_word", "kill_redis", "kill_worker", "speak"),
    "targeted_read": ("hide_many", "unlist", "speak"),
    "own_retry": ("navigate", "crash_honest", "speak"),
}


def plan_for(guard: str, seed: int) -> Plan:
    """Half an hour in which much happens that the guard is there for."""
    return Plan(
        seed=seed,
        hours=0.5,
        accounts=20,
        gateways=1,
        intensity=60,
        fates=AIMED[guard],
        quiet_seconds=120,
    )
