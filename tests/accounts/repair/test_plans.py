"""The state of the repair is written on the accounts, all at once, and only where it changes."""

from __future__ import annotations

import pytest

from accounts.explain.step_text import step_text
from accounts.models import Account
from accounts.repair.repairs import RepairPlan, note_plans
from accounts.words.step_codes import PlannedStep, StepCode

RESTART = PlannedStep(code=StepCode.RESTART_AFTER_BACKOFF, try_number=2)


def a_plan(account: Account, **fields) -> RepairPlan:
    said = {"next_step": None, "next_step_at": None, "strikes": 0, "quarantined_until": None}
    return RepairPlan(account_id=account.pk, **said | fields)


def test_it_writes_what_changed_and_nothing_else(cast, django_assert_num_queries):
    plans = [
        a_plan(cast.alice, next_step=RESTART, next_step_at=cast.ago(-30), strikes=2),
        a_plan(cast.bob, quarantined_until=cast.ago(-3600), strikes=3),
        a_plan(cast.charlie),
    ]
    assert note_plans(plans) == 2
    assert note_plans(plans) == 0
    cast.alice.refresh_from_db()
    cast.bob.refresh_from_db()
    assert (cast.alice.next_step, cast.alice.next_step_at, cast.alice.strikes) == (
        RESTART,
        cast.ago(-30),
        2,
    )
    assert cast.bob.quarantined_until == cast.ago(-3600)


@pytest.mark.parametrize("session_id", ["\u202e" + "x" * 254, "\U0001f600", 'a"b\\c', "x, y (z)"])
def test_a_strangers_name_is_kept_whole_and_shown_harmless(cast, session_id):
    step = PlannedStep(code=StepCode.UNCLAIMED_SESSION, session_id=session_id)
    assert note_plans([a_plan(cast.alice, next_step=step)]) == 1
    cast.alice.refresh_from_db()
    assert cast.alice.next_step == step
    assert "\u202e" not in step_text(step, None, cast.now)


def test_nothing_to_note_is_nothing_written(db):
    assert note_plans([]) == 0
