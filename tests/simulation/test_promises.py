"""Short runs of the simulation. See docs/truth.md."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import SHOWN, USUAL
from tests.simulation.simulation import simulate

pytestmark = pytest.mark.timeout(300)  # what a busy machine takes for it


@pytest.mark.parametrize("plan", [*USUAL, *SHOWN.values()], ids=lambda plan: f"seed {plan.seed}")
def test_every_promise_holds(transactional_db, plan):
    report = simulate(plan)
    assert not report.broken, report.said()
