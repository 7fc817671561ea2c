"""Decisions about a notice, its retries, and the rate of a channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.incidents import alert_rules
from accounts.incidents.alert_rules import Beginning, Cancel, Send, WaitToTell
from accounts.models import Incident, Notification

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OPENED, RECOVERED = Notification.What.OPENED, Notification.What.RECOVERED


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def an_incident(kind=Incident.Kind.UNREACHABLE, *, opened=600.0, **fields) -> Incident:
    return Incident(kind=kind, opened_at=ago(opened), **fields)


def test_every_kind_of_incident_has_a_rule_and_a_cure():
    assert set(alert_rules.RULES) == set(Incident.Kind)
    assert all(len(rule.cure) > 40 for rule in alert_rules.RULES.values())


@pytest.mark.parametrize("kind", ["misrouted", "failing", "silent", "mass_loss", "channel"])
def test_what_no_waiting_will_mend_is_told_at_once(kind):
    assert alert_rules.fate(OPENED, an_incident(kind, opened=0), now=NOW) == Send()


def test_an_unreachable_gateway_is_told_after_a_minute():
    fresh = an_incident(opened=20)
    assert alert_rules.fate(OPENED, fresh, now=NOW) == WaitToTell(ago(-40))
    assert alert_rules.fate(OPENED, an_incident(opened=60), now=NOW) == Send()


def test_what_healed_inside_the_hold_is_not_told():
    healed = an_incident(opened=600, closed_at=ago(541))
    assert isinstance(alert_rules.fate(OPENED, healed, now=NOW), Cancel)


def test_what_lasted_longer_than_the_hold_is_told_even_when_it_is_over_by_now():
    over = an_incident(opened=600, closed_at=ago(539))
    assert alert_rules.fate(OPENED, over, now=NOW) == Send()


def test_what_is_acknowledged_is_not_told_any_more():
    taken = an_incident(acknowledged_at=ago(5))
    assert isinstance(alert_rules.fate(OPENED, taken, now=NOW), Cancel)


def test_what_is_muted_waits_for_the_end_of_that():
    assert alert_rules.fate(OPENED, an_incident(muted_until=ago(-60)), now=NOW) == WaitToTell(
        ago(-60)
    )
    assert alert_rules.fate(OPENED, an_incident(muted_until=ago(1)), now=NOW) == Send()


def test_what_was_muted_until_its_end_is_never_told():
    over = an_incident(closed_at=ago(9), muted_until=ago(-60))
    assert isinstance(alert_rules.fate(OPENED, over, now=NOW), Cancel)
    told = Beginning("sent", None)
    assert isinstance(alert_rules.fate(RECOVERED, over, now=NOW, beginning=told), Cancel)


@pytest.mark.parametrize("state", ["cancelled", "dead"])
def test_nobody_hears_of_a_recovery_who_did_not_hear_of_the_loss(state):
    over = an_incident(closed_at=ago(1))
    fate = alert_rules.fate(RECOVERED, over, now=NOW, beginning=Beginning(state, None))
    assert isinstance(fate, Cancel)


def test_a_recovery_waits_for_the_notice_of_the_loss():
    over = an_incident(closed_at=ago(1))
    late = Beginning("pending", ago(-30))
    assert alert_rules.fate(RECOVERED, over, now=NOW, beginning=late) == WaitToTell(ago(-30))


def test_a_recovery_may_travel_with_the_notice_of_the_loss():
    over = an_incident(closed_at=ago(1))
    beside = Beginning("pending", ago(0), is_in_this_message=True)
    assert alert_rules.fate(RECOVERED, over, now=NOW, beginning=beside) == Send()


@given(attempts=st.integers(1, alert_rules.MOST_ATTEMPTS), chance=st.floats(0, 1))
def test_each_wait_is_twice_the_last_within_an_hour_and_never_short(attempts, chance):
    longest = min(30 * 2 ** (attempts - 1), 3600)
    assert (
        longest / 2 <= alert_rules.retry_delay(attempts, chance=chance).total_seconds() <= longest
    )


def test_a_mail_server_that_is_away_for_half_a_night_loses_nothing():
    shortest = [alert_rules.retry_delay(n, chance=0) for n in range(1, alert_rules.MOST_ATTEMPTS)]
    assert sum(shortest, timedelta()) > timedelta(hours=3)


def messages_of_a_flood(most_per_hour: int, hours: int) -> list[datetime]:
    """Return when messages leave a channel that always has one due."""
    sent: list[datetime] = []
    now, end = NOW, NOW + timedelta(hours=hours)
    while now < end:
        recent = [at for at in sent if at > now - alert_rules.HOUR]
        free_at = alert_rules.may_send_at(recent, most_per_hour=most_per_hour, now=now)
        if free_at <= now:
            sent.append(now)
            now += timedelta(seconds=1)
        now = max(now, free_at)
    return sent


@pytest.mark.parametrize("most_per_hour", [0, 1, 2, 3, 10, 60])
def test_no_hour_has_more_messages_than_the_channel_may_send(most_per_hour):
    sent = messages_of_a_flood(most_per_hour, hours=4)
    for first in sent:
        inside = [at for at in sent if first <= at < first + alert_rules.HOUR]
        assert len(inside) <= max(1, most_per_hour)
    assert len(sent) >= 2 * most_per_hour


def test_a_flood_does_not_silence_a_channel_for_an_hour():
    sent = messages_of_a_flood(60, hours=2)
    longest = max(later - earlier for earlier, later in zip(sent, sent[1:], strict=False))
    assert longest < timedelta(minutes=31)
