"""Outcome of a start, from a read and the facts beside it: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Repair
from accounts.repair.outcomes import StartFacts, judge
from accounts.state.observations import Observation
from accounts.words.status import Source, Status
from gateways.base import Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
State = Repair.State


def shown(status: Status | None, **fields) -> Observation:
    said = {"gateway_id": 1, "session_id": "s", "observed_at": NOW, "source": Source.READ}
    return Observation(status=status, **said | fields)


def known(**fields) -> StartFacts:
    plain = {
        "started_at": NOW - timedelta(seconds=30),
        "qr_seen_at": None,
        "unanswered": "",
        "believed": True,
        "is_over": False,
    }
    return StartFacts(**plain | fields)


def came(seen: Observation | None, **fields) -> str | None:
    verdict = judge(seen, known(**fields))
    return verdict and verdict.state


@pytest.mark.parametrize("status", [Status.CONNECTED, Status.CONNECTING])
def test_what_comes_up_has_succeeded(status):
    assert came(shown(status)) == State.SUCCEEDED


@pytest.mark.parametrize("status", [Status.LOGGED_OUT, Status.BLOCKED])
def test_what_only_a_human_can_help_has_failed_at_once(status):
    assert came(shown(status, reason=Reason.UNLINKED)) == State.FAILED


@pytest.mark.parametrize(
    "seen",
    [
        None,
        shown(None, raw="SOMETHING_NEW"),
        shown(Status.QR_SCANNING),
        shown(Status.UNRESPONSIVE),
        shown(Status.DISCONNECTED, reason=Reason.MISSING),
    ],
)
def test_anything_else_is_looked_at_again_until_it_can_no_longer_happen(seen):
    assert came(seen) is None
    assert came(seen, is_over=True) == State.FAILED


def test_without_an_answer_a_claim_that_a_probe_has_disproved_proves_nothing():
    seen = shown(Status.CONNECTED)
    assert came(seen, unanswered="timed out", believed=False) is None
    assert came(seen, unanswered="timed out", believed=False, is_over=True) == State.FAILED


def test_after_an_answer_it_has_moved_and_is_a_new_claim():
    assert came(shown(Status.CONNECTED), believed=False) == State.SUCCEEDED


def test_without_an_answer_a_login_from_before_proves_nothing():
    before = shown(Status.CONNECTED, connected_at=NOW - timedelta(hours=1))
    anew = shown(Status.CONNECTED, connected_at=NOW - timedelta(seconds=5))
    assert came(before, unanswered="timed out") is None
    assert came(anew, unanswered="timed out") == State.SUCCEEDED
