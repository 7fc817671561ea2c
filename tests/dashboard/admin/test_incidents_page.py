"""The incidents' list and pages: open ones first, with their cure and who was told."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from accounts.incidents.incidents import close_incident, mute, open_incident
from accounts.models import Gateway, Incident, Notification
from accounts.words.status import Status
from tests.accounts.alerts.receivers import a_channel
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import ACCOUNTS, act, ask, listed, sessions, words

LIST = "/admin/accounts/incident/"
Kind = Incident.Kind


@pytest.fixture
def operator(cast):
    return a_visitor("maria", "accounts.view_incident", "accounts.change_incident")


def press(client: Client, verb: str, *incidents: Incident):
    return act(client, verb, *incidents, model="incident")


def misrouted(cast, **fields) -> Incident:
    return open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, **fields)


def test_open_ones_come_first_with_their_cure(operator, cast):
    open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    misrouted(cast, cure="set WEBHOOK_ENDPOINT=/api/webhooks/webjs", text="it sends to /wrong")
    open_incident(Kind.SLOW)
    close_incident(Kind.SLOW)
    rows = listed(operator.get(LIST))
    assert ["wrong path" in rows[0], "no webhooks" in rows[1], "slowly" in rows[2]] == [True] * 3
    assert "set WEBHOOK_ENDPOINT=/api/webhooks/webjs" in rows[0]
    assert "lasted 0 s" in rows[2]


def test_a_page_shows_what_was_told_and_to_whom(operator, cast):
    a_channel("ops")
    incident = misrouted(cast)
    Notification.objects.update(state="dead", error="the mail server answered 554")
    page = operator.get(f"{LIST}{incident.pk}/change/").content.decode()
    assert "ops: it began" in page
    assert "the mail server answered 554" in page


def test_a_page_leads_to_the_accounts_there_by_customer(cast):
    viewer = a_visitor("ann", "accounts.view_incident", "accounts.view_account")
    cast.an_account("globex", Status.LOGGED_OUT, workspace=cast.globex)
    page = viewer.get(f"{LIST}{misrouted(cast).pk}/change/").content.decode()

    text = "3 of 4 accounts not connected: Acme (2), Globex (1)"
    assert f'href="{ACCOUNTS}?gateway__id__exact={cast.gateway.pk}">{text}</a>' in page
    [link] = re.findall(r'href="([^"]+)">Globex: 1 of 1 not connected</a>', page)
    assert sessions(viewer.get(unescape(link))) == ["globex"]


def test_customers_are_named_only_to_who_may_see_accounts(operator, cast):
    assert "Acme" not in operator.get(f"{LIST}{misrouted(cast).pk}/change/").content.decode()


def test_a_page_is_read_and_not_edited(operator, cast):
    incident = misrouted(cast, text="what it says")
    page = operator.get(f"{LIST}{incident.pk}/change/").content.decode()
    assert 'name="_save"' not in page
    assert 'name="text"' not in page
    answer = operator.post(f"{LIST}{incident.pk}/change/", {"text": "forged"})
    incident.refresh_from_db()
    assert (answer.status_code, incident.text) == (403, "what it says")


def test_acknowledging_names_who_is_at_it_and_stops_what_was_not_told(operator, cast):
    a_channel()
    incident = misrouted(cast)
    answer = press(operator, "acknowledge", incident)
    incident.refresh_from_db()
    assert incident.acknowledged_by == "maria"
    assert Notification.objects.get().state == "cancelled"
    assert "Acknowledged 1." in answer.content.decode()
    assert "open, maria is handling it" in operator.get(LIST).content.decode()


@pytest.mark.parametrize(("verb", "hours"), [("1h", 1), ("8h", 8), ("24h", 24), ("7d", 168)])
def test_it_is_muted_for_as_long_as_was_chosen(operator, cast, verb, hours):
    incident = misrouted(cast)
    press(operator, f"mute-{verb}", incident)
    incident.refresh_from_db()
    wanted = incident.opened_at + timedelta(hours=hours)
    assert abs(incident.muted_until - wanted) < timedelta(minutes=1)
    assert "muted until" in operator.get(LIST).content.decode()


def test_it_is_unmuted(operator, cast):
    incident = misrouted(cast)
    mute(incident, duration=timedelta(hours=1), actor="ann")
    press(operator, "unmute", incident)
    incident.refresh_from_db()
    assert incident.muted_until is None


def test_nothing_is_done_before_it_is_confirmed(operator, cast):
    incident = misrouted(cast)
    asked = ask(operator, "acknowledge", incident, model="incident")
    incident.refresh_from_db()
    assert "Alerts not sent yet are not sent" in asked.content.decode()
    assert incident.acknowledged_at is None
    operator.get(f"{LIST}act/acknowledge/")
    incident.refresh_from_db()
    assert incident.acknowledged_at is None


def test_what_is_over_is_skipped_with_its_reason(operator, cast):
    over = misrouted(cast)
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    going_on = misrouted(cast)
    answer = press(operator, "acknowledge", over, going_on)
    assert "Acknowledged 1, 1 refused" in answer.content.decode()
    assert "it is over" in answer.content.decode()


def test_a_page_offers_only_what_can_be_done(operator, cast):
    incident = misrouted(cast)
    page = operator.get(f"{LIST}{incident.pk}/change/").content.decode()
    assert "Mute alerts for 8 hours" in page
    assert "Unmute" not in page
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert "/act/" not in operator.get(f"{LIST}{incident.pk}/change/").content.decode()


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(cast):
    looker = a_visitor("laura", "accounts.view_incident")
    incident = misrouted(cast)
    for path in (LIST, f"{LIST}{incident.pk}/change/"):
        answer = looker.get(path)
        assert answer.status_code == 200
        assert "/act/" not in answer.content.decode()
        assert 'name="_selected_action"' not in answer.content.decode()
    answer = ask(looker, "acknowledge", incident, model="incident", confirmed="yes")
    assert answer.status_code == 403
    incident.refresh_from_db()
    assert incident.acknowledged_at is None


def test_a_strangers_words_are_shown_harmless(operator, cast):
    incident = misrouted(cast, text="<script>alert(1)</script>\x1b[31m\u202e")
    for path in (LIST, f"{LIST}{incident.pk}/change/"):
        page = operator.get(path).content.decode()
        assert "<script>alert(1)" not in page
        assert "\x1b" not in page and "\u202e" not in page
        assert r"\u202e" in page


def test_a_page_leads_to_the_gateway_and_back_to_the_list(operator, admin, cast):
    """A button "Close" below an incident would promise that it is closed by it."""
    incident = misrouted(cast)
    page = admin.get(f"{LIST}{incident.pk}/change/").content.decode()
    assert f"/admin/accounts/gateway/{cast.gateway.pk}/change/" in page
    assert "Back to the list" in page
    assert "Close" not in words(admin.get(f"{LIST}{incident.pk}/change/"))


def test_a_gateways_page_tells_its_open_incidents(admin, cast):
    misrouted(cast, text="it sends to /wrong", cure="set WEBHOOK_ENDPOINT")
    open_incident(Kind.UNREACHABLE, gateway_id=Gateway.objects.get(name="whatsapp-2").pk)
    page = admin.get(f"/admin/accounts/gateway/{cast.gateway.pk}/change/").content.decode()
    assert "1 open incident" in page
    assert "It sends to /wrong" in page
    assert "set WEBHOOK_ENDPOINT" in page
    assert ">whatsapp-1</a>" in page  # its name is spelled as it is, above as well
