"""The pure decision: holds, flapping, settling, quiet hours, retries. For any history."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.incidents.alert_rules import Cancel, Send, WaitToTell
from accounts.words.reasons import REASONS
from accounts.words.status import STICKY, Source, Status
from gateways.base import Reason
from notices.judging import decide
from notices.judging.decide import Facts, Judged, hold, judge, settled, severity
from notices.models import Delivery, Loss, Severity, Subscription
from notices.sending.fate import WEBHOOK_RETRIES, Known, fate, next_attempt, quiet_until

NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
STATES = st.sampled_from(
    [
        (Status.CONNECTED, Reason.LISTED),
        (Status.DISCONNECTED, Reason.NETWORK),
        (Status.DISCONNECTED, Reason.REPLACED),
        (Status.LOGGED_OUT, Reason.UNLINKED),
        (Status.BLOCKED, Reason.NONE),
        (Status.FAILED, Reason.REPAIR_GAVE_UP),
        (Status.CONNECTING, Reason.AUTHENTICATED),
        (Status.UNKNOWN, Reason.UNREACHABLE),
    ]
)
STEPS = st.lists(st.tuples(STATES, st.integers(1, 400), st.booleans()), max_size=40)


def facts(status, reason=Reason.NONE, since=NOW, **fields):
    defaults = {"is_wanted": True, "was_connected": True, "is_blind": False}
    return Facts(account_id=1, status=status, reason=reason, since=since, **defaults | fields)


def play(steps):
    """Yield (now, facts, loss) each second or so of a history, telling what is due at once."""
    now, loss, told_back = NOW, None, None
    for (status, reason), seconds, is_blind in steps:
        since = now
        for _ in range(0, seconds, 7):
            is_blind = is_blind or status is Status.UNKNOWN
            seen = facts(status, reason, since, is_blind=is_blind, told_back_at=told_back)
            loss = judge(seen, loss, now)
            yield now, seen, loss
            if loss is not None and loss.is_due:
                loss = Judged(
                    **{name: getattr(loss, name) for name in loss.__slots__ if name != "told_at"}
                    | {"told_at": now, "is_due": False}
                )
            if loss is not None and loss.ended_at is not None:
                told_back = now if loss.ending == Loss.Ending.HEALED else told_back
                loss = None
            now += timedelta(seconds=7)


@given(STEPS)
def test_nothing_is_told_before_its_hold_nor_while_blind_nor_while_it_is_up(steps):
    for now, seen, loss in play(steps):
        if loss is not None and loss.is_due:
            assert seen.is_down and not seen.is_blind
            assert now >= loss.opened_at + hold(loss.status, loss.reason)


@given(STEPS)
def test_a_loss_is_told_once_and_ended_at_most_once(steps):
    told, ended = set(), []
    for _, _, loss in play(steps):
        if loss is None:
            continue
        if loss.is_due:
            assert loss.opened_at not in told
            told.add(loss.opened_at)
        if loss.ending == Loss.Ending.HEALED:
            assert loss.opened_at in told
            ended.append(loss.opened_at)
        if loss.ending == Loss.Ending.HEALED_EARLY:
            assert loss.opened_at not in told
    assert len(ended) == len(set(ended))


@given(STEPS)
def test_only_a_connection_that_lasts_ends_a_loss(steps):
    for now, seen, loss in play(steps):
        if loss is not None and loss.ended_at is not None:
            assert seen.status is Status.CONNECTED
            assert now - loss.up_since >= decide.STABLE


@given(STEPS, st.integers(15, 2000))
def test_within_an_hour_a_number_that_flaps_is_told_at_most_twice(steps, cut):
    told = [now for now, _, loss in play(steps) if loss is not None and loss.is_due]
    for first in told:
        within = [at for at in told if first <= at < first + timedelta(minutes=15)]
        assert len(within) <= 2


def test_every_reason_that_is_told_has_its_hold_and_a_terminal_status_has_none():
    for reason, meaning in REASONS.items():
        for status in STICKY:
            found = hold(status, reason)
            assert (found is None) == (meaning.hold_seconds is None)
            assert found is None or found <= timedelta(seconds=60)


def test_a_read_that_confirms_a_claim_ends_its_wait():
    claim = {"source": Source.WEBHOOK, "since": NOW}
    seen = facts(Status.LOGGED_OUT, Reason.UNLINKED, **claim, confirmed=False)

    assert not judge(seen, None, NOW + timedelta(seconds=3)).is_due
    assert judge(seen, None, NOW + timedelta(seconds=8)).is_due
    seen = facts(Status.LOGGED_OUT, Reason.UNLINKED, **claim, confirmed=True)
    assert judge(seen, None, NOW + timedelta(seconds=3)).is_due


def test_a_hold_starts_again_when_sight_returns_but_not_for_ever():
    lost = {"status": Status.DISCONNECTED, "reason": Reason.NETWORK}
    opened = judge(facts(**lost), None, NOW)

    seen = facts(**lost, seen_from=NOW + timedelta(minutes=2))
    assert judge(seen, opened, NOW + timedelta(minutes=3)).due_at == NOW + timedelta(minutes=5)
    seen = facts(**lost, seen_from=NOW + timedelta(minutes=30))
    assert judge(seen, opened, NOW + timedelta(minutes=31)).is_due


def a_loss(due, status=Status.FAILED, reason=Reason.REPAIR_GAVE_UP):
    return Judged(
        account_id=1, opened_at=due, status=status, reason=reason, due_at=due, next_look_at=due
    )


@given(st.lists(st.integers(0, 60), min_size=1))
def test_a_group_settles_at_the_latest_five_seconds_after_its_first_terminal_loss(moments):
    losses = [a_loss(NOW + timedelta(seconds=at)) for at in moments]

    first = NOW + timedelta(seconds=min(moments))
    assert settled(losses, first + timedelta(seconds=5))
    assert not settled(losses, first + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (Status.DISCONNECTED, Reason.NETWORK, Severity.WARNING),
        (Status.DISCONNECTED, Reason.REPLACED, Severity.CRITICAL),
        (Status.FAILED, Reason.NONE, Severity.CRITICAL),
    ],
)
def test_what_only_a_human_mends_is_critical(status, reason, expected):
    assert severity(status, reason) is expected


# --- deliveries ------------------------------------------------------------------------------
def known(what=Delivery.What.LOST, **fields):
    defaults = {
        "is_held": False,
        "severity": Severity.WARNING,
        "is_closed": False,
        "is_acknowledged": False,
        "is_on": True,
        "is_quiet_until": None,
    }
    return Known(what=what, **defaults | fields)


QUIET = NOW + timedelta(hours=5)


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (known(), Send()),
        (known(is_closed=True), Send()),  # its channel was down: told late, and that it is over
        (known(is_on=False), Cancel("switched off, or left")),
        (known(is_quiet_until=QUIET), WaitToTell(QUIET)),
        (known(is_quiet_until=QUIET, severity=Severity.CRITICAL), Send()),
        (known(is_closed=True, is_held=True), Cancel("it was over before the quiet hours were")),
        (known("back", lost="sent"), Send()),
        (known("back", lost="cancelled"), Cancel("its beginning was not told")),
        (known("back", lost="pending"), WaitToTell(NOW + timedelta(seconds=5))),
        (known("back", lost="pending", lost_is_in_this_message=True), Send()),
        (known("reminder", lost="sent"), Send()),
        (known("reminder", lost="sent", is_acknowledged=True), Cancel("somebody acknowledged it")),
        (known("reminder", lost="sent", is_closed=True), Cancel("it is over")),
        (known("test", is_on=False, is_quiet_until=QUIET), Send()),
    ],
)
def test_what_becomes_of_a_delivery(delivery, expected):
    assert fate(delivery, NOW) == expected


@pytest.mark.parametrize(
    ("start", "end", "at", "until"),
    [
        (time(22), time(7), "2026-12-01 16:30", "2026-12-02 00:00"),  # 23.30 WIB
        (time(22), time(7), "2026-12-01 23:59", "2026-12-02 00:00"),  # 06.59 WIB
        (time(22), time(7), "2026-12-02 00:00", None),
        (time(22), time(7), "2026-12-01 14:59", None),
        (time(12), time(13), "2026-12-01 05:30", "2026-12-01 06:00"),
        (time(12), time(12), "2026-12-01 05:30", None),
        (None, None, "2026-12-01 05:30", None),
    ],
)
def test_quiet_hours_are_the_recipients_own(start, end, at, until):
    recipient = Subscription(quiet_from=start, quiet_until=end)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = until and datetime.fromisoformat(until).replace(tzinfo=UTC)

    assert quiet_until(recipient, moment, time_zone="Asia/Jakarta") == expected


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2026, 1, 1),
                    max_value=datetime(2027, 1, 1)), st.times(), st.times())  # fmt: skip
def test_quiet_hours_end_within_a_day_whatever_the_clocks_do(at, start, end):
    recipient = Subscription(quiet_from=start, quiet_until=end)

    until = quiet_until(recipient, at, time_zone="Europe/Berlin")

    assert until is None or at < until <= at + timedelta(hours=25)


def test_a_webhook_is_tried_for_seventy_five_hours():
    delays = [next_attempt("webhook", n, chance=0.0) for n in range(1, len(WEBHOOK_RETRIES) + 1)]

    assert sum(delays, timedelta(0)) == timedelta(hours=75, minutes=35, seconds=5)
    assert next_attempt("webhook", len(WEBHOOK_RETRIES) + 1, chance=0.0) is None


def test_a_receiver_that_asks_for_time_gets_it_up_to_a_day():
    asked = {"chance": 0.0, "retry_after": timedelta(hours=1)}
    assert next_attempt("webhook", 1, **asked) == timedelta(hours=1)
    asked["retry_after"] = timedelta(days=30)
    assert next_attempt("webhook", 1, **asked) == timedelta(hours=24)
