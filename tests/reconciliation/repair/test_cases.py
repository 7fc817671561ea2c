"""Queries of repair cost as much as there is to repair, for any number of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from accounts.models import Account
from accounts.words.status import Status
from reconciliation.repair.cases import _CASES, _LIMITS


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _parts(part)


def _plan_as_it_ran() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_CASES}", _LIMITS)
        [[[told]]] = cursor.fetchall()
    plan: dict[str, Any] = told["Plan"]
    return plan


def _all_were_lost_when_postgresql_counted_last(scene) -> None:
    lost = (
        Account(
            workspace=scene.cast.acme,
            gateway=scene.gateway,
            session_id=f"session-{number}",
            phone_number=f"62811{number:07d}",
            status=Status.DISCONNECTED,
            status_since=scene.cast.ago(600),
            next_step_code="restart_in_turn",
        )
        for number in range(2000)
    )
    Account.objects.bulk_create(lost)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE whatsapp_accounts")
    Account.objects.all().update(status=Status.CONNECTED, next_step_code="")


def test_it_looks_through_the_history_of_those_only_that_need_something(scene):
    _all_were_lost_when_postgresql_counted_last(scene)
    scene.cast.an_account("lost", Status.DISCONNECTED)
    histories = [
        part
        for part in _parts(_plan_as_it_ran())
        if part.get("Relation Name") in ("account_transitions", "account_repairs")
    ]
    assert histories
    assert max(part["Actual Loops"] for part in histories) <= 1
