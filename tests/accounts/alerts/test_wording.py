"""Text of an alert: what, where, since when, how often, what to do, where to look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts.wording import message_about
from accounts.models import Gateway, Incident

NOW = datetime(2026, 11, 24, 3, 13, tzinfo=UTC)


def an_incident(pk: int = 7, **fields) -> Incident:
    defaults: dict[str, object] = {
        "kind": Incident.Kind.MISROUTED,
        "gateway": Gateway(name="whatsapp-1"),
        "opened_at": NOW - timedelta(minutes=13),
        "count": 41,
        "text": "it sends to /api/hooks/wa",
        "cure": "set WEBHOOK_ENDPOINT=/api/webhooks/webjs",
    }
    return Incident(pk=pk, **defaults | fields)


def test_it_says_all_that_is_needed_at_night(settings):
    settings.PUBLIC_URL = "https://rollcall.example.com"
    message = message_about([an_incident()], NOW, whose={})
    assert message.subject == "[Rollcall] whatsapp-1: webhooks arrive on a wrong path"
    assert message.body.splitlines() == [
        "whatsapp-1: webhooks arrive on a wrong path.",
        "",
        "Since: 2026-11-24 03:00 UTC (13 min)",
        "Seen:  41 times",
        "What:  it sends to /api/hooks/wa",
        "Do:    set WEBHOOK_ENDPOINT=/api/webhooks/webjs",
        "Look:  https://rollcall.example.com/admin/accounts/incident/7/change/",
    ]


def test_the_end_says_how_long_it_lasted_and_asks_for_nothing():
    message = message_about([an_incident(closed_at=NOW - timedelta(minutes=3))], NOW, whose={})
    assert message.subject.endswith("wrong path: over after 10 min")
    assert "It is over. It lasted 10 min." in message.body
    assert "Until: 2026-11-24 03:10 UTC" in message.body
    assert "Do:" not in message.body


def test_what_belongs_to_no_gateway_is_rollcalls_own():
    message = message_about([an_incident(kind=Incident.Kind.CHANNEL, gateway=None)], NOW, whose={})
    assert message.subject == "[Rollcall] Rollcall: alerts cannot be delivered"


def test_many_are_summed_up_each_with_its_cure():
    over = an_incident(2, closed_at=NOW, gateway=Gateway(name="whatsapp-2"))
    message = message_about([an_incident(1), over], NOW, whose={})
    assert message.subject == "[Rollcall] 2 incidents: 1 open, 1 over"
    assert message.body.count("set WEBHOOK_ENDPOINT") == 1
    assert "- whatsapp-2: webhooks arrive on a wrong path: over after 13 min" in message.body


def test_what_has_no_room_is_counted_and_linked():
    message = message_about([an_incident(pk) for pk in range(100)], NOW, whose={})
    assert len(message.body) < 4000
    listed = message.body.count("- whatsapp-1")
    assert f"And {100 - listed} more: http" in message.body


NASTY = st.text(st.characters() | st.sampled_from("\r\n\0\x1b\u202e\u2028"), max_size=60)


@given(name=NASTY, text=NASTY, cure=NASTY)
def test_nobody_can_break_a_line_or_hide_anything(name, text, cure):
    incident = an_incident(gateway=Gateway(name=name), text=text, cure=cure)
    message = message_about([incident], NOW, whose={})
    assert len(message.subject) <= 150
    lines = message.body.split("\n")
    assert len(lines) == 5 + bool(text) + bool(cure)
    assert not set(message.subject + "".join(lines)) & set("\r\n\0\x1b\u202e\u2028")
