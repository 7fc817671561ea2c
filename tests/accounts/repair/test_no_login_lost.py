"""No automatic act costs a login: a session that has healed is not restarted, and one whose gateway
may lose the login with a restart is left to a person."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from accounts.models import Account, Repair
from accounts.operators import lifecycle
from accounts.repair import repairs, starts
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status, Wanted
from gateways import registry
from gateways.base import Reason
from reconciliation.repair.stop_unwanted import stop_unwanted
from tests.accounts.operators.waha_there import URL, waha_at
from tests.cast import see
from tests.gateways.kinds import captured

pytestmark = pytest.mark.usefixtures("rung")
ROLLCALL, OPERATOR = Repair.Asker.ROLLCALL, Repair.Asker.OPERATOR
PLUS = {"version": "2026.2.1", "engine": "WEBJS", "tier": "PLUS"}
CORE = {"version": "2024.10.8", "engine": "WEBJS", "tier": "CORE"}
UNSURE = [
    CORE,
    {"version": "2026.7.1", "engine": "WEBJS", "tier": "CORE"},
    {"version": "2024.10.8", "engine": "GOWS", "tier": "CORE"},
    {},
]


@pytest.fixture
def waha(cast):
    cast.gateway.mode = "act"
    with waha_at(cast.gateway) as there:
        there.statuses["alice"] = "FAILED"
        yield there


def lost(account: Account, reason: Reason = Reason.SESSION_ERROR) -> Account:
    Account.objects.filter(pk=account.pk).update(
        status=Status.DISCONNECTED, status_reason=reason, status_raw="FAILED"
    )
    return Account.objects.select_related("gateway").get(pk=account.pk)


def started(account: Account, by: str) -> Repair:
    repairs.ask(account, by=by, actor="olga")
    starts.carry_out_due(account.gateway_id)
    return account.repairs.get()


def test_what_keeps_its_login_is_restarted(cast, waha):
    waha.version = PLUS
    assert started(lost(cast.alice), ROLLCALL).state == Repair.State.SUCCEEDED
    assert waha.asked == ["restart"]


@pytest.mark.parametrize("version", UNSURE)
def test_what_may_lose_its_login_is_not_restarted_by_itself(cast, waha, version):
    waha.version = version
    repair = started(lost(cast.alice), ROLLCALL)
    assert (repair.state, waha.asked) == (Repair.State.CANCELLED, [])
    assert repair.outcome == "nothing was started: it might lose its login: a person decides"


def test_a_person_may_restart_it(cast, waha):
    waha.version = CORE
    assert started(lost(cast.alice), OPERATOR).state == Repair.State.SUCCEEDED
    assert waha.asked == ["restart"]


@pytest.mark.parametrize(("version", "is_stopped"), [(PLUS, True), *((one, 0) for one in UNSURE)])
def test_what_is_not_wanted_is_stopped_only_if_it_keeps_its_login(cast, waha, version, is_stopped):
    waha.version, waha.statuses["alice"] = version, "WORKING"
    Account.objects.filter(pk=cast.alice.pk).update(wanted=Wanted.STOPPED)
    stop_unwanted(cast.alice.pk)
    assert waha.asked == (["stop"] if is_stopped else [])


def test_what_loses_its_login_is_not_paused(cast, waha):
    waha.version = CORE
    with pytest.raises(Refused, match="deletes the login"):
        lifecycle.pause(Account.objects.get(pk=cast.alice.pk), actor="olga")
    assert waha.asked == []
    assert Account.objects.get(pk=cast.alice.pk).wanted == Wanted.RUNNING


# --- recorded: its page lost WhatsApp, and was back before the restart ----------------------------
HEALED = [
    line
    for line in captured.calls("waha", "01-faults")
    if line["label"] == "timeout" and line.get("request", {}).get("path") == "/api/sessions/default"
]


def is_live(line: dict) -> bool:
    return line["response"]["body"].get("engine", {}).get("state") == "CONNECTED"


@pytest.mark.parametrize("line", [line for line in HEALED if is_live(line)])
def test_a_recorded_session_that_has_healed_is_not_restarted(cast, line):
    """The gateway ran as Core with its browser engine: the restart took the login."""
    told = []

    def answer(call: httpx.Request) -> httpx.Response:
        if call.method == "POST":
            told.append(call.url.path)
        return httpx.Response(200, json=line["response"]["body"])

    account = cast.an_account("default", Status.CONNECTED, phone_number="15550100251")
    with waha_at(cast.gateway), registry.use_transport(URL, httpx.MockTransport(answer)):
        deaf = {"source": Source.PROBE, "reason": Reason.DEAF}
        see(account, Status.UNRESPONSIVE, at=cast.ago(5), **deaf)
        repair = started(Account.objects.get(pk=account.pk), ROLLCALL)
    account.refresh_from_db()
    assert (repair.state, told) == (Repair.State.CANCELLED, [])
    assert (account.status, account.disproved_at) == (Status.CONNECTED, None)


def test_a_list_alone_does_not_heal_what_a_probe_has_disproved(cast):
    account = cast.an_account("default", Status.CONNECTED, phone_number="15550100251")
    see(account, Status.UNRESPONSIVE, at=cast.ago(9), source=Source.PROBE, reason=Reason.DEAF)
    see(account, Status.CONNECTED, at=cast.ago(5), source=Source.LIST, is_cached=True)
    assert account.status == Status.UNRESPONSIVE
    assert cast.now - account.status_since >= timedelta(seconds=9)
