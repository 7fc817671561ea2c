"""The bell, the lists and the recipients' forms, as staff see them."""

from __future__ import annotations

import pytest

from accounts.models import Workspace
from accounts.words.status import Status
from gateways.base import Reason
from notices.models import Delivery, Notice, Subscription
from tests.accounts.alerts.receivers import a_channel

EVIL = "<script>alert(1)</script>\u202e"
MINE = "/admin/notices/notice/mine/"


@pytest.fixture
def page(town, client):
    client.force_login(town.root)

    def get(path):
        answer = client.get(path)
        assert answer.status_code == 200
        return answer.content.decode()

    return get


def lose(town, session="s1", **fields):
    account = town.number(session, **fields)
    town.turn(account, status=Status.BLOCKED, reason=Reason.TERMS_OF_SERVICE)
    town.passes(8, every=2)
    return account


def test_the_bell_counts_and_the_list_tells_and_reading_ends_it(town, page, client):
    account = lose(town)

    assert "Your notices, 1 unread" in page("/admin/")
    shown = page(MINE)
    assert "WhatsApp Disconnected" in shown and f"+{account.phone_number}" in shown
    assert f"/admin/accounts/account/{account.pk}/change/" in shown
    answer = client.post(f"{MINE}?next=https://evil.example")
    assert answer["Location"] == MINE
    assert "Your notices, 0 unread" in page("/admin/")


def test_names_of_strangers_run_no_script(town, page):
    Workspace.objects.filter(pk=town.cast.acme.pk).update(name=EVIL)
    lose(town)
    notice = Notice.objects.get(workspace=town.cast.acme)

    for path in (MINE, "/admin/notices/notice/", f"/admin/notices/notice/{notice.pk}/change/",
                 "/admin/notices/delivery/", "/admin/notices/subscription/"):  # fmt: skip
        shown = page(path)
        assert "<script>alert(1)" not in shown and "\u202e" not in shown


def test_a_recipient_is_added_with_a_secret_and_its_target_is_never_shown(town, page, client):
    form = {
        "kind": "webhook",
        "target": "https://hooks.example.com/t0ken",
        "workspace": town.cast.acme.pk,
        "least_severity": "warning",
        "is_active": "on",
        "most_per_hour": "20",
        "time_zone": "Asia/Jakarta",
        "language": "id",
    }
    answer = client.post("/admin/notices/subscription/add/", form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    row = Subscription.objects.get(kind="webhook")

    assert row.target.endswith("t0ken") and row.signing_key.startswith("whsec_")
    assert "t0ken" not in page(f"/admin/notices/subscription/{row.pk}/change/")


@pytest.mark.parametrize(
    ("kind", "target", "zone"),
    [
        ("webhook", "ftp://example.com", ""),
        ("webhook", "https://user:pw@example.com/", ""),
        ("webhook", "https://[broken", ""),
        ("email", "a@example.com,b@example.com", ""),
        ("email", "nobody", ""),
        ("apprise", "dbus://", ""),
        ("webhook", "", ""),
        ("webhook", "https://example.com/x", "Mars/Olympus"),
    ],
)
def test_a_target_that_cannot_work_is_refused(town, client, kind, target, zone):
    client.force_login(town.root)
    form = {"kind": kind, "target": target, "least_severity": "warning", "most_per_hour": "20"}

    answer = client.post("/admin/notices/subscription/add/", form | {"time_zone": zone})

    assert answer.status_code == 200
    assert not Subscription.objects.exclude(kind="in_app").exists()


def test_a_test_notice_and_an_acknowledgement_are_a_button_each(town, client):
    client.force_login(town.root)
    lose(town)
    mine = Subscription.objects.get(user=town.root)
    notice = Notice.objects.get(workspace=None)

    for path, pk in (("subscription/act/test/", mine.pk), ("notice/act/acknowledge/", notice.pk)):
        asked = client.post(f"/admin/notices/{path}", {"ids": pk})
        assert asked.status_code == 200
        form = asked.context["form"]
        sent = {name: form[name].value() or "" for name in form.fields}
        answer = client.post(f"/admin/notices/{path}", sent | {"confirmed": "yes"})
        assert answer.status_code == 302

    assert Delivery.objects.filter(what="test", state="sent").count() == 1
    notice.refresh_from_db()
    assert notice.acknowledged_by == "root"


def test_home_says_when_no_channel_is_on(town, page):
    assert "No alert channel is on" in page("/admin/")
    a_channel("ops")
    assert "No alert channel is on" not in page("/admin/")
