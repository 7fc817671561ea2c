"""Cases in which Rollcall restarts a session by itself, and cases in which it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Repair
from accounts.words.reasons import REASONS
from accounts.words.status import Status
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason, Step
from gateways.registry import capabilities_of, clients
from reconciliation.repair.policy import (
    FIRST_QUARANTINE,
    LONGEST_BACKOFF,
    LONGEST_QUARANTINE,
    LOST,
    MOST_STRIKES,
    STABLE,
    Case,
    Conditions,
    History,
    Hold,
    Nothing,
    Quarantine,
    Repairing,
    UnderWay,
    WaitToStart,
    decide,
    quarantined_until,
    repair_backoff,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_place(kind: str = "webjs", **fields) -> Conditions:
    return Conditions(capabilities=capabilities_of(kind), **fields)


def a_case(status=Status.DISCONNECTED, reason=Reason.MISSING, *, kind="webjs", **fields) -> Case:
    """Build an account lost ten minutes ago, without any attempt yet."""
    given = {
        "status": status,
        "reason": reason,
        "lost_to": reason,
        "since": ago(600),
        "wanted": True,
        "place": a_place(kind),
        "history": History(),
    }
    return Case(**given | fields)


def decided(case: Case, chance: float = 1.0):
    return decide(case, NOW, chance)


def in_turn(try_number: int | None) -> PlannedStep:
    return PlannedStep(code=StepCode.RESTART_IN_TURN, try_number=try_number)


def first(code: StepCode) -> PlannedStep:
    return PlannedStep(code=code, try_number=1)


# --- what is repaired -----------------------------------------------------------------------------
@pytest.mark.parametrize("status", sorted(LOST))
def test_what_is_lost_and_wanted_is_started_with_its_gateways_own_steps(status):
    assert decided(a_case(status)) == Repairing((Step.RESTART,), in_turn(1))
    hung = a_case(Status.UNRESPONSIVE, Reason.HUNG, kind="wwebjs_api")
    assert decided(hung) == Repairing((Step.STOP, Step.START), in_turn(1))


@pytest.mark.parametrize("status", sorted(set(Status) - LOST - {Status.FAILED}))
def test_no_other_word_is_repaired(status):
    assert isinstance(decided(a_case(status)), Nothing)


def test_what_is_not_wanted_is_left_alone():
    assert isinstance(decided(a_case(wanted=False)), Nothing)


@pytest.mark.parametrize("reason", [one for one in REASONS if not REASONS[one].repairable])
def test_what_only_a_human_can_mend_is_not_started(reason):
    assert not isinstance(decided(a_case(reason=reason)), Repairing | WaitToStart | Quarantine)


def test_a_conflict_is_not_fought_over():
    conflict = decided(a_case(reason=Reason.REPLACED))
    assert conflict == Hold(PlannedStep(code=StepCode.CONFLICT))


def test_a_page_that_left_whatsapp_is_never_restarted_where_that_ends_the_gateway():
    gone = a_case(Status.UNRESPONSIVE, Reason.PAGE_GONE, kind="wwebjs_api")
    assert decided(gone) == Hold(PlannedStep(code=StepCode.GATEWAY_MUST_RESTART))


def test_a_gateway_that_is_only_heard_is_asked_nothing():
    unknown = decided(a_case(kind="nobody knows it"))
    assert unknown == Hold(PlannedStep(code=StepCode.CANNOT_START))


# --- what stands against it -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("place", "step"),
    [
        ({"acts": False}, PlannedStep(code=StepCode.OBSERVED)),
        ({"hidden": StepCode.BOOTING}, PlannedStep(code=StepCode.BOOTING)),
        (
            {"is_paused": True, "paused_why": "they died"},
            PlannedStep(code=StepCode.PAUSED, why="they died"),
        ),
        ({"is_paused": True}, PlannedStep(code=StepCode.PAUSED)),
    ],
)
def test_nothing_is_begun_where_its_gateway_stands_against_it(place, step):
    assert decided(a_case(place=a_place(**place))) == Hold(step)


def test_two_with_one_number_are_never_repaired_before_somebody_has_chosen():
    twin = a_case(twin_accounts=(7,), twin_sessions=("stranger",))
    assert decided(twin) == Hold(
        PlannedStep(code=StepCode.SAME_NUMBER, accounts=(7,), sessions=("stranger",))
    )


@pytest.mark.parametrize("state", Repair.OPEN)
@pytest.mark.parametrize("asker", Repair.Asker)
def test_nothing_is_begun_beside_an_attempt_that_is_not_over(state, asker):
    assert isinstance(decided(a_case(history=History(open_state=state, open_by=asker))), Hold)


def test_an_outcome_that_nobody_knows_is_read_before_it_is_tried_again():
    unclear = History(open_state=Repair.State.UNCLEAR, open_by=Repair.Asker.ROLLCALL)
    assert decided(a_case(history=unclear)) == UnderWay(PlannedStep(code=StepCode.OUTCOME_READ))


def test_a_persons_word_has_a_minute():
    acts = a_case(history=History(human_at=ago(20)))
    assert decided(acts) == WaitToStart(
        NOW + timedelta(seconds=40), first(StepCode.RESTART_AFTER_OPERATOR)
    )
    assert isinstance(decided(a_case(history=History(human_at=ago(61)))), Repairing)


def test_the_gateways_own_attempts_come_first():
    lost = a_case(reason=Reason.NETWORK, since=ago(100))
    assert decided(lost) == WaitToStart(
        NOW + timedelta(seconds=55), first(StepCode.RESTART_AFTER_OWN_RETRY)
    )
    assert isinstance(decided(replace(lost, since=ago(156))), Repairing)


def test_they_are_not_waited_for_once_the_gateway_gave_up_or_noticed_nothing():
    for reason in (Reason.GATEWAY_GAVE_UP, Reason.RESTORE_FAILED, Reason.MISSING, Reason.HUNG):
        assert isinstance(decided(a_case(reason=reason, since=ago(10))), Repairing)


def test_what_befalls_it_while_the_gateway_is_at_it_does_not_end_its_attempts():
    for reason in (Reason.BROWSER_GONE, Reason.HUNG):
        killed = a_case(reason=reason, since=ago(20), noticed_at=ago(100))
        assert decided(killed) == WaitToStart(
            NOW + timedelta(seconds=55), first(StepCode.RESTART_AFTER_OWN_RETRY)
        )
        assert isinstance(decided(replace(killed, noticed_at=ago(156))), Repairing)


def test_what_it_has_dropped_or_given_up_meanwhile_is_not_waited_for():
    for reason in (Reason.MISSING, Reason.GATEWAY_GAVE_UP):
        dropped = a_case(reason=reason, since=ago(20), noticed_at=ago(100))
        assert isinstance(decided(dropped), Repairing)


@pytest.mark.parametrize("kind", ["evolution", "waha"])
def test_what_its_gateway_does_not_have_is_not_started_where_that_starts_only_what_it_has(kind):
    missing = decided(a_case(kind=kind))
    assert missing == Hold(PlannedStep(code=StepCode.MUST_BE_CREATED))
    assert isinstance(decided(a_case(reason=Reason.BROWSER_GONE, kind=kind)), Repairing)


def test_a_moment_ahead_of_the_clock_is_not_waited_for():
    """A time in the future was written before the clock was set back."""
    assert isinstance(decided(a_case(reason=Reason.NETWORK, since=ago(-900))), Repairing)


# --- how often ------------------------------------------------------------------------------------
def test_the_first_try_comes_within_seconds_and_the_next_ones_ever_later():
    limits = [repair_backoff(attempts, 1.0).total_seconds() for attempts in range(6)]
    assert limits == [5, 30, 180, 900, 900, 900]


def test_it_says_when_and_the_how_manieth_try_it_is():
    once = History(strikes=1, attempts=1, ended_at=ago(10))
    assert decided(a_case(history=once)) == WaitToStart(
        NOW + timedelta(seconds=20),
        PlannedStep(code=StepCode.RESTART_AFTER_BACKOFF, try_number=2),
    )
    assert decided(a_case(history=once), chance=0.1) == Repairing((Step.RESTART,), in_turn(2))


def test_three_strikes_are_a_quarantine_and_after_it_there_is_one_more_try():
    out = History(strikes=3, attempts=3, ended_at=ago(60))
    assert decided(a_case(history=out)) == Quarantine(NOW + timedelta(minutes=59))
    later = replace(out, ended_at=ago(3601))
    given_up = a_case(Status.FAILED, Reason.REPAIR_GAVE_UP, lost_to=Reason.MISSING, history=later)
    assert decided(given_up) == Repairing((Step.RESTART,), in_turn(None))
    once_more = replace(later, strikes=4, attempts=4, ended_at=ago(0))
    assert decided(replace(given_up, history=once_more)) == Quarantine(NOW + timedelta(hours=2))


def test_the_steps_after_giving_up_are_those_of_the_loss_itself():
    given_up = a_case(Status.FAILED, Reason.REPAIR_GAVE_UP, lost_to=Reason.HUNG, kind="wwebjs_api")
    assert decided(given_up).steps == (Step.STOP, Step.START)


def test_a_minute_of_connection_is_needed_to_be_well_again():
    assert decided(a_case(Status.CONNECTED, Reason.NONE, since=ago(59))) == Nothing()
    assert decided(a_case(Status.CONNECTED, Reason.NONE, since=ago(60))) == Nothing(is_stable=True)


# --- whatever happens -----------------------------------------------------------------------------
moments = st.floats(-3600, 200_000).map(ago)
histories = st.builds(
    History,
    strikes=st.integers(0, 40),
    attempts=st.integers(0, 80),
    ended_at=st.none() | moments,
    open_state=st.sampled_from(["", *Repair.OPEN]),
    open_by=st.sampled_from(Repair.Asker),
    human_at=st.none() | moments,
)
places = st.builds(
    Conditions,
    acts=st.booleans(),
    hidden=st.sampled_from([None, StepCode.GATEWAY_BLIND]),
    is_paused=st.booleans(),
    capabilities=st.sampled_from([capabilities_of(kind) for kind in clients()]),
)
cases = st.builds(
    Case,
    status=st.sampled_from(Status),
    reason=st.sampled_from(Reason),
    lost_to=st.sampled_from(Reason),
    since=moments,
    noticed_at=st.none() | moments,
    wanted=st.booleans(),
    place=places,
    history=histories,
    twin_accounts=st.sampled_from([(), (7,)]),
    twin_sessions=st.sampled_from([(), ("stranger",)]),
)


@given(case=cases, chance=st.floats(0, 1))
def test_nothing_is_started_that_must_not_be(case, chance):
    decision = decide(case, NOW, chance)
    if isinstance(decision, Repairing):
        assert case.wanted and case.status in LOST | {Status.FAILED}
        assert case.place.acts and not (case.place.hidden or case.place.is_paused)
        assert not (case.twin_accounts or case.twin_sessions)
        assert not case.history.open_state
        assert case.lost_to is not Reason.REPLACED
        assert decision.steps == case.place.capabilities.steps(case.lost_to) != ()
    if isinstance(decision, WaitToStart | Quarantine):
        assert decision.until > NOW


@given(case=cases, chance=st.floats(0, 1), other=st.floats(0, 1))
def test_the_jitter_only_ever_moves_the_moment(case, chance, other):
    kinds = {type(decide(case, NOW, one)) for one in (chance, other)}
    assert len(kinds) == 1 or kinds == {WaitToStart, Repairing}


@given(strikes=st.integers(MOST_STRIKES, 100), attempts=st.integers(0, 100), chance=st.floats(0, 1))
def test_waits_and_quarantines_stay_within_their_limits(strikes, attempts, chance):
    assert timedelta(0) <= repair_backoff(attempts, chance) <= LONGEST_BACKOFF
    lasts = quarantined_until(History(strikes=strikes, ended_at=NOW), NOW) - NOW
    assert FIRST_QUARANTINE <= lasts <= LONGEST_QUARANTINE


@given(seconds=st.floats(0, 59.9), strikes=st.integers(0, 5))
def test_a_blip_is_no_cure(seconds, strikes):
    blip = a_case(
        Status.CONNECTED, Reason.NONE, since=ago(seconds), history=History(strikes=strikes)
    )
    assert timedelta(seconds=seconds) < STABLE and not decided(blip).is_stable


def test_what_is_set_free_waits_for_no_retry_of_its_gateway_that_is_long_over():
    lifted = a_case(reason=Reason.OPERATOR, lost_to=Reason.NAVIGATION, since=ago(10))
    assert isinstance(decide(lifted, NOW, 0), Repairing)


def test_what_a_person_called_dead_may_still_come_back_by_its_gateway():
    called_dead = a_case(
        reason=Reason.OPERATOR,
        lost_to=Reason.NAVIGATION,
        since=ago(70),
        history=History(human_at=ago(65)),
    )
    assert isinstance(decide(called_dead, NOW, 0), WaitToStart)
