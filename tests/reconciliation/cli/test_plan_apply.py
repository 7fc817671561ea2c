"""A plan is written, read by a person, and then done exactly, or refused with what changed."""

from __future__ import annotations

import json
import stat

import pytest

from accounts.models import Account, Gateway, Transition
from accounts.operators import lifecycle
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from reconciliation.models import Run
from simulator.world.world import ProcessState
from tests.cast import see, story
from tests.reconciliation.cli.monitoring import Monitor

LOST = (Status.DISCONNECTED, Reason.MISSING)
CONNECTED = (Status.CONNECTED, "")


@pytest.fixture
def monitor(scene):
    Gateway.objects.exclude(pk=scene.gateway.pk).delete()
    return Monitor()


@pytest.fixture
def drift(scene):
    """Lose Dana's session, bring Eve's back, and run an unclaimed one; Alice is well."""
    dana = scene.an_account("dana")
    scene.loses(dana)
    eve = scene.an_account("eve", status=Status.DISCONNECTED)
    scene.holds("stranger", "", state="qr_scanning")
    return dana, eve


@pytest.fixture
def plan(monitor, drift, tmp_path):
    file = tmp_path / "plan.json"
    assert monitor("--plan", "--out", str(file)) == 2
    return file


def entries_of(file):
    [gateway] = json.loads(file.read_text())["gateways"]
    return {entry["session_id"]: entry for entry in gateway["entries"]}


def test_a_plan_says_what_would_be_done_why_and_what_it_rests_on(scene, plan, drift):
    entries = entries_of(plan)
    dana = entries["dana"]

    assert entries.keys() == {"dana", "eve", "stranger"}
    assert dana["does"] == "say disconnected (missing)"
    assert dana["why"] == "absent from the list, and by a read there is no such session"
    assert (dana["row"]["status"], dana["row"]["wanted"]) == ("connected", "running")
    assert dana["shown"] == {"listed": "no", "seen as": "disconnected missing"}
    assert entries["eve"]["shown"]["state"] == "connected"
    assert entries["stranger"]["does"] == ""


def test_a_plan_changes_nothing_and_is_for_its_owners_eyes(scene, plan, drift):
    assert Transition.objects.count() == Run.objects.count() == 0
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600


def test_what_still_fits_is_done(scene, monitor, plan, drift):
    assert monitor("--apply", str(plan)) == 0

    assert scene.says(*drift) == [LOST, CONNECTED]
    assert "2 done, 0 refused, 1 only shown." in monitor.out


def test_nothing_else_is_done(scene, monitor, plan, drift):
    """A session lost after the plan was made waits for the next roll call."""
    scene.loses(scene.cast.alice)
    monitor("--apply", str(plan))

    assert story(scene.cast.alice) == []
    assert Run.objects.count() == 0
    assert Gateway.objects.get().listed_at is None


def test_a_second_time_it_is_refused(scene, monitor, plan, drift):
    monitor("--apply", str(plan))

    assert monitor("--apply", str(plan)) == 2
    assert "its row: status was connected, is disconnected" in " ".join(monitor.out.split())
    assert [len(story(account)) for account in drift] == [1, 1]


def came_back(scene, dana):
    scene.holds("dana", dana.phone_number)


def is_said_to_be_gone(scene, dana):
    see(dana, Status.LOGGED_OUT, at=scene.database_now(), reason=Reason.UNLINKED)


def is_not_wanted_any_more(scene, dana):
    lifecycle.want(dana, Wanted.STOPPED, actor="olga")


def went_and_came_back_in_between(scene, dana):
    see(dana, Status.DISCONNECTED, at=scene.database_now(), reason=Reason.NETWORK)
    see(dana, Status.CONNECTED, at=scene.database_now())


def has_another_session(scene, dana):
    Account.objects.filter(pk=dana.pk).update(session_id="dana-2")


def gateway_was_restarted(scene, dana):
    """Let its uptime begin at another moment."""
    scene.world.advance(1000)


