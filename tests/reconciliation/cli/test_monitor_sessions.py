"""The health check, as an operator and as a script would use it."""

from __future__ import annotations

import io
import json

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError

from accounts.models import Account, Gateway
from accounts.words.status import Status
from reconciliation.models import Run
from reconciliation.rollcall.lease import take_lease
from simulator.world import faults
from simulator.world.world import ProcessState
from tests.reconciliation.cli.monitoring import Monitor
from tests.reconciliation.scene import OURS


@pytest.fixture
def monitor(scene):
    Gateway.objects.exclude(pk=scene.gateway.pk).delete()
    return Monitor()


def everything():
    """Return every row of ours, so that no change goes unnoticed."""
    models = [model for name in OURS for model in apps.get_app_config(name).get_models()]
    return {model: list(model._default_manager.order_by("pk").values()) for model in models}


def test_in_sync_it_says_so_and_exits_with_0(monitor):
    assert monitor() == 0
    assert "whatsapp-1: 1 session listed, in sync" in monitor.out
    assert "All sessions are in sync." in monitor.out


def test_the_incidents_third_test(scene, monitor):
    """The database says connected, the gateway has no such session."""
    scene.loses(scene.cast.alice)

    assert monitor() == 2
    assert scene.says(scene.cast.alice)[0][0] == Status.DISCONNECTED
    assert monitor() == 0


def test_a_plan_finds_the_same_and_changes_nothing_at_all(scene, monitor):
    faults.set_listed(scene.world, scene.an_account("dana").session_id, listed=False)
    scene.an_account("eve", status=Status.DISCONNECTED)
    scene.holds("stranger")
    scene.loses(scene.cast.alice)
    before = everything()

    assert monitor("--plan", "--json") == 2
    planned = json.loads(monitor.out)
    assert everything() == before
    assert monitor("--json") == 2
    assert json.loads(monitor.out) == planned


def test_a_plan_of_a_mass_loss_of_a_boot_and_of_a_blind_gateway_changes_nothing(scene, monitor):
    scene.accounts(3)
    scene.call_roll()
    scene.world.sessions.clear()
    before = everything()
    assert monitor("--plan") == 2
    scene.passes(0)
    scene.world.started_at = scene.world.host.now()
    scene.world.advance(1000)
    assert monitor("--plan") == 2
    assert "the gateway is booting" in monitor.out
    scene.world.state = ProcessState.STOPPED
    assert monitor("--plan") == 1

    assert everything() == before


def test_its_json_has_this_shape(scene, monitor):
    scene.loses(scene.cast.alice)
    monitor("--json")

    assert json.loads(monitor.out) == {
        "in_sync": False,
        "gateways": [
            {
                "name": "whatsapp-1",
                "reachable": True,
                "findings": [
                    {
                        "kind": "missing",
                        "account_id": scene.cast.alice.pk,
                        "session_id": "alice",
                        "phone_number": scene.cast.alice.phone_number,
                        "was": "connected",
                        "now": "disconnected",
                        "held": False,
                        "why": "absent from the list, and by a read there is no such session",
                    }
                ],
            }
        ],
    }


def test_what_is_not_known_is_null(scene, monitor):
    scene.holds("stranger", "", state="qr_scanning")
    monitor("--json")

    [[finding]] = [one["findings"] for one in json.loads(monitor.out)["gateways"]]
    assert finding["account_id"] is finding["phone_number"] is finding["was"] is None


def test_a_gateway_that_cannot_be_read_is_an_error(scene, monitor):
    scene.world.state = ProcessState.STOPPED

    assert monitor("--json") == 1
    assert json.loads(monitor.out) == {
        "in_sync": False,
        "gateways": [{"name": "whatsapp-1", "reachable": False, "findings": []}],
    }
    assert "refused" in monitor.err
    assert scene.says(scene.cast.alice)[0][0] == Status.CONNECTED


def test_a_list_that_is_not_whole_is_an_error_too(scene, monitor):
    scene.world.faults.list_fault = "no_total"

    assert monitor() == 1
    assert "its list is not complete" in monitor.out


