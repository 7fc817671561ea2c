"""Runs and findings on record: one row for as long as a thing is found."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.store.clock import database_now
from reconciliation.models import Finding, Run
from reconciliation.rollcall import records
from reconciliation.rollcall.values import Difference, Report
from simulator.world.world import ProcessState


def keep(gateway, *findings, outcome=Run.Outcome.DRIFT, **fields):
    report = Report(gateway=gateway.name, findings=list(findings), sessions_listed=3, **fields)
    now = database_now()
    records.keep(gateway, report, started=now, finished=now, outcome=outcome)


def found(session_id, kind=Finding.Kind.UNCLAIMED, **fields):
    return Difference(kind=kind, session_id=session_id, **fields)


def test_what_is_found_again_is_the_same_finding(scene):
    keep(scene.gateway, found("stranger", why="no account knows it", held=True))
    scene.passes(20)
    keep(scene.gateway, found("stranger", why="it may be the one of account 7", now="connected"))

    finding = Finding.objects.get()
    assert finding.last_seen_at - finding.first_seen_at >= timedelta(seconds=20)
    assert (finding.why, finding.now, finding.held) == (
        "it may be the one of account 7",
        "connected",
        False,
    )
    assert finding.run == Run.objects.first()


def test_what_is_not_found_any_more_ends(scene):
    keep(scene.gateway, found("stranger"), found("other"))
    keep(scene.gateway, found("other"))

    assert Finding.objects.get(session_id="stranger").ended_at is not None
    assert Finding.objects.get(session_id="other").ended_at is None


def test_found_once_more_after_its_end_it_is_a_new_one(scene):
    for findings in ([found("stranger")], [], [found("stranger")]):
        keep(scene.gateway, *findings)

    assert Finding.objects.filter(session_id="stranger").count() == 2
    assert scene.open_findings() == {("unclaimed", "stranger")}


def test_another_gateways_findings_are_left_alone(scene):
    keep(scene.cast.other_gateway, found("stranger"))
    keep(scene.gateway)

    assert Finding.objects.get().ended_at is None


def test_a_gateway_that_cannot_be_read_ends_no_finding(scene):
    scene.holds("stranger")
    scene.call_roll()
    scene.world.state = ProcessState.STOPPED
    scene.call_roll()

    assert scene.open_findings() == {("unclaimed", "stranger")}
    assert Run.objects.first().outcome == Run.Outcome.UNREADABLE


def test_one_thing_found_twice_in_a_pass_is_one_finding(scene):
    keep(scene.gateway, found("stranger"), found("stranger"))

    assert Finding.objects.count() == 1


def test_thousands_of_findings_are_kept_in_as_many_statements_as_one(scene):
    def statements(count):
        with CaptureQueriesContext(connection) as queries:
            keep(scene.gateway, *(found(f"stranger-{number}") for number in range(count)))
        return len(queries)

    assert statements(1) == statements(3000) == statements(3000)


def test_runs_that_agreed_are_kept_for_a_day_and_others_for_two_weeks(scene):
    keep(scene.gateway, outcome=Run.Outcome.IN_SYNC)
    keep(scene.gateway, found("stranger"))
    keep(scene.gateway)  # the stranger's end
    scene.passes(86_400 + 60)
    records.prune()
    assert [run.outcome for run in Run.objects.all()] == [Run.Outcome.DRIFT] * 2
    scene.passes(13 * 86_400)
    records.prune()

    assert Run.objects.count() == Finding.objects.count() == 0


def test_pruning_keeps_what_is_still_found(scene):
    keep(scene.gateway, found("stranger"))
    scene.passes(30 * 86_400)
    records.prune()

    assert scene.open_findings() == {("unclaimed", "stranger")}
