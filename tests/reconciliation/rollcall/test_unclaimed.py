"""Sessions at the gateway that are no account's current one."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import Account
from accounts.words.status import Status, Wanted
from tests.cast import left_behind, story


def test_a_stranger_is_shown_and_left_alone(scene):
    scene.holds("stranger")

    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.account_id, finding.held) == ("unclaimed", None, True)
    assert Account.objects.filter(session_id="stranger").count() == 0


def test_the_account_that_lost_its_session_is_proposed_for_it(scene):
    """The incident: its session is gone, and the gateway waits for a scan on another one."""
    scene.loses(scene.cast.alice)
    scene.holds("stranger", "", state="qr_scanning")

    findings = {str(finding.kind): finding for finding in scene.call_roll().findings}

    assert findings["unclaimed"].account_id == scene.cast.alice.pk
    assert scene.cast.alice.phone_number in findings["unclaimed"].why
    assert scene.says(scene.cast.alice)[0][0] == Status.DISCONNECTED


def test_of_two_that_lost_theirs_none_is_proposed(scene):
    dana = scene.an_account("dana")
    scene.loses(scene.cast.alice, dana)
    scene.holds("stranger", "", state="qr_scanning")

    scene.call_roll()
    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.account_id) == ("unclaimed", None)


def test_an_account_of_another_workspace_is_not_proposed(scene):
    scene.loses(scene.cast.alice)
    scene.holds("stranger", "", state="qr_scanning", workspace_id=scene.cast.globex.pk)

    findings = {str(finding.kind): finding for finding in scene.call_roll().findings}

    assert findings["unclaimed"].account_id is None


def test_a_new_session_of_its_number_takes_the_account_over(scene):
    scene.loses(scene.cast.alice)
    scene.holds("alice-2", scene.cast.alice.phone_number)

    [finding] = scene.call_roll().findings
    scene.cast.alice.refresh_from_db()

    assert (finding.kind, finding.session_id, finding.held) == ("duplicate", "alice-2", False)
    assert scene.cast.alice.session_id == "alice-2"
    assert scene.cast.alice.unshown_since is None
    assert left_behind(scene.cast.alice) == {"alice"}
    assert story(scene.cast.alice) == []


def later(scene, minutes):
    return (scene.world.host.now() + timedelta(minutes=minutes)).isoformat()


def test_of_two_alive_the_later_login_wins(scene):
    scene.holds("alice-2", scene.cast.alice.phone_number, connected_at=later(scene, 5))

    [finding] = scene.call_roll().findings
    scene.cast.alice.refresh_from_db()

    assert (finding.kind, finding.session_id) == ("duplicate", "alice-2")
    assert scene.cast.alice.session_id == "alice-2"


def test_of_two_alive_an_earlier_login_is_only_shown(scene):
    scene.holds("alice-2", scene.cast.alice.phone_number, connected_at=later(scene, -5))

    [finding] = scene.call_roll().findings
    scene.cast.alice.refresh_from_db()

    assert (finding.kind, finding.account_id, finding.held) == (
        "duplicate",
        scene.cast.alice.pk,
        True,
    )
    assert scene.cast.alice.session_id == "alice"


def test_of_two_strangers_with_its_number_the_later_login_wins(scene):
    scene.loses(scene.cast.alice)
    number = scene.cast.alice.phone_number
    scene.holds("alice-2", number, connected_at=later(scene, -5))
    scene.holds("alice-3", number, connected_at=later(scene, -2))

    scene.call_roll()
    scene.cast.alice.refresh_from_db()

    assert scene.cast.alice.session_id == "alice-3"
    assert ("duplicate", "alice-2") in scene.open_findings()


def test_a_superseded_session_takes_its_account_back_when_the_current_one_is_lost(scene):
    scene.holds("alice-2", scene.cast.alice.phone_number, connected_at=later(scene, 5))
    scene.call_roll()
    del scene.world.sessions["alice-2"]

    scene.call_roll()
    scene.cast.alice.refresh_from_db()
    assert (scene.cast.alice.session_id, scene.cast.alice.status) == ("alice-2", "disconnected")
    scene.call_roll()
    scene.cast.alice.refresh_from_db()

    assert (scene.cast.alice.session_id, scene.cast.alice.status) == ("alice", "connected")


def test_a_superseded_session_that_is_alive_is_shown(scene):
    scene.holds("alice-2", scene.cast.alice.phone_number, connected_at=later(scene, 5))
    scene.call_roll()

    [finding] = scene.call_roll().findings

    assert (finding.kind, finding.session_id, finding.held) == ("duplicate", "alice", True)


def test_what_runs_although_it_is_wanted_stopped_is_shown_with_its_real_word(scene):
    dana = scene.an_account("dana", status=Status.STOPPED, wanted=Wanted.STOPPED)

    report = scene.call_roll()

    assert {str(finding.kind) for finding in report.findings} == {"unwanted", "differs"}
    assert scene.says(dana)[0][0] == Status.CONNECTED
    [finding] = scene.call_roll().findings
    assert (finding.kind, finding.held) == ("unwanted", True)


def test_another_workspaces_session_id_moves_nothing(scene):
    """The list names it for a workspace that the account does not belong to."""
    scene.world.sessions["alice"].workspace_id = scene.cast.globex.pk
    scene.world.sessions["alice"].status = "disconnected"

    [finding] = scene.call_roll().findings

    assert finding.held and "workspace" in finding.why
    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]


def test_a_word_that_nobody_has_mapped_is_shown_and_moves_nothing(scene):
    scene.world.sessions["alice"].status = "hibernating"

    [finding] = scene.call_roll().findings

    assert (finding.now, finding.held) == ("hibernating", True)
    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]
    scene.passes(46)
    scene.call_roll()
    scene.sweep()
    assert scene.says(scene.cast.alice)[0][0] == Status.UNKNOWN
