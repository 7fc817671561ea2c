"""Whose accounts staff may see and act on: those of every workspace, by their permissions alone.

Memberships bind the live stream and the notices (tests/live/test_rights.py, tests/notices/): the
admin is the operators', who serve all workspaces. What one does to an account of one workspace
touches none of another, but for "Keep this account", which says so.
"""

from __future__ import annotations

import httpx
import pytest
from django.contrib.auth.models import User

from accounts.incidents.incidents import open_incident
from accounts.models import (
    Account,
    Gateway,
    GatewaySecret,
    Incident,
    Membership,
    Repair,
    Transition,
)
from accounts.words.status import Status, Wanted
from dashboard.admin.account.verbs import ACCOUNT_VERBS
from gateways.base import Reason
from gateways.registry import use_transport
from gateways.wire.qr_images import address_of_code
from tests.accounts.operators.waha_there import waha_at
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import ACCOUNTS, act, ask, page_of, sessions, told

HELD = {"status": Status.UNKNOWN, "status_reason": Reason.MASS_LOSS_UNCONFIRMED}
# What an account must be for a verb to be possible.
NEEDS = {
    "show-code": {"status": Status.QR_SCANNING},
    "want-running": {"wanted": Wanted.STOPPED},
    "keep-this-one": {"phone_number": "62811801699"},
    "restart": {"status": Status.DISCONNECTED, "status_reason": Reason.BROWSER_GONE},
}
ROLES = [None, *Membership.Role]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)


@pytest.fixture
def neighbour(cast):
    """An account of Globex on whatsapp-2, with the session name and the number of Acme's own."""
    return cast.an_account(
        "mine",
        Status.CONNECTED,
        workspace=cast.globex,
        gateway=cast.other_gateway,
        phone_number="62811801699",
        quarantined_until=cast.now,
    )


@pytest.fixture
def mine(cast, neighbour):
    def needed_by(verb):
        needs = {"status": Status.CONNECTED, "phone_number": "62811801699"} | NEEDS.get(verb, {})
        return cast.an_account("mine", quarantined_until=cast.now, **needs)

    return needed_by


@pytest.fixture
def waha(cast):
    """The first gateway; nobody listens at the second one's address."""
    with waha_at(cast.gateway) as there:
        there.statuses["mine"] = "WORKING"
        yield there


def trace(account):
    return (
        Account.objects.values().get(pk=account.pk),
        Transition.objects.filter(account=account).count(),
        Repair.objects.filter(account=account).count(),
    )


@pytest.mark.parametrize("verb", sorted(set(ACCOUNT_VERBS) - {"keep-this-one", "show-code"}))
def test_no_verb_touches_the_other_workspace_s_account(operator, neighbour, mine, waha, verb):
    account, before = mine(verb), trace(neighbour)
    own_before = trace(account)
    [said] = told(act(operator, verb, account, why="x"))
    assert said.startswith(ACCOUNT_VERBS[verb].done) and "refused" not in said
    assert trace(account) != own_before
    assert trace(neighbour) == before


def test_a_code_that_is_shown_is_on_its_account_s_page_only(cast, operator, neighbour, mine):
    Account.objects.filter(pk=neighbour.pk).update(status=Status.QR_SCANNING)
    cast.gateway.kind, cast.gateway.base_url = "wwebjs_api", "http://wwa:3000"
    cast.gateway.save()
    GatewaySecret.objects.create(gateway=cast.gateway, purpose="api_key", secret="the-key")
    account, before = mine("show-code"), trace(neighbour)
    answer = httpx.MockTransport(
        lambda call: httpx.Response(200, json={"success": True, "qr": "2@x,A="})
    )
    with use_transport("http://wwa:3000", answer):
        act(operator, "show-code", account)
    code = address_of_code("2@x,A=")
    assert code in operator.get(page_of(account)).content.decode()
    assert code not in operator.get(page_of(neighbour)).content.decode()
    assert trace(neighbour) == before


def test_keeping_one_of_two_workspaces_stops_the_other_and_says_so(operator, neighbour, mine):
    account = mine("keep-this-one")
    asked = ask(operator, "keep-this-one", account)
    assert "in any workspace" in asked.context["plan"].verb.costs
    [said] = told(act(operator, "keep-this-one", account))
    assert f"kept stopped: account {neighbour.pk}" in said
    neighbour.refresh_from_db()
    assert (neighbour.wanted, neighbour.status) == (Wanted.STOPPED, Status.CONNECTED)


@pytest.mark.parametrize(
    ("verb", "reason"),
    [("confirm-loss", Reason.MISSING), ("dismiss-loss", Reason.LOSS_DISMISSED)],
)
def test_a_word_on_one_gateway_s_loss_is_none_on_another_s(cast, admin, verb, reason):
    """A loss is a gateway's: all of its accounts, in whichever workspace."""
    ours = cast.an_account("ours", **HELD)
    guest = cast.an_account("guest", workspace=cast.globex, **HELD)
    gina = cast.an_account("gina", workspace=cast.globex, gateway=cast.other_gateway, **HELD)
    for gateway in (cast.gateway, cast.other_gateway):
        open_incident(Incident.Kind.MASS_LOSS, gateway_id=gateway.pk, text="x")
    before = trace(gina)
    act(admin, verb, cast.gateway, model="gateway")
    reasons = Account.objects.in_bulk([ours.pk, guest.pk])
    assert {one.status_reason for one in reasons.values()} == {reason}
    assert trace(gina) == before
    still = Incident.objects.filter(closed_at__isnull=True)
    assert [one.gateway_id for one in still] == [cast.other_gateway.pk]


@pytest.mark.parametrize("role", ROLES)
def test_staff_see_and_act_by_their_permissions_whatever_they_are_members_of(cast, neighbour, role):
    maria = a_visitor("maria2", "accounts.view_account", "accounts.change_account")
    if role is not None:
        user = User.objects.get(username="maria2")
        Membership.objects.create(user=user, workspace=cast.acme, role=role)
    listed = sessions(maria.get(ACCOUNTS))
    assert {"alice", "mine"} <= set(listed)
    assert maria.get(page_of(neighbour)).status_code == 200
    assert told(act(maria, "want-stopped", neighbour)) == ["Set to keep stopped: 1."]


@pytest.mark.parametrize("role", Membership.Role)
@pytest.mark.parametrize("is_staff", [True, False])
def test_no_role_in_a_workspace_is_a_permission(cast, neighbour, client, role, is_staff):
    """Not even on the workspace's own accounts: its people have the stream and the notices."""
    user = User.objects.create(username="otto", is_staff=is_staff)
    for workspace in (cast.acme, cast.globex):
        Membership.objects.create(user=user, workspace=workspace, role=role)
    client.force_login(user)
    refused = 403 if is_staff else 302
    for account in (cast.alice, neighbour):
        before = trace(account)
        assert client.get(page_of(account)).status_code == refused
        for verb in ACCOUNT_VERBS:
            answer = ask(client, verb, account, confirmed="yes", why="x", form="1" * 32)
            assert answer.status_code == refused
        assert trace(account) == before
    for gateway in Gateway.objects.all():
        assert ask(client, "confirm-loss", gateway, model="gateway").status_code == refused
