"""Evidence can be browsed by those who may, and touched by nobody."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from accounts.incidents.incidents import open_incident
from accounts.models import Account, Incident, SupersededSession, Transition
from accounts.words.status import Source, Status
from reconciliation.models import Finding, Run
from tests.dashboard.pages import ACCOUNTS, listed
from webhooks.models import Delivery

EVIDENCE = {
    "accounts/transition": Transition,
    "accounts/supersededsession": SupersededSession,
    "accounts/incident": Incident,
    "webhooks/delivery": Delivery,
    "reconciliation/run": Run,
    "reconciliation/finding": Finding,
}
each_kind = pytest.mark.parametrize("place", EVIDENCE)


@pytest.fixture
def evidence(cast):
    """Create one row of each kind, about Alice."""
    about = {"account": cast.alice, "session_id": "alice"}
    seen = {"first_seen_at": cast.ago(9), "last_seen_at": cast.ago(3)}
    moved = {"from_status": Status.CONNECTED, "to_status": Status.DISCONNECTED}
    Transition.objects.create(**about, **moved, source=Source.LIST, observed_at=cast.now)
    SupersededSession.objects.create(gateway=cast.gateway, session_id="old", account=cast.alice)
    open_incident(Incident.Kind.UNREACHABLE, gateway_id=cast.gateway.pk, text="refused")
    Delivery.objects.create(
        gateway=cast.gateway,
        event="session_disconnected",
        said={"reason": "NAVIGATION", "\u202e": "\x1b[31m"},
        received_at=cast.ago(5),
        error="first try failed",
        attempts=2,
        **about,
    )
    run = Run.objects.create(
        gateway=cast.gateway,
        started_at=cast.ago(5),
        finished_at=cast.ago(4),
        outcome=Run.Outcome.DRIFT,
        sessions_listed=7,
        findings_count=3,
        held_count=1,
    )
    Finding.objects.create(
        gateway=cast.gateway, kind=Finding.Kind.MISSING, run=run, was="connected", **about, **seen
    )
    return cast


@each_kind
def test_it_can_be_browsed_and_read(admin, evidence, place):
    row = EVIDENCE[place].objects.get()
    assert len(listed(admin.get(f"/admin/{place}/"))) == 1
    assert admin.get(f"/admin/{place}/{row.pk}/change/").status_code == 200
    assert admin.get(f"/admin/{place}/{row.pk}/history/").status_code == 200


@each_kind
def test_not_even_the_administrator_adds_changes_or_deletes_it(admin, evidence, place):
    row = EVIDENCE[place].objects.values().get()
    base = f"/admin/{place}"
    for path in (f"{base}/add/", f"{base}/{row['id']}/change/", f"{base}/{row['id']}/delete/"):
        assert admin.post(path, {"session_id": "x", "post": "yes"}).status_code == 403, path
    for path in (f"{base}/add/", f"{base}/{row['id']}/delete/"):
        assert admin.get(path).status_code == 403, path
    assert EVIDENCE[place].objects.values().get() == row


@each_kind
def test_no_action_of_a_list_touches_it(admin, evidence, place):
    row = EVIDENCE[place].objects.values().get()
    ticked = {"action": "delete_selected", "_selected_action": row["id"], "post": "yes"}
    admin.post(f"/admin/{place}/", ticked)
    assert EVIDENCE[place].objects.values().get() == row


@pytest.mark.parametrize("place", ["accounts/account", "accounts/gateway", "accounts/workspace"])
def test_what_has_a_history_is_never_deleted(admin, cast, place):
    before = Account.objects.count()
    assert admin.post(f"/admin/{place}/1/delete/", {"post": "yes"}).status_code in (403, 404)
    for pk in (cast.alice.pk, cast.gateway.pk, cast.acme.pk):
        answer = admin.post(f"/admin/{place}/{pk}/delete/", {"post": "yes"})
        assert answer.status_code in (403, 404)
    assert Account.objects.count() == before


def test_who_did_something_is_deactivated_never_deleted(admin, operator, cast):
    maria = User.objects.get(username="maria")
    LogEntry.objects.create(user=maria, object_id="1", action_flag=2, change_message="did it")
    answer = admin.post(f"/admin/auth/user/{maria.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 403
    assert LogEntry.objects.count() == 1


def test_a_delivery_says_what_came_and_what_became_of_it(admin, evidence):
    [row] = listed(admin.get("/admin/webhooks/delivery/"))
    for part in ("5 s ago", "session_disconnected", "pending", "2 tries", "62811801641 alice"):
        assert part in row
    pk = Delivery.objects.get().pk
    page = admin.get(f"/admin/webhooks/delivery/{pk}/change/").content.decode()
    assert "&quot;reason&quot;: &quot;NAVIGATION&quot;" in page
    assert not {"\u202e", "\x1b"} & set(page)


@pytest.mark.parametrize(
    ("model", "field", "place"),
    [(Delivery, "state", "webhooks/delivery"), (Run, "outcome", "reconciliation/run")],
)
def test_every_word_has_its_look(admin, evidence, model, field, place):
    for word in model._meta.get_field(field).choices:
        model.objects.update(**{field: word[0]})
        assert len(listed(admin.get(f"/admin/{place}/"))) == 1, word


def test_a_run_says_what_came_of_it(admin, evidence):
    [row] = listed(admin.get("/admin/reconciliation/run/"))
    for part in ("5 s ago", "whatsapp-1", "differences found", "7", "3, 1 held", "1.0 s"):
        assert part in row


def test_open_incidents_come_first(admin, cast):
    long_ago = {"opened_at": cast.ago(90), "last_seen_at": cast.ago(60)}
    for kind, closed in (("unreachable", None), ("mass_loss", 9), ("misrouted", 5)):
        closed_at = cast.ago(closed) if closed else None
        Incident.objects.create(kind=kind, closed_at=closed_at, **long_ago)
    rows = listed(admin.get("/admin/accounts/incident/"))
    assert ["open" in row for row in rows] == [True, False, False]
    assert "wrong path" in rows[1]


@pytest.mark.parametrize(
    ("place", "query", "number"),
    [
        ("webhooks/delivery", "state=pending", 1),
        ("webhooks/delivery", "state=dead", 0),
        ("reconciliation/run", "outcome=drift", 1),
        ("reconciliation/run", "outcome=unreadable", 0),
        ("reconciliation/finding", "ended_at=no", 1),
        ("reconciliation/finding", "ended_at=yes", 0),
        ("reconciliation/finding", "held=no", 1),
        ("reconciliation/finding", "held=yes", 0),
        ("accounts/transition", "to_status=disconnected", 1),
        ("accounts/transition", "source=webhook", 0),
        ("accounts/incident", "closed_at=no", 1),
        ("accounts/incident", "closed_at=yes", 0),
        ("accounts/supersededsession", "confirmed_at=no", 1),
    ],
)
def test_filters_find_what_they_name(admin, evidence, place, query, number):
    assert len(listed(admin.get(f"/admin/{place}/?{query}"))) == number


def test_an_account_is_changed_only_by_its_verbs(admin, cast):
    ticked = {"action": "delete_selected", "_selected_action": cast.alice.pk, "post": "yes"}
    admin.post(ACCOUNTS, ticked)
    assert Account.objects.filter(pk=cast.alice.pk).exists()