def test_an_error_beats_drift(scene, monitor):
    scene.loses(scene.cast.alice)
    scene.an_account("dana", status=Status.DISCONNECTED)
    scene.world.faults.list_fault = "no_total"

    assert monitor() == 1
    assert scene.open_findings() == {("differs", "dana")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gateway", "whatsapp-7"], "there is no gateway 'whatsapp-7'; there are: whatsapp-1"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["whatsapp-1"], "unrecognized arguments: whatsapp-1"),
        (["--gateway"], "expected one argument"),
    ],
)
def test_wrong_usage_is_an_error_with_one_line(monitor, capsys, arguments, says):
    assert monitor(*arguments) == 1
    said = monitor.err + capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said and len(said.splitlines()) == 1


def test_a_database_that_does_not_answer_is_an_error_with_one_line(monitor, monkeypatch):
    def fails(*args, **kwargs):
        raise OperationalError("connection refused\n\tIs the server running?")

    monkeypatch.setattr("reconciliation.management.commands.monitor_sessions._reports", fails)

    assert monitor() == 1
    assert monitor.err == "the database failed: connection refused"


def test_without_a_gateway_it_says_how_to_add_one(scene, monitor):
    Account.objects.all().delete()
    Gateway.objects.all().delete()

    assert monitor() == 0
    assert "gateway_add" in monitor.out


def test_one_gateway_alone_is_asked(committed):
    monitor = Monitor()
    assert monitor("--gateway", "whatsapp-1") == 0
    assert "whatsapp-2" not in monitor.out

    assert monitor("--json") == 1  # the other does not answer
    assert [one["name"] for one in json.loads(monitor.out)["gateways"]] == [
        "whatsapp-1",
        "whatsapp-2",
    ]


def test_a_pass_that_is_under_way_is_waited_for(scene, monitor, monkeypatch):
    lease = take_lease(scene.gateway.pk)
    monkeypatch.setattr("reconciliation.rollcall.lease.time.sleep", lambda seconds: lease.release())

    assert monitor() == 0
    assert Run.objects.count() == 1


def test_one_that_does_not_end_is_an_error(scene, monitor, monkeypatch):
    monkeypatch.setattr("reconciliation.management.commands.monitor_sessions.WAIT_SECONDS", 0)
    take_lease(scene.gateway.pk)

    assert monitor() == 1
    assert "another pass is under way" in monitor.out


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stdout", "is_coloured"), [(Terminal(), True), (io.StringIO(), False)])
def test_only_a_terminal_gets_colours(scene, monkeypatch, stdout, is_coloured):
    scene.loses(scene.cast.alice)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", stdout)

    with pytest.raises(SystemExit):
        call_command("monitor_sessions", "--plan", "--gateway", "whatsapp-1")

    assert ("\x1b[" in stdout.getvalue()) is is_coloured


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_narrow_terminal_is_not_overrun(scene, monitor, monkeypatch, width):
    """Session ids of the real service, and a reason that is long."""
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("KUfMjqya", "W0hejiNg"):
        session_id = scene.holds(f"webjs_1_1763264512_{name}", scene.cast.alice.phone_number)
        scene.world.sessions[session_id].status = "authenticated"
    scene.loses(scene.cast.alice)
    monitor()

    assert max(map(len, monitor.out.splitlines())) <= width
    assert "restart the session" in " ".join(monitor.out.split())


def test_what_strangers_wrote_is_shown_with_escapes(scene, monitor):
    scene.holds("evil\x1b[2J\u202e", "", state="qr_scanning")
    monitor()

    assert "\x1b" not in monitor.out and "\u202e" not in monitor.out
    assert r"evil\u001b[2J\u202e" in monitor.out


def test_hundreds_of_findings_leave_the_screen_readable(scene, monitor):
    for number in range(120):
        scene.holds(f"stranger-{number}")
    monitor()
    assert "… and 70 more" in monitor.out
    monitor("--json")

    [gateway] = json.loads(monitor.out)["gateways"]
    assert len(gateway["findings"]) == 120
