"""Half of a gateway's sessions vanish at once: unknown first, lost only if its lists agree."""

from __future__ import annotations

import pytest

from accounts.models import Account, Incident
from accounts.store.clock import database_now
from accounts.words.status import Status
from gateways.base import GatewayError, Reason
from reconciliation.rollcall import targeted_reads
from simulator.world import faults
from tests.cast import see, story

HELD = (Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)
LOST = (Status.DISCONNECTED, Reason.MISSING)


@pytest.fixture
def unreadable(monkeypatch):
    """Sessions whose reads by name fail, in spite of the others."""
    sessions = set()
    read = targeted_reads._read

    def fails(client, session_id, ends):
        error = GatewayError("answered 500")
        return error if session_id in sessions else read(client, session_id, ends)

    monkeypatch.setattr(targeted_reads, "_read", fails)
    return sessions


def calls_for(scene, seconds):
    for _ in range(seconds // 20):
        scene.passes(20)
        scene.sweep()
        scene.call_roll()


def test_three_of_six_are_held_and_one_incident_opens(scene):
    dana, eve, frank, *_ = scene.accounts(5)  # and Alice
    scene.loses(dana, eve, frank)

    report = scene.call_roll()

    assert scene.says(dana, eve, frank) == [HELD] * 3
    assert [finding.held for finding in report.findings] == [True] * 3
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]


def test_three_of_seven_are_read_and_lost_at_once(scene):
    dana, eve, frank, *_ = scene.accounts(6)
    scene.loses(dana, eve, frank)

    scene.call_roll()

    assert scene.says(dana, eve, frank) == [LOST] * 3
    assert scene.open_incidents() == []


def test_two_of_two_are_read_and_lost_at_once(scene):
    [dana] = scene.accounts(1)
    scene.world.sessions.clear()

    scene.call_roll()

    assert scene.says(scene.cast.alice, dana) == [LOST] * 2


def test_an_empty_list_is_no_exception(scene):
    accounts = scene.accounts(3)
    scene.world.sessions.clear()

    scene.call_roll()

    assert scene.says(scene.cast.alice, *accounts) == [HELD] * 4


def test_lists_that_agree_for_a_minute_turn_it_into_loss(scene):
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    scene.call_roll()

    calls_for(scene, 40)
    assert scene.says(*accounts) == [HELD] * 3
    calls_for(scene, 40)

    assert scene.says(*accounts) == [LOST] * 3
    assert story(accounts[0]) == [("connected", "unknown"), ("unknown", "disconnected")]
    calls_for(scene, 20)
    assert scene.open_incidents() == []


def test_the_minute_begins_anew_when_sight_was_lost(scene):
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    scene.call_roll()
    calls_for(scene, 40)
    scene.world.faults.list_fault = "error"
    calls_for(scene, 20)
    scene.world.faults.list_fault = ""

    calls_for(scene, 60)
    assert scene.says(*accounts) == [HELD] * 3
    calls_for(scene, 40)
    assert scene.says(*accounts) == [LOST] * 3


def test_the_minute_begins_anew_with_whatever_says_that_it_lives(scene):
    """A list may leave out a session that comes back, or never went."""
    dana, eve, frank, *others = scene.accounts(6)
    scene.loses(dana, eve, frank, *others)
    scene.call_roll()
    calls_for(scene, 40)
    see(dana, Status.CONNECTED, at=database_now())
    spoke = Account.objects.filter(pk__in=[eve.pk, frank.pk])
    spoke.update(proven_at=database_now())

    calls_for(scene, 40)
    assert scene.says(dana, eve, frank) == [HELD] * 3
    assert scene.says(*others) == [LOST] * 3
    calls_for(scene, 40)
    assert scene.says(dana, eve, frank) == [LOST] * 3


def test_a_list_that_is_not_complete_agrees_with_nothing(scene):
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    scene.call_roll()
    scene.world.faults.list_fault = "no_total"

    calls_for(scene, 120)

    assert scene.says(*accounts) == [HELD] * 3


def test_none_is_lost_while_others_come_back_one_after_another(scene):
    """Same as after a restart, which not every gateway reports."""
    accounts = scene.accounts(6)
    sessions = dict(scene.world.sessions)
    scene.world.sessions.clear()
    scene.call_roll()
    for number in range(6):
        back = accounts[number].session_id
        scene.world.sessions[back] = sessions[back]
        calls_for(scene, 20)

        expected = [(Status.CONNECTED, "")] * (number + 1) + [HELD] * (5 - number)
        assert scene.says(*accounts) == expected
    assert scene.says(scene.cast.alice) == [HELD]
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]

    calls_for(scene, 20)
    assert scene.says(scene.cast.alice) == [LOST]
    assert scene.open_incidents() == []


def test_what_stays_unshown_though_it_is_listed_is_none_that_comes_back(scene):
    """A session of another workspace, or a page without an answer, stays so for ever."""
    accounts = scene.accounts(6)
    scene.world.sessions["alice"].workspace_id = scene.cast.globex.pk
    scene.loses(*accounts)
    scene.call_roll()

    calls_for(scene, 80)

    assert scene.says(*accounts) == [LOST] * 6


def test_when_they_return_nothing_was_lost(scene):
    accounts = scene.accounts(3)
    sessions = dict(scene.world.sessions)
    scene.loses(*accounts)
    scene.call_roll()
    scene.world.sessions |= sessions

    scene.call_roll()

    assert scene.says(*accounts) == [(Status.CONNECTED, "")] * 3
    assert scene.open_incidents() == []
    assert Incident.objects.get().text == "all came back; no session was lost"


