"""Maintenance on a gateway's page: begun and ended with a click, shown while it lasts."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse

from accounts.models import MaintenanceWindow
from accounts.state import maintenance
from accounts.store import clock
from tests.dashboard.pages import act, listed, told, words


def page_of(gateway):
    return reverse("admin:accounts_gateway_change", args=[gateway.pk])


def begin(gateway):
    hour = timedelta(hours=1)
    return maintenance.begin(gateway, duration=hour, why="new disk", actor="olga")


def test_it_is_begun_for_a_duration_with_the_reason(admin, cast):
    done = act(admin, "maintain-30m", cast.gateway, model="gateway", why="new disk")

    [window] = MaintenanceWindow.objects.all()
    assert (window.gateway, window.why, window.actor) == (cast.gateway, "new disk", "root")
    assert timedelta(minutes=29) < window.ends_at - clock.database_now() < timedelta(minutes=30)
    assert "under maintenance until" in told(done)[0]


def test_a_window_in_the_way_is_said(admin, cast):
    starts_at = clock.database_now() + timedelta(hours=1)
    maintenance.plan(
        cast.gateway, starts_at=starts_at, duration=timedelta(hours=1), why="", actor="olga"
    )
    assert "end it first" in told(act(admin, "maintain-2h", cast.gateway, model="gateway"))[0]


def test_it_is_ended(admin, cast):
    begin(cast.gateway)
    act(admin, "end-maintenance", cast.gateway, model="gateway")

    assert maintenance.under_maintenance(clock.database_now()) == set()
    said = words(admin.get(page_of(cast.gateway)))
    assert "It was under maintenance until" in said
    assert "End maintenance" not in said


def test_its_page_shows_until_when_why_and_by_whom(admin, cast):
    window = begin(cast.gateway)
    until = f"until {maintenance.said(window.ends_at, clock.database_now())}"

    said = words(admin.get(page_of(cast.gateway)))
    assert f"under maintenance {until}" in said
    assert f"Under maintenance {until} : new disk (olga)" in said.replace(": new", " : new")
    assert "End maintenance" in said


def test_the_list_and_the_start_page_show_it(admin, cast):
    begin(cast.gateway)

    rows = listed(admin.get(reverse("admin:accounts_gateway_changelist")))
    assert ["under maintenance until" in row for row in rows] == [True, False]
    assert "under maintenance until" in words(admin.get("/admin/"))
