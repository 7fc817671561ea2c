"""The one queue of starts: who may join, who goes first, and what each is told meanwhile."""

from __future__ import annotations

import pytest

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident, MaintenanceWindow, Repair
from accounts.repair import queue as repair_queue
from accounts.repair import repairs
from accounts.repair.starts import claim
from accounts.words.refusals import Refused
from accounts.words.status import Status, Wanted
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason

OPERATOR, CUSTOMER, ROLLCALL = (
    Repair.Asker.OPERATOR,
    Repair.Asker.CUSTOMER,
    Repair.Asker.ROLLCALL,
)
pytestmark = pytest.mark.usefixtures("rung")


@pytest.fixture
def lost(cast):
    """Return a function that creates an account without its session."""

    def make(name: str, **fields) -> Account:
        why = {"status_reason": Reason.BROWSER_GONE}
        return cast.an_account(name, Status.DISCONNECTED, **why | fields)

    return make


def ask(account, by=OPERATOR, actor="olga"):
    return repairs.ask(account, by=by, actor=actor)


def ended(repair: Repair, cast, *, seconds_ago: float, state=Repair.State.SUCCEEDED) -> None:
    """Let its start be so long ago, with a duration of a second."""
    Repair.objects.filter(pk=repair.pk).update(
        state=state,
        asked_at=cast.ago(seconds_ago),
        started_at=cast.ago(seconds_ago),
        finished_at=cast.ago(seconds_ago - 1),
    )


def told(repair: Repair, cast) -> str:
    repair.refresh_from_db()
    return repairs.standing(repair, cast.now)


# --- single flight ------------------------------------------------------------------------------
@pytest.mark.parametrize("by", [OPERATOR, CUSTOMER])
def test_a_hundred_taps_are_one_start(lost, by):
    account = lost("a")
    assert len({ask(account, by=by).pk for _ in range(100)}) == 1
    assert Repair.objects.count() == 1


@pytest.mark.parametrize("state", [Repair.State.RUNNING, Repair.State.UNCLEAR])
def test_while_the_first_may_still_happen_there_is_no_second(lost, state):
    first = ask(lost("a"))
    Repair.objects.update(state=state)
    assert ask(first.account).pk == first.pk


def test_a_tap_just_after_the_start_is_told_when_the_next_may_be(lost, cast):
    ended(ask(lost("a")), cast, seconds_ago=20)
    with pytest.raises(Refused, match=r"started just now: again in (40|39) s"):
        ask(Account.objects.get(session_id="a"))


def test_a_minute_later_it_may_be_started_again(lost, cast):
    account = lost("a")
    ended(ask(account), cast, seconds_ago=61)
    assert ask(account).state == Repair.State.WAITING


def test_what_was_cancelled_was_no_start(lost, cast):
    account = lost("a")
    ended(ask(account), cast, seconds_ago=5, state=Repair.State.CANCELLED)
    assert ask(account).state == Repair.State.WAITING


def test_a_customer_has_six_starts_in_an_hour_and_an_operator_more(lost, cast):
    account = lost("a")
    for number in range(6):
        ended(ask(account, by=CUSTOMER), cast, seconds_ago=3000 - number * 100)
    with pytest.raises(Refused, match="started 6 times in an hour: again in 10 min"):
        ask(account, by=CUSTOMER)
    assert ask(account, by=OPERATOR).state == Repair.State.WAITING


# --- who goes first -----------------------------------------------------------------------------
def test_people_go_before_rollcall_and_otherwise_in_their_order(lost, cast):
    by_itself, first, second = (
        ask(lost(name), by=by) for name, by in (("a", ROLLCALL), ("b", CUSTOMER), ("c", OPERATOR))
    )
    assert told(first, cast) == "next in line"
    assert told(second, cast) == "1 before you"
    assert told(by_itself, cast) == "2 before you, about 20 s"
    claimed = [claim(cast.gateway.pk) for _ in range(3)]
    assert [row and row.pk for row in claimed] == [first.pk, second.pk, None]