def test_what_does_not_come_back_with_the_others_is_held_for_its_minute_all_the_same(scene):
    dana, *others = scene.accounts(4)
    scene.loses(dana, *others)
    scene.call_roll()
    for account in others:
        scene.holds(account.session_id, account.phone_number)

    calls_for(scene, 20)
    assert scene.says(dana) == [HELD]
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]
    calls_for(scene, 60)

    assert scene.says(dana) == [LOST]
    calls_for(scene, 20)
    assert scene.open_incidents() == []


def test_one_that_only_the_lists_leave_out_lives_on_when_the_others_are_back(scene):
    """The lists left it out before the others vanished, and still do when they are back."""
    accounts = scene.accounts(3)
    for account in accounts:
        faults.set_listed(scene.world, account.session_id, listed=False)
    scene.call_roll()
    for account in accounts[1:]:
        faults.set_listed(scene.world, account.session_id, listed=True)

    calls_for(scene, 120)

    assert LOST not in scene.says(*accounts)
    assert ("unknown", "disconnected") not in story(accounts[0])
    assert scene.says(accounts[0]) == [(Status.UNRESPONSIVE, Reason.NOT_LISTED)]


def test_those_that_only_the_lists_leave_out_are_not_lost_with_the_others(scene):
    """A session whose own status says connected stays unknown: it is not restarted because of a
    list."""
    accounts = scene.accounts(5)
    gone, hidden = accounts[:2], accounts[2:]
    scene.loses(*gone)
    for account in hidden:
        faults.set_listed(scene.world, account.session_id, listed=False)
    scene.call_roll()

    calls_for(scene, 120)

    assert scene.says(*gone) == [LOST] * 2
    assert scene.says(*hidden) == [HELD] * 3
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]
    for account in hidden:
        faults.set_listed(scene.world, account.session_id, listed=True)
    calls_for(scene, 20)
    assert scene.says(*hidden) == [(Status.CONNECTED, "")] * 3
    assert scene.open_incidents() == []


def test_a_list_that_is_empty_for_minutes_ends_nothing_that_lives(scene):
    accounts = scene.accounts(4)
    scene.world.faults.list_fault, scene.world.faults.health_agrees = "empty", True
    scene.call_roll()

    calls_for(scene, 240)

    assert scene.says(*accounts) == [HELD] * 4
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]


def test_those_that_there_was_no_time_to_read_are_held_until_there_is(scene, monkeypatch):
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    scene.call_roll()
    with monkeypatch.context() as hurried:
        hurried.setattr("reconciliation.rollcall.roll_call.PASS_SECONDS", 0.4)
        calls_for(scene, 120)
    assert scene.says(*accounts) == [HELD] * 3
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]

    calls_for(scene, 40)
    assert scene.says(*accounts) == [LOST] * 3
    [incident] = Incident.objects.all()
    assert incident.text == "its lists agreed for 60 s: 3 accounts are disconnected"


def test_what_is_gone_by_name_waits_no_more_for_one_that_lives_on_unlisted(scene):
    """A live unlisted session says nothing about the others, which repair may take."""
    *gone, hidden = scene.accounts(6)
    scene.loses(*gone)
    faults.set_listed(scene.world, hidden.session_id, listed=False)
    scene.call_roll()
    calls_for(scene, 20)
    for _ in range(7):
        Account.objects.filter(pk=hidden.pk).update(proven_at=database_now())
        calls_for(scene, 20)

    assert scene.says(*gone) == [LOST] * 5
    assert scene.says(hidden) == [HELD]
    assert scene.open_incidents() == []
    assert Incident.objects.count() == 1
    [finding] = scene.call_roll().findings
    assert finding.why == "it vanished with half of its gateway's sessions, but has spoken since"


def test_what_is_gone_by_name_waits_no_more_for_one_that_cannot_be_read(scene, unreadable):
    *gone, mute = scene.accounts(6)
    scene.loses(*gone, mute)
    unreadable.add(mute.session_id)
    scene.call_roll()

    calls_for(scene, 160)

    assert scene.says(*gone) == [LOST] * 5
    assert scene.says(mute) == [HELD]
    assert scene.open_incidents() == []
    assert Incident.objects.count() == 1
    unreadable.clear()
    calls_for(scene, 20)
    assert scene.says(mute) == [LOST]


def test_accounts_that_had_expired_before_count_as_the_connected_ones_they_were(scene):
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    scene.passes(60)
    scene.sweep()

    scene.call_roll()

    assert scene.says(*accounts) == [HELD] * 3
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]


def test_definite_words_are_applied_one_by_one(scene):
    """A listed "disconnected" and a webhook are no absence."""
    accounts = scene.accounts(3)
    for account in accounts[:2]:
        scene.world.sessions[account.session_id].status = "disconnected"
    scene.loses(accounts[2])
    see(accounts[2], Status.DISCONNECTED, at=scene.database_now(), reason=Reason.NETWORK)

    scene.call_roll()

    assert [story(account) for account in accounts] == [[("connected", "disconnected")]] * 3
    assert scene.open_incidents() == []


def test_sessions_that_came_back_under_other_ids_are_no_loss(scene):
    """The gateway created them again: each new session has the number of a missing one."""
    accounts = scene.accounts(3)
    scene.loses(*accounts)
    for account in accounts:
        scene.holds(f"new-{account.session_id}", account.phone_number)

    report = scene.call_roll()

    assert scene.open_incidents() == []
    assert {str(finding.kind) for finding in report.findings} == {"duplicate"}
    assert [len(story(account)) for account in accounts] == [0] * 3
    assert scene.says(*accounts) == [(Status.CONNECTED, "")] * 3
    assert scene.call_roll().is_in_sync
