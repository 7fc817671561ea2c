"""Two accounts with one number: shown on both, decided by an operator, never both repaired."""

from __future__ import annotations

import pytest

from accounts.models import Repair
from accounts.operators.lifecycle import keep_this_one
from accounts.words.refusals import Refused
from accounts.words.status import Status, Wanted
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason
from reconciliation.models import Finding
from reconciliation.repair.governor import govern
from reconciliation.twins import find_twins

LONG, SHORT = "5511987654321", "551187654321"


@pytest.fixture
def twins(scene):
    """Create one at our gateway and one in another workspace and gateway, spelt differently."""
    ours = scene.an_account("ours", phone_number=LONG)
    theirs = scene.cast.an_account(
        "theirs",
        Status.DISCONNECTED,
        status_reason=Reason.BROWSER_GONE,
        phone_number=SHORT,
        workspace=scene.cast.globex,
        gateway=scene.cast.other_gateway,
    )
    return ours, theirs


def open_twins():
    rows = Finding.objects.filter(kind=Finding.Kind.TWIN, ended_at__isnull=True)
    return {finding.account_id: finding.why for finding in rows}


def test_both_are_shown_with_the_other(twins):
    ours, theirs = twins
    assert find_twins() == 2
    found = open_twins()
    assert f"account {theirs.pk} (Globex, whatsapp-2) {SHORT}" in found[ours.pk]
    assert f"account {ours.pk} (Acme, whatsapp-1) {LONG}" in found[theirs.pk]


def test_a_roll_call_does_not_end_them(twins, scene):
    find_twins()
    scene.call_roll()
    scene.call_roll()
    assert len(open_twins()) == 2


def test_finding_them_again_makes_no_second_row(twins, django_assert_max_num_queries):
    find_twins()
    with django_assert_max_num_queries(9):
        find_twins()
    assert Finding.objects.filter(kind=Finding.Kind.TWIN).count() == 2


def test_the_same_number_in_two_workspaces_is_a_twin_and_other_numbers_are_none(scene):
    number = scene.cast.alice.phone_number
    scene.cast.an_account(
        "elsewhere", Status.CONNECTED, phone_number=number, workspace=scene.cast.globex
    )
    assert find_twins() == 2


def test_a_session_that_was_linked_to_anothers_number_is_one(scene):
    wrong = scene.cast.an_account(
        "wrong",
        Status.LOGGED_OUT,
        status_reason=Reason.WRONG_NUMBER,
        scanned_number=scene.cast.alice.phone_number,
        workspace=scene.cast.globex,
    )
    find_twins()
    assert set(open_twins()) == {wrong.pk, scene.cast.alice.pk}


def test_neither_is_repaired_before_one_is_kept_and_then_that_one_is(twins, scene):
    """Where the gateway of the one serves the workspace of the other: else it holds nothing up."""
    ours, theirs = twins
    scene.an_account("beside", workspace=theirs.workspace)
    other = theirs.gateway
    type(other).objects.filter(pk=other.pk).update(sight_since=scene.cast.ago(60))
    govern()
    theirs.refresh_from_db()
    assert theirs.next_step == PlannedStep(code=StepCode.SAME_NUMBER, accounts=(ours.pk,))
    assert not Repair.objects.exists()

    assert keep_this_one(theirs, actor="olga") == [ours]
    ours.refresh_from_db()
    assert ours.wanted == Wanted.STOPPED
    govern()
    assert list(Repair.objects.values_list("account_id", flat=True)) == [theirs.pk]
    find_twins()
    assert open_twins() == {}


def test_nobody_can_keep_one_that_has_no_twin_or_is_wanted_stopped(scene, twins):
    with pytest.raises(Refused, match="no other account"):
        keep_this_one(scene.cast.alice, actor="olga")
    ours, _ = twins
    ours.wanted = Wanted.STOPPED
    with pytest.raises(Refused, match="kept stopped"):
        keep_this_one(ours, actor="olga")


# --- a session that nobody claims ----------------------------------------------------------------
@pytest.fixture
def stranger(scene):
    """Put on our gateway an unclaimed session of another workspace, with the number of an account
    that was lost at another gateway."""
    lost = scene.cast.an_account(
        "lost",
        Status.DISCONNECTED,
        status_reason=Reason.BROWSER_GONE,
        phone_number=SHORT,
        gateway=scene.cast.other_gateway,
    )
    type(lost.gateway).objects.filter(pk=lost.gateway_id).update(sight_since=scene.cast.ago(60))
    scene.holds("stranger", LONG, workspace_id=scene.cast.globex.pk)
    scene.call_roll()
    return lost


def test_a_session_that_nobody_claims_is_shown_as_the_twin_of_an_account(stranger):
    assert find_twins() == 2
    found = open_twins()
    assert "session stranger, which nobody claims (whatsapp-1)" in found[stranger.pk]
    assert "take that session over or stop it" in found[stranger.pk]
    assert f"account {stranger.pk} (Acme, whatsapp-2) {SHORT}" in found[None]


def test_an_account_is_not_started_beside_it(stranger, scene):
    govern()
    stranger.refresh_from_db()
    assert stranger.next_step == PlannedStep(code=StepCode.SAME_NUMBER, sessions=("stranger",))
    assert not Repair.objects.exists()

    del scene.world.sessions["stranger"]
    scene.call_roll()
    find_twins()
    govern()
    assert open_twins() == {}
    assert list(Repair.objects.values_list("account_id", flat=True)) == [stranger.pk]


def test_one_that_cannot_be_seen_any_more_holds_up_nobody(stranger, scene):
    type(scene.gateway).objects.filter(pk=scene.gateway.pk).update(blind_since=scene.cast.now)
    govern()
    assert list(Repair.objects.values_list("account_id", flat=True)) == [stranger.pk]


def test_two_sessions_that_nobody_claims_are_shown_with_each_other(scene):
    for gateway, session_id in ((scene.gateway, "a"), (scene.cast.other_gateway, "b")):
        Finding.objects.create(
            gateway=gateway,
            kind=Finding.Kind.UNCLAIMED,
            session_id=session_id,
            phone_number="4915112345678",
            now="connected",
            first_seen_at=scene.cast.now,
            last_seen_at=scene.cast.now,
        )
    assert find_twins() == 2


def test_what_only_waits_for_a_scan_is_nobodys_twin(scene):
    """The number of a session counts once it is connected."""
    scene.holds("stranger", scene.cast.alice.phone_number, state="qr_scanning")
    scene.call_roll()
    assert find_twins() == 0
