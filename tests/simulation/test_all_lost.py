"""A gateway loses all of its sessions at once, for good, and nobody but us brings them back."""

from __future__ import annotations

import pytest

from tests.simulation.engine.simulation import Plan, simulate
from tests.simulation.troubles import MANY_AT_ONCE

pytestmark = pytest.mark.timeout(300)  # what a busy machine takes for it
MANY, SECONDS_A_START = 40, 5  # at least


def test_all_are_back_after_a_start_each_and_operators_heard_of_it_twice(transactional_db):
    report = simulate(
        Plan(
            seed=1,
            hours=(MANY * 7 + 120) / 3600,
            accounts=MANY,
            gateways=1,
            loses_all=True,
            quiet_seconds=20,
        )
    )

    numbers = report.numbers
    assert not report.broken, report.said()  # never more than two at once, none called lost early
    assert (numbers.starts, numbers.repairs) == (MANY, {"succeeded": MANY})
    back_after = sorted(numbers.healed_after[MANY_AT_ONCE])
    assert len(back_after) == MANY
    assert back_after[-1] >= (MANY - 1) * SECONDS_A_START
    assert (dict(numbers.incidents), dict(numbers.notices)) == ({"mass_loss": 1}, {"mass_loss": 2})