def test_a_persons_click_moves_what_rollcall_asked_for_ahead(lost, cast):
    ask(lost("a"), by=ROLLCALL)
    waits = ask(lost("b"), by=ROLLCALL)
    clicked = ask(waits.account, actor="maria")
    assert (clicked.pk, clicked.asked_by, clicked.actor) == (waits.pk, OPERATOR, "maria")
    assert told(clicked, cast) == "next in line"


def test_never_more_than_two_are_under_way_at_one_gateway(lost, cast):
    for number in range(50):
        ask(lost(f"s{number}"), by=CUSTOMER)
    claimed = [claim(cast.gateway.pk) for _ in range(50)]
    assert sum(1 for row in claimed if row) == 2


def test_one_whose_outcome_is_being_read_still_takes_its_gateway(lost, cast):
    for name in "abc":
        ask(lost(name))
    assert claim(cast.gateway.pk) and claim(cast.gateway.pk)
    Repair.objects.filter(state=Repair.State.RUNNING).update(state=Repair.State.UNCLEAR)
    assert claim(cast.gateway.pk) is None


def test_the_fleet_has_a_budget_of_its_own(lost, cast, settings):
    settings.REPAIR_STARTS_IN_FLEET = 1
    ask(lost("a"))
    ask(lost("b", gateway=cast.other_gateway))
    assert claim(cast.gateway.pk)
    assert claim(cast.other_gateway.pk) is None


@pytest.mark.parametrize("event", ["boot", "mass_loss", "unreachable", "unreachable, over"])
def test_after_a_mass_event_they_follow_each_other_slowly(lost, cast, event):
    if event == "boot":
        Gateway.objects.filter(pk=cast.gateway.pk).update(booted_at=cast.ago(600))
    else:
        kind = Incident.Kind(event.partition(",")[0])
        open_incident(kind, gateway_id=cast.gateway.pk)
        if "over" in event:
            close_incident(kind, gateway_id=cast.gateway.pk)
    for name in "ab":
        ask(lost(name))
    assert claim(cast.gateway.pk)
    assert claim(cast.gateway.pk) is None
    Repair.objects.filter(state=Repair.State.RUNNING).update(started_at=cast.ago(6))
    assert claim(cast.gateway.pk)


def test_at_a_gateway_that_does_not_answer_only_an_operators_word_is_tried(lost, cast):
    waits, tries = ask(lost("a"), by=CUSTOMER), ask(lost("b"), by=OPERATOR)
    Gateway.objects.filter(pk=cast.gateway.pk).update(blind_since=cast.now)
    waits = Repair.objects.get(pk=waits.pk)
    assert told(waits, cast) == "next in line, once its gateway answers again"
    assert [claim(cast.gateway.pk), claim(cast.gateway.pk)] == [tries, None]
    Gateway.objects.update(blind_since=None)
    assert claim(cast.gateway.pk) == waits


# --- who is not let in --------------------------------------------------------------------------
REFUSALS = [
    (OPERATOR, {"wanted": Wanted.STOPPED}, "set it to keep running first"),
    (OPERATOR, {"session_id": None}, "it has no session"),
    (OPERATOR, {"status_reason": Reason.PAGE_GONE}, ""),
    (CUSTOMER, {"wanted": Wanted.STOPPED}, "set it to keep running first"),
    (
        ROLLCALL,
        {"status": Status.LOGGED_OUT, "status_reason": Reason.UNLINKED},
        "Rollcall cannot repair this",
    ),
    (
        ROLLCALL,
        {"status": Status.BLOCKED, "status_reason": Reason.PROXY_BLOCKED},
        "Rollcall cannot repair this",
    ),
    (ROLLCALL, {"status_reason": Reason.REPLACED}, "Rollcall cannot repair this"),
]


