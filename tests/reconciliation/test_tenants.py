"""A gateway and a workspace that it does not serve: what it says of numbers and sessions there
warns operators, and moves or blocks nothing.

Two gateways, two workspaces: whatsapp-1 serves Acme only and says everything that a gateway can
say of Globex's numbers, which whatsapp-2 runs.
"""

from __future__ import annotations

import pytest

from accounts.models import Account, Gateway, Repair, SupersededSession, Transition
from accounts.operators.registration import adopt
from accounts.repair.targeted_read import confirm
from accounts.state.observations import Verdict
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason
from reconciliation.models import Finding
from reconciliation.repair.governor import govern
from reconciliation.twins import find_twins
from tests.cast import a_number, see_session

# What whatsapp-1 may claim as the workspace of a session: nothing, its own, or the other one.
WORKSPACES = ["none", "its own", "the other"]
STATES = ["connected", "qr_scanning", "authenticated", "disconnected"]
PLIGHTS = {
    "lost": {"status": Status.DISCONNECTED, "status_reason": Reason.BROWSER_GONE},
    "missing": {"status": Status.DISCONNECTED, "status_reason": Reason.MISSING},
    "logged out": {"status": Status.LOGGED_OUT, "status_reason": Reason.UNLINKED},
    "unseen": {"status": Status.UNKNOWN, "status_reason": Reason.UNREACHABLE},
    "connected": {"status": Status.CONNECTED},
}
each_workspace = pytest.mark.parametrize("workspace", WORKSPACES)

each_state = pytest.mark.parametrize("state", STATES)
each_plight = pytest.mark.parametrize("plight", PLIGHTS)


@pytest.fixture(autouse=True)
def _by_the_second(monkeypatch):
    """Run no worker, and make the jitter zero."""
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    monkeypatch.setattr("reconciliation.repair.cases._chance", lambda *seed: 0.0)


@pytest.fixture
def neighbour(scene):
    """An account of Globex on whatsapp-2, which can be read and repaired."""

    def in_plight(plight):
        Gateway.objects.update(mode="act")
        Gateway.objects.filter(pk=scene.cast.other_gateway.pk).update(
            sight_since=scene.cast.ago(600), listed_at=scene.cast.now
        )
        return scene.cast.an_account(
            "gina",
            workspace=scene.cast.globex,
            gateway=scene.cast.other_gateway,
            **PLIGHTS[plight],
        )

    return in_plight


def claimed(scene, workspace):
    named = {"its own": scene.cast.acme.pk, "the other": scene.cast.globex.pk}
    return named.get(workspace)


def told(scene, account, session_id, workspace, state="connected"):
    """Put a session with the account's number on whatsapp-1, and call the roll there."""
    scene.holds(
        session_id,
        account.phone_number,
        workspace_id=claimed(scene, workspace) or 0,
        state=state,
    )
    if workspace == "none":
        scene.world.sessions[session_id].workspace_id = None
    scene.call_roll()
    find_twins()


def trace(account):
    """Everything that may move: the row but for what only explains it, its history, its repairs
    and its earlier sessions."""
    row = Account.objects.values().get(pk=account.pk)
    return (
        row,
        list(Transition.objects.filter(account=account).values_list("pk", flat=True)),
        list(SupersededSession.objects.filter(account=account).values_list("pk", flat=True)),
    )


def repaired():
    return list(Repair.objects.values_list("account_id", flat=True))


# --- repair ---
@each_workspace
def test_repair_of_an_account_is_not_held_up_by_a_gateway_that_does_not_serve_it(
    scene, neighbour, workspace
):
    gina = neighbour("lost")
    told(scene, gina, "gina", workspace)
    govern()
    assert repaired() == [gina.pk]


@each_workspace
def test_operators_are_warned_of_what_it_lists(scene, neighbour, workspace):
    gina = neighbour("lost")
    told(scene, gina, "theirs", workspace)
    assert ("unclaimed", "theirs") in scene.open_findings()
    twin = Finding.objects.get(kind=Finding.Kind.TWIN, account=gina)
    assert "session theirs, which nobody claims (whatsapp-1)" in twin.why
    assert "holds nothing up" in twin.why


@each_workspace
@each_state
@each_plight
def test_nothing_that_it_lists_moves_the_account(scene, neighbour, plight, state, workspace):
    gina = neighbour(plight)
    before = trace(gina)
    told(scene, gina, "theirs", workspace, state)
    told(scene, gina, "gina", workspace, state)
    assert trace(gina) == before
    assert not Finding.objects.filter(account=gina).exclude(kind=Finding.Kind.TWIN).exists()
    govern()
    assert repaired() == ([gina.pk] if plight in ("lost", "missing") else [])


def test_a_number_that_it_names_for_an_account_of_its_own_holds_up_nobody(scene, neighbour):
    """It says that its own nameless account runs with the neighbour's number."""
    gina = neighbour("lost")
    nameless = scene.cast.an_account("nameless", Status.CONNECTED, phone_number=None)
    told(scene, gina, "nameless", "its own")
    nameless.refresh_from_db()
    assert nameless.phone_number == gina.phone_number
    assert Finding.objects.filter(kind=Finding.Kind.TWIN, account=gina).exists()
    govern()
    assert repaired() == [gina.pk]


def test_a_wrong_number_that_it_names_is_told_and_holds_up_nobody(scene, neighbour):
    gina = neighbour("lost")
    told(scene, gina, "alice", "its own")
    scene.cast.alice.refresh_from_db()
    assert scene.cast.alice.status_reason == Reason.WRONG_NUMBER
    assert Finding.objects.filter(kind=Finding.Kind.TWIN, account=gina).exists()
    govern()
    assert repaired() == [gina.pk]


