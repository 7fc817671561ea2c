"""Figures for Prometheus, and who may read them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from accounts.incidents.incidents import open_incident
from accounts.models import Incident
from accounts.state import maintenance
from reconciliation.models import Run
from tests.cast import Cast, a_gateway, make_cast
from tests.dashboard.conftest import a_visitor
from tests.dashboard.monitor.routes_cast import a_tally, on_wrong_path
from webhooks.models import Route
from webhooks.route_monitor.request_log import Passage, note_passages
from webhooks.route_monitor.tallies import flush_tallies

pytestmark = pytest.mark.django_db
BEARER = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@override_settings(METRICS_TOKEN="s3cret")
def read_text() -> str:
    answer = Client().get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return answer.content.decode()


def read() -> dict[tuple[str, ...], float]:
    """Return the values by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(read_text())
        for sample in family.samples
    }


def test_it_counts_webhooks_by_how_they_ended(cast: Cast) -> None:
    good = Passage(gateway_id=cast.gateway.pk, at=cast.now, status_code=200, handling_ms=12)
    bad = Passage(gateway_id=cast.gateway.pk, at=cast.now, status_code=400, wrong_path="/x")
    note_passages(good, good, bad)
    flush_tallies()
    figures = read()
    assert figures["rollcall_webhooks_total", "whatsapp-1", "succeeded"] == 2
    assert figures["rollcall_webhooks_total", "whatsapp-1", "failed"] == 1
    assert figures["rollcall_webhooks_misrouted_total", "whatsapp-1"] == 1
    assert figures["rollcall_webhooks_repeated_total", "whatsapp-1"] == 0
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "0.01"] == 0
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "0.025"] == 2
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "+Inf"] == 2


def test_it_shows_accounts_as_people_see_them(cast: Cast) -> None:
    figures = read()
    assert figures["rollcall_accounts", "whatsapp-1", "connected"] == 1
    assert figures["rollcall_accounts", "whatsapp-1", "logged_out"] == 1
    assert figures["rollcall_accounts", "whatsapp-2", "connected"] == 0


def test_it_shows_incidents_and_failures(cast: Cast) -> None:
    open_incident(Incident.Kind.SILENT, gateway_id=cast.gateway.pk)
    Route.objects.create(gateway=cast.gateway, consecutive_failures=4)
    figures = read()
    assert figures["rollcall_incidents_open", "silent"] == 1
    assert figures["rollcall_incidents_open", "failing"] == 0
    assert figures["rollcall_webhook_failures_in_a_row", "whatsapp-1"] == 4


@pytest.mark.parametrize("said", ["", "Bearer ", "Bearer wrong", "s3cre", "Bearer \xe9"])
@pytest.mark.parametrize("token", ["", "s3cret"])
def test_nobody_else_may_read_them(said: str, token: str) -> None:
    with override_settings(METRICS_TOKEN=token):
        answer = Client().get("/metrics", headers={"Authorization": said})
    assert answer.status_code == 401
    assert "METRICS_TOKEN" in answer.json()["reason"]


def test_staff_who_may_view_the_monitor_may_read_them() -> None:
    may, may_not = a_visitor("ann", "webhooks.view_route"), a_visitor("bob")
    no_staff = a_visitor("guest", "webhooks.view_route")
    User.objects.filter(username="guest").update(is_staff=False)
    assert [one.get("/metrics").status_code for one in (may, may_not, no_staff)] == [200, 401, 401]


def test_it_shows_how_each_route_stands(cast: Cast) -> None:
    Route.objects.create(
        gateway=cast.gateway,
        last_success_at=cast.ago(60),
        wrong_paths=on_wrong_path("/x", cast.ago(30)),
        clock_skew_seconds=-412,
    )
    figures = read()
    at = cast.now.timestamp()
    assert figures["rollcall_webhook_last_success_timestamp_seconds", "whatsapp-1"] == at - 60
    assert figures["rollcall_webhook_wrong_path_timestamp_seconds", "whatsapp-1"] == at - 30
    assert figures["rollcall_webhook_clock_skew_seconds", "whatsapp-1"] == -412
    assert ("rollcall_webhook_last_failure_timestamp_seconds", "whatsapp-1") not in figures


def test_it_shows_which_share_of_the_changes_was_missed(cast: Cast) -> None:
    a_tally(cast.gateway, cast.now, changes=4, changes_missed=3)
    figures = read()
    assert figures["rollcall_status_changes_last_hour", "whatsapp-1"] == 4
    assert figures["rollcall_webhook_missed_event_ratio", "whatsapp-1"] == 0.75


def test_webhooks_of_nobody_have_no_gateway(cast: Cast) -> None:
    note_passages(Passage(gateway_id=None, at=cast.now, status_code=401))
    flush_tallies()
    assert read()["rollcall_webhooks_total", "", "refused"] == 1


def test_it_says_when_a_roll_call_was_last_heard_of(cast: Cast) -> None:
    assert ("rollcall_last_roll_call_timestamp_seconds",) not in read()
    times = {"started_at": cast.ago(9), "finished_at": cast.ago(8)}
    Run.objects.create(gateway=cast.gateway, outcome="in_sync", **times)
    assert read()["rollcall_last_roll_call_timestamp_seconds",] == cast.now.timestamp() - 8


def test_names_and_units_are_those_of_the_convention(cast: Cast) -> None:
    """Everything is ours, says what it means, and is counted in base units."""
    families = list(text_string_to_metric_families(read_text()))
    assert len(families) > 20
    for family in families:
        assert re.fullmatch(r"rollcall_[a-z_]+", family.name), family.name
        assert family.documentation and family.type in {"counter", "gauge", "histogram"}
        assert not re.search(r"_(ms|minutes|hours|percent|count|total)$", family.name)


def test_reading_costs_the_same_however_many_gateways_there_are(
    cast: Cast, django_assert_num_queries
) -> None:
    for number in range(30):
        gateway = a_gateway(f"g{number}")
        Route.objects.create(gateway=gateway, consecutive_failures=1)
        a_tally(gateway, cast.now, received=1)
    with django_assert_num_queries(14):
        read()


def test_it_shows_who_is_under_maintenance_and_until_when(cast: Cast) -> None:
    hour = timedelta(hours=1)
    window = maintenance.begin(cast.gateway, duration=hour, why="new disk", actor="olga")
    later = cast.now + 2 * hour
    maintenance.plan(cast.other_gateway, starts_at=later, duration=hour, why="", actor="olga")
    figures = read()
    assert figures["rollcall_gateway_maintenance", "whatsapp-1"] == 1
    assert figures["rollcall_gateway_maintenance", "whatsapp-2"] == 0
    ends = "rollcall_gateway_maintenance_ends_timestamp_seconds"
    assert figures[ends, "whatsapp-1"] == pytest.approx(window.ends_at.timestamp())
    assert (ends, "whatsapp-2") not in figures
