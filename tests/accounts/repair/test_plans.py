"""What repair has come to is written on the accounts, all at once, and only where it changes."""

from __future__ import annotations

from accounts.models import Account
from accounts.repair.repairs import Plan, note_plans


def a_plan(account: Account, **fields) -> Plan:
    said = {"next_step": "", "next_step_at": None, "strikes": 0, "quarantined_until": None}
    return Plan(account_id=account.pk, **said | fields)


def test_it_writes_what_changed_and_nothing_else(cast, django_assert_num_queries):
    plans = [
        a_plan(cast.alice, next_step="restart it", next_step_at=cast.ago(-30), strikes=2),
        a_plan(cast.bob, quarantined_until=cast.ago(-3600), strikes=3),
        a_plan(cast.charlie),
    ]
    assert note_plans(plans) == 2
    assert note_plans(plans) == 0
    cast.alice.refresh_from_db()
    cast.bob.refresh_from_db()
    assert (cast.alice.next_step, cast.alice.next_step_at, cast.alice.strikes) == (
        "restart it",
        cast.ago(-30),
        2,
    )
    assert cast.bob.quarantined_until == cast.ago(-3600)


def test_a_strangers_words_are_made_harmless_and_cut(cast):
    assert note_plans([a_plan(cast.alice, next_step="\u202e" + "x" * 500)]) == 1
    cast.alice.refresh_from_db()
    assert len(cast.alice.next_step) == 200
    assert cast.alice.next_step.startswith("\\u202e")


def test_nothing_to_note_is_nothing_written(db):
    assert note_plans([]) == 0
