"""What a person says of repair: that it may go on, and which of two with one number stays."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Incident
from accounts.repair.repairs import pause_repair
from accounts.words.status import Status, Wanted
from reconciliation.twins import find_twins
from tests.dashboard.pages import act, page_of, told, words


def gateway_page(gateway):
    return reverse("admin:accounts_gateway_change", args=[gateway.pk])


def test_repair_that_paused_itself_is_resumed_on_the_gateways_page(admin, cast):
    pause_repair(cast.gateway.pk, "5 of 6 died again")
    assert "Resume repair" in words(admin.get(gateway_page(cast.gateway)))
    act(admin, "resume-repair", cast.gateway, model="gateway")

    cast.gateway.refresh_from_db()
    assert cast.gateway.repair_paused_at is None
    assert not Incident.objects.filter(closed_at__isnull=True).exists()
    assert "Resume repair" not in words(admin.get(gateway_page(cast.gateway)))


@pytest.fixture
def twin(cast):
    number = {"phone_number": cast.alice.phone_number, "workspace": cast.globex}
    return cast.an_account("twin", Status.CONNECTED, **number)


def test_the_one_that_a_person_keeps_stays_and_the_other_is_wanted_stopped(admin, cast, twin):
    done = act(admin, "keep-this-one", cast.alice)

    twin.refresh_from_db()
    assert twin.wanted == Wanted.STOPPED
    assert f"kept stopped: account {twin.pk}" in " ".join(told(done))


def test_both_pages_and_the_findings_show_it(admin, cast, twin):
    find_twins()
    for account, other in ((cast.alice, twin), (twin, cast.alice)):
        said = words(admin.get(page_of(account)))
        assert "Keep this account" in said and f"account {other.pk}" in said
    findings = words(admin.get(reverse("admin:reconciliation_finding_changelist")))
    assert f"account {twin.pk} (Globex, whatsapp-1)" in findings


def test_who_has_no_twin_is_not_asked(admin, cast):
    assert "Keep this account" not in words(admin.get(page_of(cast.alice)))
