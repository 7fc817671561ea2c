"""A list of a gateway that names sessions without end: a bounded number of findings."""

from __future__ import annotations

import pytest

from reconciliation.models import Finding, Run
from reconciliation.rollcall.records import STRANGERS_KEPT, bounded
from reconciliation.rollcall.values import Difference
from reconciliation.twins import find_twins
from tests.cast import a_number

Kind = Finding.Kind


def stranger(session_id, kind=Kind.UNCLAIMED, account_id=None):
    return Difference(kind=kind, session_id=session_id, account_id=account_id, held=True, why="x")


@pytest.mark.parametrize("many", [0, 1, STRANGERS_KEPT, STRANGERS_KEPT + 1, 30_000])
@pytest.mark.parametrize("kind", [Kind.UNCLAIMED, Kind.DUPLICATE])
def test_so_many_are_kept_and_the_rest_is_counted(many, kind):
    kept = bounded([stranger(f"s{number:05}", kind) for number in range(many)])
    rest = many - STRANGERS_KEPT
    assert len([one for one in kept if one.kind == kind]) == min(many, STRANGERS_KEPT)
    assert [one.why[: len(str(rest)) + 6] for one in kept if one.kind == Kind.MORE] == (
        [f"{rest} more "] if rest > 0 else []
    )


def test_what_is_about_our_own_rows_is_kept_whatever_else_is_there():
    ours = [stranger("ours", kind, 1) for kind in (Kind.MISSING, Kind.DIFFERS, Kind.UNWANTED)]
    proposed = stranger("zz", account_id=1)
    kept = bounded([*(stranger(f"s{number:05}") for number in range(3000)), *ours, proposed])
    assert {one.kind for one in kept} == {*(one.kind for one in ours), Kind.UNCLAIMED, Kind.MORE}
    assert proposed in kept


def test_a_roll_call_keeps_so_many_and_ends_them_all(scene, monkeypatch):
    monkeypatch.setattr("reconciliation.rollcall.records.STRANGERS_KEPT", 5)
    names = [scene.holds(f"stranger-{number}", a_number()) for number in range(12)]
    for _ in range(2):
        scene.call_roll()
        find_twins()
        assert Finding.objects.filter(kind=Kind.UNCLAIMED, ended_at__isnull=True).count() == 5
        [more] = Finding.objects.filter(kind=Kind.MORE, ended_at__isnull=True)
        assert more.why.startswith("7 more sessions")
    assert Finding.objects.count() == 6
    assert Run.objects.latest("pk").findings_count == 12

    for name in names:
        del scene.world.sessions[name]
    scene.call_roll()
    assert not Finding.objects.filter(ended_at__isnull=True).exists()
