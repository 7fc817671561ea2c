"""Short runs of the simulation. See docs/truth.md."""

from __future__ import annotations

import sys

import pytest

from tests.simulation.engine.hub import Clock
from tests.simulation.engine.seams import PRODUCT
from tests.simulation.engine.simulation import Plan, simulate
from tests.simulation.seeds import SHOWN, USUAL

pytestmark = pytest.mark.timeout(300)  # what a busy machine takes for it


@pytest.mark.parametrize("plan", [*USUAL, *SHOWN.values()], ids=lambda plan: f"seed {plan.seed}")
def test_every_promise_holds(transactional_db, plan):
    report = simulate(plan)
    assert not report.broken, report.said()


def test_a_simulated_clock_ends_with_its_simulation(transactional_db):
    """A module that kept the simulated clock would stand still in the next simulation."""
    simulate(Plan(seed=1, hours=0.01, accounts=4, gateways=1, quiet_seconds=20))

    kept = [
        f"{name}.{attribute}"
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in PRODUCT
        for attribute, value in vars(module).items()
        if isinstance(getattr(value, "_clock", value), Clock)
    ]
    assert not kept
