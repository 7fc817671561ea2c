"""What came in on a route, by the minute and by the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Gateway
from tests.cast import a_gateway
from webhooks.models import Route, RouteTally
from webhooks.route_monitor.last_seen import flush_routes
from webhooks.route_monitor.request_log import LIMITS_MS, Passage, note_passages
from webhooks.route_monitor.tallies import flush_tallies, percentile_ms, prune_tallies

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)


@pytest.fixture
def gateway() -> Gateway:
    return a_gateway("whatsapp-1")


@pytest.fixture
def good(gateway: Gateway) -> Passage:
    return Passage(gateway_id=gateway.pk, at=AT, status_code=200, handling_ms=12.0)


def failed(good: Passage, **fields: object) -> Passage:
    return replace(good, **{"status_code": 400, "code": "unreadable", "why": "no event"} | fields)


def tally(span: str = "minute") -> RouteTally:
    return RouteTally.objects.get(span=span)


def test_it_adds_up_what_came_in_the_same_minute(good: Passage) -> None:
    note_passages(good, good, failed(good))
    flush_tallies()
    note_passages(replace(good, is_repeated=True))
    flush_tallies()
    row = tally()
    assert row.began_at == AT.replace(second=0)
    assert (row.received, row.succeeded, row.failed, row.repeated) == (4, 3, 1, 1)
    assert row.handling[LIMITS_MS.index(25)] == 3
    assert tally("hour").received == 4
    assert tally("ever").received == 4


def test_it_flushes_nothing_twice(good: Passage) -> None:
    note_passages(good)
    flush_tallies()
    flush_tallies()
    assert tally().received == 1


def test_what_a_flush_that_died_took_is_written_by_the_next(good: Passage, monkeypatch) -> None:
    note_passages(good)
    with monkeypatch.context() as patched:
        patched.setattr("webhooks.route_monitor.tallies._rows", lambda noted: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            flush_tallies()
    note_passages(good)
    flush_tallies()
    flush_tallies()
    assert tally().received == 2


def test_what_nobody_sent_is_counted_for_nobody(good: Passage) -> None:
    note_passages(replace(good, gateway_id=None, status_code=401))
    flush_tallies()
    flush_tallies()
    assert (tally().gateway_id, tally().refused) == (None, 1)


def test_a_gateway_that_is_gone_has_no_tally(good: Passage) -> None:
    note_passages(replace(good, gateway_id=999_999))
    flush_tallies()
    assert not RouteTally.objects.exists()


def test_it_remembers_how_it_went_last(good: Passage, gateway: Gateway) -> None:
    later = AT + timedelta(seconds=1)
    note_passages(
        good,
        failed(good, at=later, skew_seconds=-600),
        failed(good, at=later, wrong_path="/api/hooks/wa", is_unsigned=True),
    )
    flush_routes()
    route = Route.objects.get(gateway=gateway)
    assert (route.last_success_at, route.last_failure_at) == (AT, later)
    assert (route.last_failure_code, route.last_failure_why) == ("unreadable", "no event")
    assert (route.consecutive_failures, route.clock_skew_seconds) == (2, -600)
    assert route.wrong_paths == {
        "/api/hooks/wa": {
            **{"since": later.timestamp(), "at": later.timestamp()},
            **{"heard": False, "key": True},
        }
    }
    assert route.last_unsigned_at == later


def test_a_success_ends_the_failures_in_a_row(good: Passage, gateway: Gateway) -> None:
    note_passages(failed(good), failed(good), good)
    flush_routes()
    assert Route.objects.get(gateway=gateway).consecutive_failures == 0


def test_being_told_to_come_again_is_nobodys_failure(good: Passage, gateway: Gateway) -> None:
    note_passages(replace(good, status_code=429))
    flush_routes()
    assert Route.objects.get(gateway=gateway).consecutive_failures == 0


def test_a_wrong_path_keeps_its_beginning_while_it_is_used(good: Passage, gateway: Gateway) -> None:
    for minutes in (0, 30, 59):
        note_passages(replace(good, at=AT + timedelta(minutes=minutes), wrong_path="/wrong"))
        flush_routes()
    assert Route.objects.get(gateway=gateway).wrong_paths["/wrong"]["since"] == AT.timestamp()


def test_two_wrong_paths_are_kept_at_once(good: Passage, gateway: Gateway) -> None:
    note_passages(replace(good, wrong_path="/a"), replace(good, wrong_path="/b"))
    flush_routes()
    note_passages(replace(good, wrong_path="/a"))
    flush_routes()
    assert set(Route.objects.get(gateway=gateway).wrong_paths) == {"/a", "/b"}


def test_an_hour_later_an_old_wrong_path_is_forgotten(good: Passage, gateway: Gateway) -> None:
    for path, minutes in (("/a", 0), ("/b", 61)):
        note_passages(replace(good, at=AT + timedelta(minutes=minutes), wrong_path=path))
        flush_routes()
    assert set(Route.objects.get(gateway=gateway).wrong_paths) == {"/b"}


def test_percentiles_are_the_limits_below_which_they_lie() -> None:
    histogram = [0] * (len(LIMITS_MS) + 1)
    histogram[0], histogram[5], histogram[-1] = 90, 9, 1
    assert percentile_ms(histogram, 50) == LIMITS_MS[0]
    assert percentile_ms(histogram, 95) == LIMITS_MS[5]
    assert percentile_ms(histogram, 100) == LIMITS_MS[-1]
    assert percentile_ms([], 95) is None


def test_old_minutes_go_and_hours_stay(good: Passage) -> None:
    from accounts.store.clock import database_now

    note_passages(replace(good, at=database_now() - timedelta(days=3)))
    flush_tallies()
    prune_tallies()
    assert sorted(RouteTally.objects.values_list("span", flat=True)) == ["ever", "hour"]
