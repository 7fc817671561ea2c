"""The start page: does anything need me?"""

from __future__ import annotations

from accounts.incidents.incidents import open_incident
from accounts.models import Account, Gateway, Incident
from accounts.words.status import Status
from reconciliation.models import Run
from tests.dashboard.pages import words


def start(client):
    return words(client.get("/admin/"))


def test_it_lists_who_needs_a_human_with_what_to_do(admin, cast):
    page = start(admin)
    assert page.index("62811801643") < page.index("bob")
    assert "logged out" in page
    assert "Scan the QR code" in page


def test_it_counts_what_is_connected_and_how_sure_that_is(admin, cast):
    assert "1 of 3 connected" in start(admin)
    assert "0 proven in the last 2 min, 1 only claimed" in start(admin)
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(40))
    assert "1 proven in the last 2 min, 0 only claimed" in start(admin)


def test_a_word_that_expired_is_not_counted(admin, cast):
    Account.objects.filter(pk=cast.alice.pk).update(read_at=cast.ago(60))
    assert "0 of 3 connected" in start(admin)
    assert "1 Unknown: gateway not reachable" in start(admin)


def test_it_stays_short_however_many_need_a_human(admin, cast):
    for number in range(15):
        cast.an_account(f"s{number}", Status.LOGGED_OUT)
    assert "and 5 more" in start(admin)


def test_open_incidents_are_told_and_closed_ones_are_not(admin, cast):
    where = {"gateway_id": cast.gateway.pk}
    open_incident(Incident.Kind.UNREACHABLE, text="Connection refused \u202e", **where)
    assert "whatsapp-1: gateway cannot be read" in start(admin)
    assert "Connection refused \\u202e" in start(admin)
    Incident.objects.update(closed_at=Incident.objects.get().last_seen_at)
    assert "whatsapp-1: gateway cannot be read" not in start(admin)
    assert "None." in start(admin)


def test_gateways_that_cannot_be_read_come_first(admin, cast):
    Gateway.objects.filter(name="whatsapp-2").update(blind_since=cast.ago(9), blind_why="refused")
    page = start(admin)
    assert page.index("whatsapp-2 visibility_off cannot be read") < page.index("whatsapp-1 hour")


def test_an_empty_house_says_how_to_begin(admin, cast):
    Account.objects.all().delete()
    Gateway.objects.all().delete()
    assert "Register a number" in start(admin)
    assert "Add the gateway" in start(admin)


def test_every_page_says_when_nobody_calls_the_roll(admin, cast):
    Gateway.objects.update(created_at=cast.ago(3600))
    assert "has not read any gateway yet" in admin.get("/admin/").content.decode()
    long_ago = {"started_at": cast.ago(200), "finished_at": cast.ago(190)}
    Run.objects.create(gateway=cast.gateway, outcome="in_sync", **long_ago)
    page = admin.get("/admin/accounts/account/").content.decode()
    assert "Rollcall has not read any gateway for 3 min" in page
    just_now = {"started_at": cast.ago(9), "finished_at": cast.ago(8)}
    Run.objects.create(gateway=cast.gateway, outcome="in_sync", **just_now)
    assert "Rollcall itself" not in admin.get("/admin/").content.decode()


def test_the_side_bar_counts_what_waits(admin, looker, cast, rf):
    open_incident(Incident.Kind.MISROUTED)
    for client, numbers in ((admin, [2, 1]), (looker, [2])):
        groups = client.get("/admin/").context_data["sidebar_navigation"]
        items = [item for group in groups for item in group["items"]]
        assert [item["badge"] for item in items if item.get("badge")] == numbers


def test_what_an_incident_says_and_what_to_do_are_two_sentences(admin, cast):
    said = {"text": "whatsapp-1 lists 3 of 9", "cure": "Check the gateway."}
    open_incident(Incident.Kind.MASS_LOSS, gateway_id=cast.gateway.pk, **said)
    page = admin.get("/admin/").content.decode()
    assert ">whatsapp-1 lists 3 of 9</span>" in page
    assert ">Check the gateway.</span>" in page