def test_where_it_serves_the_workspace_both_are_held_until_one_is_kept(scene, neighbour):
    gina = neighbour("lost")
    scene.an_account("gustav", workspace=scene.cast.globex)
    told(scene, gina, "theirs", "its own")
    govern()
    assert repaired() == []
    gina.refresh_from_db()
    assert gina.next_step == PlannedStep(code=StepCode.SAME_NUMBER, sessions=("theirs",))
    assert "neither is repaired" in Finding.objects.get(kind="twin", account=gina).why


@pytest.mark.parametrize("gone", ["archived_at", "merged_into_id"])
def test_an_account_that_it_has_no_more_gives_it_no_say(scene, neighbour, gone):
    gina = neighbour("lost")
    past = scene.an_account("gustav", workspace=scene.cast.globex)
    value = scene.cast.ago(60) if gone == "archived_at" else gina.pk
    Account.objects.filter(pk=past.pk).update(**{gone: value})
    before = trace(gina)
    told(scene, gina, "theirs", "the other")
    assert trace(gina) == before
    govern()
    assert repaired() == [gina.pk]


# --- observations ---
@pytest.mark.parametrize("source", sorted({Source.WEBHOOK, Source.LIST, Source.READ, Source.CLAIM}))
@each_workspace
@each_plight
@pytest.mark.parametrize("status", [Status.CONNECTED, Status.QR_SCANNING, Status.DISCONNECTED])
@pytest.mark.parametrize("session_id", ["gina", "theirs"])
def test_no_word_of_it_moves_the_account(
    scene, neighbour, source, workspace, plight, status, session_id
):
    gina = neighbour(plight)
    before = trace(gina)
    outcome = see_session(
        scene.gateway,
        session_id,
        status,
        at=scene.cast.now,
        source=source,
        phone_number=gina.phone_number,
        workspace_id=claimed(scene, workspace),
    )
    assert (outcome.verdict, outcome.account_id) == (Verdict.UNKNOWN_SESSION, None)
    assert trace(gina) == before


@pytest.mark.parametrize("source", [Source.LIST, Source.READ])
@pytest.mark.parametrize("plight", ["lost", "missing", "logged out"])
def test_a_session_of_long_ago_does_not_get_an_account_back_that_moved_away(
    scene, neighbour, source, plight
):
    """Its account runs on whatsapp-2 since, as a read has confirmed."""
    gina = neighbour(plight)
    SupersededSession.objects.create(
        gateway=scene.gateway, session_id="old", account=gina, confirmed_at=scene.cast.ago(900)
    )
    before = trace(gina)
    outcome = see_session(
        scene.gateway,
        "old",
        Status.CONNECTED,
        at=scene.cast.now,
        source=source,
        phone_number=gina.phone_number,
    )
    assert outcome.verdict is Verdict.SUPERSEDED
    assert trace(gina) == before


@pytest.mark.parametrize("is_served", [True, False])
def test_it_does_where_the_gateway_serves_the_workspace_or_the_move_was_never_confirmed(
    scene, neighbour, is_served
):
    gina = neighbour("lost")
    if is_served:
        scene.an_account("gustav", workspace=scene.cast.globex)
    SupersededSession.objects.create(
        gateway=scene.gateway,
        session_id="old",
        account=gina,
        confirmed_at=scene.cast.ago(900) if is_served else None,
    )
    outcome = see_session(
        scene.gateway, "old", Status.CONNECTED, at=scene.cast.now, source=Source.READ
    )
    assert outcome.verdict is Verdict.TAKEN_BACK


# --- reads and verbs ---
@pytest.mark.parametrize("session_id", ["gina", "theirs"])
@each_plight
def test_a_read_of_its_sessions_moves_only_its_own(scene, neighbour, session_id, plight):
    gina = neighbour(plight)
    before = trace(gina)
    scene.holds(session_id, gina.phone_number, workspace_id=scene.cast.globex.pk)
    confirm(scene.gateway.pk, session_id)
    assert trace(gina) == before


def test_nobody_is_offered_its_session_for_an_account_of_the_other_workspace(scene, neighbour):
    gina = neighbour("missing")
    told(scene, gina, "theirs", "the other")
    finding = Finding.objects.get(kind="unclaimed", session_id="theirs")
    assert finding.account is None


def test_an_operator_may_move_the_account_there_all_the_same(scene, neighbour):
    gina = neighbour("lost")
    told(scene, gina, "theirs", "the other")
    adopt(gina, "theirs", gateway=scene.gateway, actor="olga")
    gina.refresh_from_db()
    assert (gina.gateway, gina.session_id) == (scene.gateway, "theirs")


def test_not_onto_a_session_of_the_other_workspaces_account(scene, neighbour):
    gina = neighbour("lost")
    with pytest.raises(Refused, match="belongs to account"):
        adopt(gina, "alice", gateway=scene.gateway, actor="olga")


def test_losing_half_of_its_sessions_holds_up_no_other_gateway(scene, neighbour):
    gina = neighbour("lost")
    scene.call_roll()
    scene.loses(*scene.accounts(6), scene.cast.alice)
    scene.call_roll()
    assert "mass_loss" in scene.open_incidents()
    govern()
    assert repaired() == [gina.pk]


def test_other_numbers_of_its_are_no_business_of_the_other_workspace(scene, neighbour):
    neighbour("connected")
    scene.holds("stranger", a_number(), workspace_id=scene.cast.globex.pk)
    scene.call_roll()
    assert find_twins() == 0
