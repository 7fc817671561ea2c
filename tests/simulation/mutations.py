"""Rollcall with one of its guards taken away. Each must break a promise in the simulation, or the
simulation proves nothing about that guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import PropertyMock, patch

from accounts import book, decision, transitions
from accounts.repair import starts
from reconciliation import absent, boot, diff, lease, policy, reads, rollcall
from tests.simulation.simulation import Plan

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
    """Newer wins."""
    return _all(
        patch.object(decision, "is_older", lambda *args, **kwargs: False),
        patch.object(book, "is_older", lambda *args, **kwargs: False),
        patch.object(diff, "_is_newer", lambda *args: False),
    )


def mass_hold() -> AbstractContextManager[Any]:
    """Half of a gateway's sessions at once must be absent for a minute."""
    return patch.object(absent, "_is_mass_loss", lambda *args: False)


def boot_grace() -> AbstractContextManager[Any]:
    """Absence means nothing while a gateway restores its sessions."""
    return _all(
        patch.object(boot.Boot, "in_grace", PropertyMock(return_value=False)),
        mass_hold(),
    )


def one_pass_at_a_time() -> AbstractContextManager[Any]:
    """The lease of a roll call."""

    def take(gateway_id: int) -> lease.Lease | None:
        return lease._take(gateway_id, "true")

    return patch.object(rollcall, "take_lease_on_schedule", take)


def two_starts_at_once() -> AbstractContextManager[Any]:
    """What is in flight at a gateway limits what may begin."""
    return patch.object(starts.limits, "has_room", lambda *args: True)


def confirmation() -> AbstractContextManager[Any]:
    """What a machine claims is read at once."""
    return patch.object(transitions, "_ask_for_confirmation", lambda *args: None)


def targeted_read() -> AbstractContextManager[Any]:
    """Absence from a list alone condemns nobody."""
    return patch.object(reads, "_read", lambda *args: None)


def own_retry() -> AbstractContextManager[Any]:
    """What a gateway mends itself is left to it."""
    return patch.object(policy, "_own_retry", lambda case: policy.timedelta(0))


GUARDS: tuple[Guard, ...] = (
    fencing,
    mass_hold,
    boot_grace,
    one_pass_at_a_time,
    two_starts_at_once,
    confirmation,
    targeted_read,
    own_retry,
)
SEEDS = range(1, 7)


def small_plan(seed: int) -> Plan:
    return Plan(seed=seed, hours=0.5, accounts=20, gateways=1, intensity=20, quiet_seconds=300)
