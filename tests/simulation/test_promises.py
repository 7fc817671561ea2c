"""Short runs of the simulation. See docs/truth.md."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import SHOWN, USUAL
from tests.simulation.simulation import simulate

pytestmark = pytest.mark.timeout(300)  # what a busy machine takes for it


@pytest.mark.parametrize("plan", USUAL, ids=lambda plan: f"seed {plan.seed}")
def test_every_promise_holds(transactional_db, plan):
    report = simulate(plan)
    assert not report.broken, report.said()


@pytest.mark.parametrize("plan", SHOWN.values(), ids=SHOWN.keys())
def test_what_was_once_shown_stays_mended(transactional_db, plan):
    report = simulate(plan)
    assert not report.broken, report.said()
