"""Maintenance windows: begun, planned, moved, ended; and what cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError

from accounts.models import MaintenanceWindow
from accounts.state import maintenance
from accounts.store import clock
from accounts.words.refusals import Refused
from tests.accounts.commands.running import run, run_json

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def begin(gateway, duration=HOUR):
    return maintenance.begin(gateway, duration=duration, why="", actor="olga")


def plan(gateway, after, duration=HOUR):
    starts_at = clock.database_now() + after
    return maintenance.plan(gateway, starts_at=starts_at, duration=duration, why="", actor="olga")


def maintained():
    return maintenance.under_maintenance(clock.database_now())


def test_it_begins_at_once_and_for_that_gateway_alone(cast):
    begin(cast.gateway)

    assert maintained() == {cast.gateway.pk}
    assert not maintenance.is_under_maintenance(cast.other_gateway.pk, clock.database_now())


def test_it_ends_by_itself(cast):
    window = begin(cast.gateway)

    assert not maintenance.is_under_maintenance(cast.gateway.pk, window.ends_at)
    assert maintenance.resumed_at(window.ends_at) == {cast.gateway.pk: window.ends_at}


def test_beginning_it_again_moves_its_end(cast):
    begin(cast.gateway, HOUR)
    begin(cast.gateway, 10 * MINUTE)

    [window] = MaintenanceWindow.objects.all()
    assert window.ends_at - clock.database_now() <= 10 * MINUTE


def test_it_is_ended_at_once(cast):
    begin(cast.gateway)
    maintenance.end(cast.gateway, actor="olga")

    assert maintained() == set()
    assert MaintenanceWindow.objects.count() == 1


def test_with_none_under_way_the_next_planned_one_is_called_off(cast):
    plan(cast.gateway, 5 * HOUR)
    plan(cast.gateway, 2 * HOUR)
    maintenance.end(cast.gateway, actor="olga")

    [window] = MaintenanceWindow.objects.all()
    assert window.starts_at > clock.database_now() + 3 * HOUR


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda gateway: maintenance.end(gateway, actor="olga"), "not under maintenance"),
        (lambda gateway: begin(gateway, timedelta()), "for some time"),
        (lambda gateway: begin(gateway, timedelta(days=8)), "at most 7 days"),
        (lambda gateway: plan(gateway, -HOUR), "is past"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(cast, attempt, says):
    with pytest.raises(Refused, match=says):
        attempt(cast.gateway)
    assert MaintenanceWindow.objects.count() == 0


def test_two_do_not_overlap(cast):
    plan(cast.gateway, 2 * HOUR)
    begin(cast.gateway, HOUR)

    for attempt in (
        lambda: plan(cast.gateway, HOUR / 2),
        lambda: plan(cast.gateway, 2 * HOUR + MINUTE, MINUTE),
        lambda: begin(cast.gateway, 3 * HOUR),
    ):
        with pytest.raises(Refused, match="already: end it first"):
            attempt()
    plan(cast.other_gateway, HOUR / 2)


# --- in a terminal ------------------------------------------------------------------------------
def test_the_command_begins_and_ends_it(cast):
    assert "under maintenance until" in run(
        "gateway_maintenance", "whatsapp-1", "--for", "30m", "--why", "new disk"
    )
    [window] = MaintenanceWindow.objects.all()
    assert (window.why, window.actor) == ("new disk", "command line")
    assert "it was under maintenance" in run("gateway_maintenance", "whatsapp-1", "--end")
    assert maintained() == set()


def test_the_command_plans_and_calls_off(cast):
    starts = clock.database_now() + HOUR
    record = run_json(
        "gateway_maintenance", "whatsapp-1", "--for", "2h", "--from", starts.isoformat()
    )
    assert record["starts_at"] == starts.isoformat()
    assert maintained() == set()
    assert "cancelled" in run("gateway_maintenance", "whatsapp-1", "--end")
    assert MaintenanceWindow.objects.count() == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["whatsapp-9", "--for", "1h"], "there is no gateway"),
        (["whatsapp-1", "--for", "soon"], "is no duration"),
        (["whatsapp-1", "--for", "0m"], "for some time"),
        (["whatsapp-1", "--for", "99999d"], "at most 7 days"),
        (["whatsapp-1", "--for", "1h", "--from", "tomorrow"], "is no moment"),
        (["whatsapp-1", "--for", "1h", "--from", "2025-13-40T99:00"], "is no moment"),
        (["whatsapp-1", "--for", "1h", "--from", "2001-01-01T00:00"], "is past"),
        (["whatsapp-1", "--end", "--from", "2025-11-16T22:00Z"], "leave it out"),
        (["whatsapp-1", "--end"], "not under maintenance"),
    ],
)
def test_a_mistake_is_one_clear_line(cast, words, says):
    with pytest.raises(CommandError, match=says):
        run("gateway_maintenance", *words)
