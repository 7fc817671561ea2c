"""The incident, from start to end: three rows for one number, all "connected", none real."""

from __future__ import annotations

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Incident, SupersededSession
from simulator.served.transport import transport
from simulator.world import faults
from tests.flows.story import BASE_URL, HELD, NUMBER, ROWS, Story
from webhooks.models import Delivery

KEY = {"X-API-Key": "test-key"}


@pytest.fixture
def incident(story: Story) -> Story:
    """The old table's rows, registered as they were."""
    for session_id in ROWS:
        story.register(session_id)
    return story


@pytest.fixture
def reconnected(incident: Story) -> Story:
    """Return whether it was found, scanned, and proven by a message."""
    incident.live(20)
    faults.scan(incident.world, HELD, phone_number=NUMBER)
    faults.speak(incident.world, HELD)
    incident.live(20)
    return incident


@pytest.fixture
def staff(transactional_db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    return client


def at_gateway(story: Story, method: str, path: str, **body: object) -> dict[str, object]:
    with httpx.Client(base_url=BASE_URL, transport=transport(story.world)) as client:
        answer = client.request(method, path, json={"api_key": "test-key", **body})
    assert answer.status_code == 200
    content: dict[str, object] = answer.json()
    return content


def test_three_rows_of_one_number_become_one_account_with_two_sessions_left_behind(incident):
    assert Account.objects.count() == 1
    assert incident.state() == ("connected", "", ROWS[2])
    left = SupersededSession.objects.filter(account=incident.account())
    assert set(left.values_list("session_id", flat=True)) == set(ROWS[:2])


def test_within_one_roll_call_the_number_reads_disconnected(incident):
    incident.live(20)
    assert incident.state() == ("disconnected", "missing", ROWS[2])
    changes = incident.account().transitions.values_list("to_status", "reason", "source")
    assert list(changes.order_by("id")) == [
        ("connected", "", "registration"),
        ("disconnected", "missing", "read"),
    ]


def test_the_session_that_it_does_hold_is_shown_with_the_account_it_may_belong_to(incident):
    incident.live(20)
    found = incident.unclaimed()
    assert (found.session_id, found.now) == (HELD, "qr_scanning")
    assert found.account == incident.account()


def test_one_click_puts_the_account_on_it(incident, staff):
    incident.live(20)
    act = reverse("admin:accounts_account_act", args=["take-over"])
    given = {"ids": str(incident.account().pk), "finding": str(incident.unclaimed().pk)}
    page = staff.post(act, given)
    form = page.context["form"].initial
    staff.post(act, given | {name: str(value) for name, value in form.items()})
    assert incident.state() == ("qr_scanning", "listed", HELD)


def test_the_scan_itself_puts_the_account_on_it(incident):
    incident.live(20)
    faults.scan(incident.world, HELD, phone_number=NUMBER)
    assert incident.state() == ("connected", "", HELD)
    incident.live(40)
    assert incident.state() == ("connected", "", HELD)
    assert incident.check() == 0


def test_what_the_old_sessions_still_say_moves_nothing(reconnected):
    for session_id in ROWS:
        said = {"workspace_id": 1, "session_id": session_id, "reason": "LOGOUT"}
        reconnected.world.sender.send({"event": "session_disconnected", "data": said})
    reconnected.world.settle()
    assert reconnected.state() == ("connected", "", HELD)
    late = Delivery.objects.filter(session_id__in=ROWS)
    assert set(late.values_list("state", flat=True)) == {"superseded"}


# The incident's own tests


def test_a_session_deleted_through_the_api_is_disconnected_at_the_next_roll_call(story):
    made = at_gateway(story, "POST", "/api/sessions/create", workspace_id=1, account_uuid="xxx")[
        "session_id"
    ]
    story.register(str(made), phone="62811801642", status="qr_scanning")
    faults.scan(story.world, str(made), phone_number="62811801642")
    assert story.state("62811801642")[0] == "connected"
    at_gateway(story, "DELETE", f"/api/sessions/{made}", workspace_id=1)
    story.live(20)
    sql = f"SELECT status FROM whatsapp_accounts WHERE session_id='{made}'"
    assert story.select(sql) == [("disconnected",)]


def test_a_killed_browser_whose_gateway_says_so_is_disconnected_at_once(reconnected):
    faults.crash(reconnected.world, HELD, honest=True)
    assert reconnected.state() == ("disconnected", "browser_gone", HELD)


def test_a_killed_browser_whose_gateway_lies_is_only_claimed_to_be_connected(reconnected):
    assert reconnected.sentence().startswith("connected for ")
    faults.crash(reconnected.world, HELD, honest=False)
    reconnected.live(180)
    assert reconnected.state() == ("connected", "", HELD)
    assert reconnected.sentence().endswith(": claimed by the gateway, last proof 4 min ago")


def test_the_page_of_such_a_number_says_the_same(reconnected, staff):
    faults.crash(reconnected.world, HELD, honest=False)
    reconnected.live(180)
    page = reverse("admin:accounts_account_change", args=[reconnected.account().pk])
    assert "claimed by the gateway, last proof 4 min ago" in staff.get(page).content.decode()


def test_the_health_check_finds_a_mismatch_and_mends_it(reconnected):
    faults.lose(reconnected.world, HELD)
    assert reconnected.check() == 2
    assert reconnected.state() == ("disconnected", "missing", HELD)
    assert reconnected.check() == 0


def test_its_selects_run_unchanged(incident):
    columns = "id, uuid, phone_number, status, session_id, updated_at"
    [row] = incident.select(
        f"SELECT {columns} FROM whatsapp_accounts WHERE phone_number = '{NUMBER}'"
    )
    assert row[2:5] == (NUMBER, "connected", ROWS[2])


def test_its_webhook_by_hand_is_answered_kept_and_explained(incident):
    said = '{"event":"session_disconnected","data":{"session_id":"test","workspace_id":1}}'
    named = {"content_type": "application/json", "headers": KEY}
    refused = Client().post("/api/webhooks/webjs", said, **named)
    assert (refused.status_code, "signs since" in refused.json()["reason"]) == (401, True)
    incident.run("gateway_add", "--name", "whatsapp-1", "--url", BASE_URL, "--no-require-signature")
    answer = Client().post("/api/webhooks/webjs", said, **named)
    assert answer.status_code == 200
    assert answer.json()["why"].startswith("unknown session")
    assert Delivery.objects.get(session_id="test").state == "ignored"


# The cause of it all


@pytest.mark.parametrize("path", ["/api/whatsapp/webhooks/webjs", "/api/webhooks/whatsapp-webjs"])
def test_misrouted_webhooks_count_and_an_incident_names_the_wrong_path_and_the_right(
    reconnected, path
):
    reconnected.world.faults.webhooks.path = path
    faults.disconnect(reconnected.world, HELD, reason="LOGOUT")
    assert reconnected.state() == ("logged_out", "unlinked", HELD)
    assert Delivery.objects.filter(path=path, state=Delivery.State.APPLIED).exists()
    [found] = reconnected.incidents()
    assert found.kind == Incident.Kind.MISROUTED
    assert path in found.text
    assert "/api/webhooks/webjs" in found.cure
