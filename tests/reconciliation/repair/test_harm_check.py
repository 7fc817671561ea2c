"""Repair that does harm pauses itself, and says so."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.incidents.incidents import close_incident
from accounts.models import Account, Incident, Repair, Transition
from accounts.repair.repairs import resume_repair
from accounts.store import clock
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from reconciliation.repair.governor import govern
from reconciliation.repair.harm_check import AT_MOST_BY_CHANCE, TIMES_AS_MANY, Tally, harms


# --- the judgement --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tally", "is_harm"),
    [
        (Tally(repaired=10, died=8, others=100, others_died=1), True),
        (Tally(repaired=6, died=5, others=10), True),
        (Tally(repaired=5, died=3), False),  # no others to compare with
        (Tally(repaired=10, died=3, others=40, others_died=5), False),  # may be chance
        (Tally(repaired=5, died=3, others=12), False),
        (Tally(repaired=900, died=700, others=6000, others_died=3000), True),
        (Tally(repaired=4, died=4, others=100), False),  # too few to say
        (Tally(repaired=100, died=2, others=100), False),
        (Tally(repaired=100, died=40, others=1000, others_died=9), False),  # most of them stayed
        (Tally(repaired=13, died=3, others=500, others_died=12), False),  # a few are sick
        (Tally(repaired=13, died=7, others=500, others_died=12), True),
        (Tally(repaired=10, died=4, others=10, others_died=9), False),  # all of them die
    ],
)
def test_it_takes_numbers_to_blame(tally, is_harm):
    assert harms(tally) is is_harm


@given(
    repaired=st.integers(0, 200),
    died=st.integers(0, 200),
    others=st.integers(0, 200),
    others_died=st.integers(0, 200),
)
def test_more_deaths_among_the_others_never_make_it_worse(repaired, died, others, others_died):
    died, others_died = min(died, repaired), min(others_died, others)
    worse = Tally(repaired=repaired, died=died, others=others, others_died=others_died)
    if harms(worse):
        assert harms(Tally(repaired=repaired, died=died, others=others, others_died=0))


@given(
    repaired=st.integers(1, 200),
    died=st.integers(0, 199),
    others=st.integers(0, 200),
    others_died=st.integers(0, 200),
)
def test_more_deaths_of_what_was_repaired_never_make_it_better(repaired, died, others, others_died):
    died, others_died = min(died, repaired - 1), min(others_died, others)
    better = Tally(repaired=repaired, died=died, others=others, others_died=others_died)
    if harms(better):
        worse = Tally(repaired=repaired, died=died + 1, others=others, others_died=others_died)
        assert harms(worse)


@given(repaired=st.integers(5, 60), others=st.integers(0, 60), deaths=st.integers(0, 60))
def test_chance_does_not_give_it_even_where_the_repaired_are_the_sickest(repaired, others, deaths):
    """Repaired accounts die by their share of the time, thrice: a false alarm stays rarer than
    allowed."""
    share = TIMES_AS_MANY * repaired / (TIMES_AS_MANY * repaired + 6 * others)
    blamed = sum(
        math.comb(deaths, died) * share**died * (1 - share) ** (deaths - died)
        for died in range(min(deaths, repaired) + 1)
        if deaths - died <= others
        and harms(Tally(repaired=repaired, died=died, others=others, others_died=deaths - died))
    )
    assert blamed <= AT_MOST_BY_CHANCE


# --- what comes of it -----------------------------------------------------------------------------
@pytest.fixture
def harmed(scene):
    """Create ten accounts: six were repaired half an hour ago, and five of them died a minute
    later."""
    accounts = scene.accounts(10)
    scene.tick()
    now = clock.database_now()
    for number, account in enumerate(accounts[:6]):
        Repair.objects.create(
            account=account,
            gateway=account.gateway,
            session_id=account.session_id,
            asked_by=Repair.Asker.ROLLCALL,
            steps=["restart"],
            state=Repair.State.SUCCEEDED,
            asked_at=now - timedelta(minutes=31),
            started_at=now - timedelta(minutes=31),
            finished_at=now - timedelta(minutes=30),
        )
        if number < 5:
            died = Transition.objects.create(
                account=account,
                from_status=Status.CONNECTED,
                to_status=Status.LOGGED_OUT,
                source=Source.WEBHOOK,
                observed_at=now,
            )
            Transition.objects.filter(pk=died.pk).update(created_at=now - timedelta(minutes=29))
    return scene


def test_it_pauses_there_and_opens_one_incident_with_the_numbers(harmed):
    govern()
    govern()
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is not None
    [incident] = Incident.objects.filter(kind=Incident.Kind.REPAIR_HARMS)
    assert incident.text.startswith("5 of 6 sessions that Rollcall restarted within an hour died")
    assert harmed.gateway.repair_paused_why == incident.text


def test_no_repair_is_to_blame_for_what_died_with_half_of_its_gateway(harmed):
    """Otherwise repair would pause itself when most sessions need it."""
    died_at = Transition.objects.filter(to_status=Status.LOGGED_OUT).latest("pk").created_at
    mass = Incident.objects.create(kind=Incident.Kind.MASS_LOSS, gateway=harmed.gateway)
    Incident.objects.filter(pk=mass.pk).update(
        opened_at=died_at - timedelta(seconds=60), closed_at=died_at - timedelta(seconds=1)
    )

    govern()

    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is None


def test_they_are_held_against_all_who_died_and_who_dies_is_repaired(harmed):
    """Dead accounts are repaired, so no dead one is left among the untouched."""
    now = clock.database_now()
    touched = Account.objects.filter(repairs__isnull=False)
    Account.objects.exclude(pk__in=touched).update(wanted="stopped")
    for account in touched:
        died = Transition.objects.create(
            account=account,
            from_status=Status.CONNECTED,
            to_status=Status.DISCONNECTED,
            source=Source.LIST,
            observed_at=now,
        )
        Transition.objects.filter(pk=died.pk).update(created_at=now - timedelta(minutes=32))
    Transition.objects.filter(to_status=Status.LOGGED_OUT).latest("pk").delete()
    Transition.objects.filter(to_status=Status.LOGGED_OUT).latest("pk").delete()

    govern()

    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is None


def test_only_a_person_resumes_it_and_then_it_counts_anew(harmed):
    govern()
    harmed.passes(3 * 3600)
    harmed.tick()
    govern()
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is not None

    resume_repair(harmed.gateway, actor="olga")
    govern()
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is None
    assert not harmed.open_incidents()
    with pytest.raises(Refused, match="not paused"):
        resume_repair(harmed.gateway, actor="olga")


def test_what_was_before_the_resumption_is_not_held_against_it(harmed):
    govern()
    harmed.gateway.refresh_from_db()
    resume_repair(harmed.gateway, actor="olga")
    govern()
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is None


def test_that_its_incident_is_closed_does_not_resume_it(harmed):
    govern()
    close_incident(Incident.Kind.REPAIR_HARMS, gateway_id=harmed.gateway.pk)
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is not None


def test_those_that_stay_are_nobodys_harm(harmed):
    Transition.objects.all().delete()
    govern()
    harmed.gateway.refresh_from_db()
    assert harmed.gateway.repair_paused_at is None
