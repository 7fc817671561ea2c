"""What a route's figures mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Incident
from webhooks.route_monitor.rules import (
    Facts,
    Judgement,
    RecentFigures,
    RouteLimits,
    judge,
    judge_unattributed,
    judge_unwritten,
)
from webhooks.route_monitor.wrong_path import WrongPath

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIMITS = RouteLimits(
    failures_in_a_row=3,
    success_percent=90,
    silent_after_events=20,
    slow_p95_ms=1000,
    unattributed_refusals=50,
)
QUIET = Facts(
    name="whatsapp-1",
    kind="webjs",
    right_url="https://rollcall.example.com/api/webhooks/webjs",
    now=NOW,
    watched_since=NOW - timedelta(days=1),
)
Kind = Incident.Kind


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def judged(about: Incident.Kind, **facts: object) -> Judgement | None:
    found = [one for one in judge(replace(QUIET, **facts), LIMITS) if one.kind is about]
    return found[0] if found else None


def is_open(kind: Incident.Kind, **facts: object) -> bool | None:
    judgement = judged(kind, **facts)
    return judgement.is_open if judgement else None


def test_it_finds_nothing_on_a_route_that_was_never_used() -> None:
    assert not any(judgement.is_open for judgement in judge(QUIET, LIMITS))


# --- failing
def test_it_opens_at_the_third_failure_in_a_row() -> None:
    assert is_open(Kind.FAILING, consecutive_failures=2) is None
    assert is_open(Kind.FAILING, consecutive_failures=3) is True


def test_it_closes_with_the_first_success() -> None:
    assert is_open(Kind.FAILING, consecutive_failures=0, last_success_at=NOW) is False


def test_it_opens_when_one_in_five_fails_though_never_three_in_a_row() -> None:
    figures = RecentFigures(received=50, succeeded=40, failed=10)
    assert is_open(Kind.FAILING, figures=figures, last_failure_at=ago(seconds=5)) is True


def test_a_bad_share_counts_no_longer_once_it_has_been_quiet_for_a_minute() -> None:
    figures = RecentFigures(received=50, succeeded=40, failed=10)
    facts = {"figures": figures, "last_failure_at": ago(seconds=61), "last_success_at": NOW}
    assert is_open(Kind.FAILING, **facts) is False


def test_what_came_back_is_over_only_after_three_quiet_minutes() -> None:
    facts = {"last_success_at": NOW, "came_back": frozenset({Kind.FAILING})}
    assert is_open(Kind.FAILING, **facts, last_failure_at=ago(minutes=2)) is None
    assert is_open(Kind.FAILING, **facts, last_failure_at=ago(minutes=3)) is False


def test_a_share_of_a_few_says_nothing() -> None:
    figures = RecentFigures(received=4, succeeded=2, failed=2)
    assert not is_open(Kind.FAILING, figures=figures, last_failure_at=NOW)


def test_it_names_the_clock_and_by_how_much_it_is_off() -> None:
    judgement = judged(
        Kind.FAILING,
        consecutive_failures=7,
        last_failure_at=ago(seconds=4),
        last_failure_code="clock_skew",
        last_failure_why="timestamp is 600 s off (behind)",
        clock_skew_seconds=-600,
    )
    assert judgement is not None
    assert "7 webhooks in a row failed; the last one 4 s ago: timestamp is 600" in judgement.text
    assert judgement.cure == "Set the clock of whatsapp-1's machine: it is 600 s behind."
    assert judgement.count == 7


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("wrong_signature", "--name whatsapp-1 --hmac-secret"),
        ("unknown_key", "--name whatsapp-1 --api-key"),
        ("no_credentials", "carry no credentials"),
        ("something new", "Read the failed deliveries"),
    ],
)
def test_it_says_what_can_work(code: str, cure: str) -> None:
    judgement = judged(Kind.FAILING, consecutive_failures=3, last_failure_code=code)
    assert judgement is not None
    assert cure in judgement.cure


# --- misrouted
def wrong(path: str = "/api/hooks/wa", **given: object) -> WrongPath:
    fields = {"path": path, "since": ago(minutes=3), "at": NOW, "is_heard": True} | given
    return WrongPath(**fields)


def test_it_names_the_wrong_path_and_the_right_one() -> None:
    judgement = judged(Kind.MISROUTED, wrong_paths=[wrong()], misrouted=41)
    assert judgement is not None and judgement.is_open
    assert judgement.text == (
        "whatsapp-1 sends to /api/hooks/wa: 41 events in 3 min, none of them is lost."
    )
    assert judgement.cure == (
        "Set WEBHOOK_ENDPOINT=/api/webhooks/webjs in its .env. Versions with this path hard-coded "
        "ignore that: update the sender. Or accept this path for this gateway, on this incident's "
        "page."
    )
    assert judgement.count == 41


def test_two_wrong_paths_at_once_are_both_named() -> None:
    used = [wrong("/a", since=ago(minutes=9)), wrong("/b")]
    judgement = judged(Kind.MISROUTED, wrong_paths=used, misrouted=7)
    assert judgement is not None
    assert "sends to /a and /b: 7 events in 9 min" in judgement.text


def test_what_is_not_believed_there_is_lost_and_accepting_the_path_is_not_offered() -> None:
    judgement = judged(Kind.MISROUTED, wrong_paths=[wrong(is_heard=False)])
    assert judgement is not None
    assert "not believed there, and lost" in judgement.text
    assert "accept" not in judgement.cure


def test_it_says_to_rotate_a_key_that_went_along() -> None:
    judgement = judged(Kind.MISROUTED, wrong_paths=[wrong(key_went_along=True)])
    assert judgement is not None
    assert "rotate it" in judgement.cure


def test_it_is_over_once_events_come_on_the_right_path() -> None:
    facts = {"wrong_paths": [wrong(at=ago(seconds=70))], "last_success_at": ago(seconds=5)}
    assert is_open(Kind.MISROUTED, **facts) is False


def test_one_that_flaps_is_over_only_after_three_quiet_minutes() -> None:
    flaps = {"came_back": frozenset({Kind.MISROUTED}), "last_success_at": ago(seconds=5)}
    assert is_open(Kind.MISROUTED, **flaps, wrong_paths=[wrong(at=ago(minutes=2))]) is True
    assert is_open(Kind.MISROUTED, **flaps, wrong_paths=[wrong(at=ago(minutes=3))]) is False


def test_it_is_not_over_because_nothing_comes_at_all() -> None:
    facts = {"wrong_paths": [wrong(at=ago(minutes=20))], "last_success_at": ago(minutes=20)}
    assert is_open(Kind.MISROUTED, **facts) is None


def test_one_that_a_request_opened_just_now_is_ahead_of_what_is_known() -> None:
    assert is_open(Kind.MISROUTED, open_since={Kind.MISROUTED: ago(seconds=8)}) is None
    assert is_open(Kind.MISROUTED, open_since={Kind.MISROUTED: ago(seconds=60)}) is False


# --- silent
def test_three_changes_that_no_webhook_told_of_mean_that_webhooks_are_dead() -> None:
    assert is_open(Kind.SILENT, figures=RecentFigures(changes=3, changes_missed=3)) is True
    assert is_open(Kind.SILENT, figures=RecentFigures(changes=3, changes_missed=2)) is None
    assert is_open(Kind.SILENT, figures=RecentFigures(changes=2, changes_missed=2)) is None


def test_what_comes_and_is_refused_is_no_silence() -> None:
    figures = RecentFigures(changes=3, changes_missed=3, has_trouble=True)
    assert is_open(Kind.SILENT, figures=figures) is None


def test_it_is_silent_when_twenty_are_missing_by_its_own_habit() -> None:
    habit = {"connected_accounts": 40, "usual_per_hour": 120.0}
    assert is_open(Kind.SILENT, **habit, last_received_at=ago(minutes=11)) is True
    assert is_open(Kind.SILENT, **habit, last_received_at=ago(minutes=9)) is None


def test_a_busy_gateway_may_hold_its_breath_for_two_minutes() -> None:
    habit = {"connected_accounts": 40, "usual_per_hour": 36_000.0}
    assert is_open(Kind.SILENT, **habit, last_received_at=ago(seconds=119)) is None
    assert is_open(Kind.SILENT, **habit, last_received_at=ago(seconds=121)) is True


def test_an_outage_of_our_own_is_no_silence_of_the_gateways() -> None:
    habit = {"connected_accounts": 40, "usual_per_hour": 36_000.0, "last_received_at": ago(hours=1)}
    assert is_open(Kind.SILENT, **habit, watched_since=ago(seconds=100)) is None
    assert is_open(Kind.SILENT, **habit, watched_since=ago(seconds=121)) is True


def test_a_gateway_without_connected_accounts_may_be_silent() -> None:
    facts = {"connected_accounts": 0, "usual_per_hour": 120.0}
    assert is_open(Kind.SILENT, **facts, last_received_at=ago(hours=5)) is None


def test_the_first_webhook_ends_the_silence() -> None:
    open_since = {Kind.SILENT: ago(minutes=5)}
    assert is_open(Kind.SILENT, open_since=open_since, last_success_at=ago(minutes=6)) is None
    assert is_open(Kind.SILENT, open_since=open_since, last_success_at=ago(seconds=1)) is False


# --- slow, and nobody's
def test_it_is_slow_when_one_in_ten_takes_longer_than_a_second() -> None:
    quick, slow = [0] * 13, [0] * 13
    quick[2], slow[2], slow[8] = 100, 90, 10
    assert is_open(Kind.SLOW, figures=RecentFigures(handling=quick)) is False
    assert is_open(Kind.SLOW, figures=RecentFigures(handling=slow)) is True


def test_refusals_of_nobody_we_know_open_one_incident_from_fifty_on() -> None:
    assert judge_unattributed(49, LIMITS).is_open is False
    assert judge_unattributed(50, LIMITS).is_open is True


def test_it_is_over_below_half_of_them() -> None:
    assert judge_unattributed(25, LIMITS, is_open=True).is_open is True
    assert judge_unattributed(24, LIMITS, is_open=True).is_open is False


# --- not written down: our own fault
OURS = {"last_failure_code": "unavailable", "last_failure_at": NOW}


def unwritten(*failures: int, is_open: bool = False, **facts: object) -> Judgement:
    routes = [
        replace(QUIET, name=f"g{number}", consecutive_failures=number, **{**OURS, **facts})
        for number in failures
    ]
    return judge_unwritten(routes, LIMITS, is_open=is_open)


def test_what_we_could_not_write_down_is_no_failing_of_the_gateway() -> None:
    assert is_open(Kind.FAILING, consecutive_failures=9, **OURS) is None
    figures = RecentFigures(received=50, succeeded=10, failed=40)
    assert is_open(Kind.FAILING, figures=figures, **OURS) is None


def test_it_is_one_note_about_ourselves_however_many_gateways_it_hits() -> None:
    judgement = unwritten(2, 5, 1)
    assert judgement.is_open
    assert judgement.text == (
        "8 webhooks in a row of 3 gateways (g1, g2, g5) could not be written down; the last one "
        "0 s ago: see the log of the web processes"
    )
    assert judgement.count == 8


def test_it_opens_at_the_third_and_is_over_when_all_are_written_again() -> None:
    assert unwritten(1, 1).is_open is False
    assert unwritten(1, 1, is_open=True).is_open is True
    assert unwritten(0, 0, is_open=True).is_open is False


def test_a_gateway_that_has_sent_nothing_since_does_not_keep_it_open() -> None:
    assert unwritten(5, is_open=True, last_failure_at=ago(minutes=6)).is_open is False


def test_it_says_nothing_of_what_failed_for_another_reason() -> None:
    assert unwritten(5, last_failure_code="wrong_signature").is_open is False