@pytest.mark.parametrize(("by", "fields", "why"), REFUSALS)
def test_what_cannot_be_started_is_refused_with_the_reason(lost, by, fields, why):
    account = lost("a")
    Account.objects.filter(pk=account.pk).update(**fields)
    if fields.get("status_reason") == Reason.PAGE_GONE:
        Gateway.objects.update(kind="wwebjs_api")
        why = "nothing that can be asked of its gateway helps"
    with pytest.raises(Refused, match=why):
        ask(account, by=by)
    assert not Repair.objects.exists()


def test_an_archived_account_is_not_started(lost, cast):
    with pytest.raises(Refused, match="archived"):
        ask(lost("a", archived_at=cast.now))


def test_a_gateway_that_nobody_can_call_starts_nothing(lost):
    account = lost("a")
    Gateway.objects.update(kind="standard")
    with pytest.raises(
        Refused, match="Rollcall cannot start a session at a gateway of kind standard"
    ):
        ask(account)


@pytest.mark.parametrize("by", [OPERATOR, CUSTOMER, ROLLCALL])
def test_nothing_is_started_under_maintenance(lost, cast, by):
    MaintenanceWindow.objects.create(
        gateway=cast.gateway, starts_at=cast.ago(60), ends_at=cast.ago(-600)
    )
    with pytest.raises(Refused, match="under maintenance until "):
        ask(lost("a"), by=by)


def test_by_itself_nothing_is_started_where_repair_is_paused_or_only_observed(lost, cast):
    account = lost("a")
    Gateway.objects.update(repair_paused_at=cast.now, repair_paused_why="what it starts dies")
    with pytest.raises(Refused, match="paused there: what it starts dies"):
        ask(account, by=ROLLCALL)
    Gateway.objects.update(repair_paused_at=None, mode=Gateway.Mode.OBSERVE)
    with pytest.raises(Refused, match="in observe mode"):
        ask(account, by=ROLLCALL)
    assert ask(account, by=OPERATOR)


CHANGES = [
    {"wanted": Wanted.STOPPED},
    {"session_id": "another"},
    {"archived_at": "now"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_wanted_any_more_when_its_turn_comes_is_cancelled(lost, cast, change):
    waits = ask(lost("a"))
    other = ask(lost("b"))
    change = {name: cast.now if value == "now" else value for name, value in change.items()}
    Account.objects.filter(pk=waits.account_id).update(**change)
    claimed = claim(cast.gateway.pk)
    waits.refresh_from_db()
    assert (waits.state, claimed.pk) == (Repair.State.CANCELLED, other.pk)
    assert waits.outcome and waits.finished_at and waits.started_at is None


# --- quarantine ---------------------------------------------------------------------------------
def test_in_quarantine_a_customer_is_refused_with_the_time(lost, cast):
    account = lost("a", quarantined_until=cast.ago(-3600), strikes=3)
    with pytest.raises(Refused, match=f"until {cast.ago(-3600):%Y-%m-%d %H:%M:%S} UTC"):
        ask(account, by=CUSTOMER)
    with pytest.raises(Refused):
        ask(account, by=ROLLCALL)
    assert ask(account, by=OPERATOR)


def test_lifting_it_begins_from_the_beginning(lost, cast):
    account = lost("a", quarantined_until=cast.ago(-3600), strikes=3)
    repairs.lift_quarantine(account, actor="maria")
    assert (account.quarantined_until, account.strikes) == (None, 0)
    assert account.next_step == PlannedStep(code=StepCode.QUARANTINE_LIFTED, actor="maria")
    assert ask(account, by=CUSTOMER)


def test_what_is_not_there_cannot_be_lifted(lost):
    with pytest.raises(Refused, match="not in quarantine"):
        repairs.lift_quarantine(lost("a"), actor="maria")


def test_what_ended_long_ago_goes_and_what_is_open_stays(lost, cast):
    old, recent, waits = (ask(lost(name)) for name in "abc")
    ended(old, cast, seconds_ago=91 * 86400)
    ended(recent, cast, seconds_ago=89 * 86400)
    Repair.objects.filter(pk=waits.pk).update(asked_at=cast.ago(91 * 86400))
    assert repair_queue.prune() == 1
    assert set(Repair.objects.all()) == {recent, waits}