def gateway_is_away(scene, dana):
    scene.world.state = ProcessState.STOPPED


def gateway_has_moved(scene, dana):
    Gateway.objects.update(base_url="http://gateway-7:3001")


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (came_back, "nothing differs there any more"),
        (is_said_to_be_gone, "its row: status was connected, is logged_out"),
        (is_not_wanted_any_more, "its row: wanted was running, is stopped"),
        (went_and_came_back_in_between, "its row: status_since was"),
        (has_another_session, "its row: session_id was dana, is dana-2"),
        (gateway_was_restarted, "the gateway: it was restarted"),
        (gateway_is_away, "the gateway cannot be read: "),
        (gateway_has_moved, "address was http://gateway-1:3001, is http://gateway-7:3001"),
    ],
)
def test_what_changed_meanwhile_is_refused_and_named(scene, monitor, plan, drift, happens, says):
    dana, _ = drift
    happens(scene, dana)
    before = Account.objects.filter(pk=dana.pk).values().get()

    assert monitor("--apply", str(plan)) == 2

    assert says in " ".join(monitor.out.split())
    assert Account.objects.filter(pk=dana.pk).values().get() == before


def test_one_that_changed_does_not_hold_up_the_others(scene, monitor, plan, drift):
    is_said_to_be_gone(scene, drift[0])

    assert monitor("--apply", str(plan)) == 2
    assert scene.says(drift[1]) == [CONNECTED]
    assert "1 done, 1 refused, 1 only shown." in monitor.out


def test_what_the_gateway_shows_otherwise_is_refused(scene, monitor, plan, drift):
    scene.world.sessions["eve"].status = "qr_scanning"

    assert monitor("--apply", str(plan), "--json") == 2

    [refused] = [one for one in json.loads(monitor.out)["entries"] if one["session_id"] == "eve"]
    assert "the gateway: state was connected, is qr_scanning" in refused["refused"]
    assert scene.says(drift[1])[0][0] == Status.DISCONNECTED


def test_a_mass_loss_is_planned_as_what_it_would_be(scene, monitor, tmp_path):
    accounts = scene.accounts(4)
    scene.loses(*accounts)
    file = tmp_path / "plan.json"
    monitor("--plan", "--out", str(file))

    assert monitor("--apply", str(file)) == 0
    assert scene.says(*accounts) == [(Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED)] * 4


def test_its_json_counts(scene, monitor, plan):
    assert monitor("--apply", str(plan), "--json") == 0

    told = json.loads(monitor.out)
    assert (told["done"], told["refused"]) == (2, 0)
    assert {one["session_id"]: one["done"] for one in told["entries"]} == {
        "dana": True,
        "eve": True,
        "stranger": False,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is no JSON"),
        ("[]", "was not made by monitor_sessions"),
        ('{"rollcall_plan": 7}', "of this version"),
        ('{"rollcall_plan": 1}', "it is damaged"),
        ('{"rollcall_plan": 1, "gateways": [{}]}', "it is damaged"),
        ('{"rollcall_plan": 1, "gateways": [7]}', "it is damaged"),
        ("\x00", "it is no JSON"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_line(monitor, tmp_path, text, says):
    file = tmp_path / "plan.json"
    file.write_text(text)

    assert monitor("--apply", str(file)) == 1
    assert says in monitor.err and len(monitor.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--apply", "/nowhere/plan.json"], "cannot be read: No such file"),
        (["--plan", "--out", "/nowhere/plan.json"], "cannot be written"),
        (["--out", "plan.json"], "--out goes with --plan"),
        (["--apply", "plan.json", "--watch"], "--watch goes neither with"),
        (["--watch", "0"], "--watch: give 1 to 3600 seconds"),
        (["--plan", "--apply", "plan.json"], "not allowed with argument"),
    ],
)
def test_wrong_usage_says_so(monitor, capsys, arguments, says):
    assert monitor(*arguments) == 1
    assert says in monitor.err + capsys.readouterr().err
