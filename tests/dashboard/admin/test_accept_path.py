"""Accepting a wrong path for a gateway, on its incident's page."""

from __future__ import annotations

import pytest

from accounts.incidents.incidents import open_incident
from accounts.models import Incident
from accounts.store.clock import database_now
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import act, ask
from webhooks.models import Route
from webhooks.route_monitor.wrong_path import noted

PATH = "/api/hooks/wa"
Kind = Incident.Kind


@pytest.fixture
def operator(cast):
    return a_visitor("maria", "accounts.view_incident", "accounts.change_incident")


@pytest.fixture
def incident(cast) -> Incident:
    return open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, text=f"sends to {PATH}")


def used(gateway, *, is_heard: bool = True) -> None:
    at = database_now().timestamp()
    kept = noted({}, PATH, at=at, is_heard=is_heard, key_went_along=False)
    Route.objects.create(gateway=gateway, wrong_paths=kept)


def press(operator, incident: Incident) -> str:
    answer = act(operator, "accept-path", incident, model="incident")
    incident.refresh_from_db()
    incident.gateway.refresh_from_db()
    return answer.content.decode()


def test_the_path_becomes_a_right_one_and_the_incident_is_over(operator, cast, incident):
    used(cast.gateway)
    assert "Accepted 1" in press(operator, incident)
    assert incident.gateway.accepted_paths == [PATH]
    assert incident.closed_at is not None


def test_it_asks_first_and_says_what_that_means(operator, cast, incident):
    used(cast.gateway)
    asked = ask(operator, "accept-path", incident, model="incident").content.decode()
    assert "no incident is opened" in asked
    incident.gateway.refresh_from_db()
    assert incident.gateway.accepted_paths == []


def test_a_path_on_which_nothing_is_believed_is_not_accepted(operator, cast, incident):
    used(cast.gateway, is_heard=False)
    assert "would not help" in press(operator, incident)
    assert (incident.gateway.accepted_paths, incident.closed_at) == ([], None)


def test_a_path_that_was_not_written_down_yet_takes_a_moment(operator, incident):
    assert "try again in 10 s" in press(operator, incident)
    assert incident.closed_at is None


def test_it_is_offered_for_wrong_paths_only(operator, cast, incident):
    silent = open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    pages = [
        operator.get(f"/admin/accounts/incident/{one.pk}/change/").content.decode()
        for one in (incident, silent)
    ]
    assert ["Accept this path" in page for page in pages] == [True, False]
