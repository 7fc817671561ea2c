"""A restarted gateway restores its sessions one by one: absence means nothing for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.repair import targeted_read
from accounts.words.status import Status, Wanted
from gateways.base import Reason, Session, State
from reconciliation.rollcall.boot import GRACE_MOST, Boot, follow_boot
from reconciliation.rollcall.rows import Row
from tests.cast import story

NOON = datetime(2025, 11, 16, 12, tzinfo=UTC)
BOOTED = NOON - timedelta(hours=5)


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def a_row(name, status=Status.CONNECTED, **fields):
    given = {
        "account_id": hash(name),
        "workspace_id": 1,
        "session_id": name,
        "phone_number": "",
        "status": status,
        "reason": "",
        "last_known": "",
        "is_wanted": True,
        "observed_at": BOOTED,
        "unshown_since": None,
        "qr_seen_at": None,
        "since": BOOTED,
    }
    return Row(**given | fields)


def lists(*names, state=State.CONNECTED):
    return {name: Session(session_id=name, state=state) for name in names}


def follow(known, seconds, *, uptime, listed=None, rows=()):
    """Follow a list that was requested so many seconds after noon."""
    return follow_boot(
        known, started=after(seconds), uptime_seconds=uptime, listed=listed or {}, rows=rows
    )


ROWS = [a_row("alice"), a_row("bob")]


def in_grace_at(seconds, rows=ROWS, growth=()):
    """Return True if a gateway that restarted at noon is in grace then. `growth`: how many are
    listed from when on."""
    boot = Boot(booted_at=BOOTED)
    for moment in [*range(0, seconds, 20), seconds]:
        names = [name for name, since in growth if since <= moment]
        boot = follow(boot, moment, uptime=float(moment), listed=lists(*names), rows=rows)
    return boot.in_grace


def test_the_first_contact_is_no_boot():
    boot = follow(Boot(booted_at=None), 0, uptime=10.0, rows=ROWS)

    assert boot.booted_at == after(-10)
    assert not boot.in_grace


@pytest.mark.parametrize(("moved", "in_grace"), [(4.9, False), (5.1, True), (-5.1, True)])
def test_a_boot_moment_that_moved_by_more_than_5_seconds_is_a_boot(moved, in_grace):
    uptime = (NOON - BOOTED).total_seconds() - moved

    assert follow(Boot(booted_at=BOOTED), 0, uptime=uptime, rows=ROWS).in_grace is in_grace


def test_a_slow_drift_of_two_clocks_is_no_boot():
    boot = Boot(booted_at=BOOTED)
    for hour in range(100):  # 2 s each hour
        uptime = 3600.0 * (hour + 5) - 2 * hour
        boot = follow(boot, 3600 * hour, uptime=uptime, rows=ROWS)
        assert not boot.in_grace


@pytest.mark.parametrize("uptime", [None, 1e300, float("inf")])
def test_an_uptime_that_is_none_changes_nothing(uptime):
    known = Boot(booted_at=BOOTED)

    assert follow(known, 0, uptime=uptime, rows=ROWS) == known


@pytest.mark.parametrize(("seconds", "in_grace"), [(89, True), (90, False)])
def test_grace_lasts_90_seconds_at_least(seconds, in_grace):
    assert in_grace_at(seconds) is in_grace


@pytest.mark.parametrize(("seconds", "in_grace"), [(119, True), (120, False)])
def test_and_6_seconds_for_each_account_that_is_wanted(seconds, in_grace):
    rows = [a_row(f"session-{number}") for number in range(20)]
    rows += [a_row(f"unwanted-{number}", is_wanted=False) for number in range(20)]

    assert in_grace_at(seconds, rows) is in_grace


@pytest.mark.parametrize(("seconds", "in_grace"), [(139, True), (140, False)])
def test_and_until_the_list_has_not_grown_for_60_seconds(seconds, in_grace):
    rows = [*ROWS, a_row("carol")]

    assert in_grace_at(seconds, rows, growth=[("alice", 40), ("bob", 80)]) is in_grace


@pytest.mark.parametrize(("seconds", "in_grace"), [(899, True), (900, False)])
def test_and_15_minutes_at_most(seconds, in_grace):
    names = [(f"session-{number}", 20 * number) for number in range(60)]
    rows = [a_row(name) for name, _ in names]

    assert in_grace_at(seconds, rows, growth=names) is in_grace


def test_it_ends_early_when_all_are_listed():
    assert in_grace_at(39, growth=[("alice", 20), ("bob", 40)])
    assert not in_grace_at(40, growth=[("alice", 20), ("bob", 40)])


def test_it_does_not_end_while_one_is_only_on_its_way():
    """A session being restored is listed as waiting for a scan, before any QR exists."""
    boot = follow(Boot(booted_at=BOOTED), 0, uptime=0.0, rows=ROWS)
    listed = lists("alice") | lists("bob", state=State.QR_SCANNING)

    assert follow(boot, 20, uptime=20.0, listed=listed, rows=ROWS).in_grace
    shown = [ROWS[0], a_row("bob", qr_seen_at=after(10))]
    assert not follow(boot, 20, uptime=20.0, listed=listed, rows=shown).in_grace


def test_what_was_gone_before_the_boot_is_not_waited_for():
    rows = [a_row("alice"), a_row("bob", status=Status.LOGGED_OUT)]

    assert not in_grace_at(20, rows, growth=[("alice", 20)])


@given(st.lists(st.integers(1, 30), min_size=60, max_size=80), st.integers(0, 300))
def test_it_always_ends_after_15_minutes(gaps, wanted):
    """The list does not matter for this."""
    rows = [a_row(f"session-{number}") for number in range(wanted)]
    boot, moment = follow(Boot(booted_at=BOOTED), 0, uptime=0.0, rows=rows), 0
    for number, gap in enumerate(gaps):
        moment += gap
        listed = lists(*(f"stranger-{one}" for one in range(number)))
        boot = follow(boot, moment, uptime=float(moment), listed=listed, rows=rows)
        assert not boot.in_grace or timedelta(seconds=moment) < GRACE_MOST


def restart(scene, *, keeps=()):
    """Clear its memory and set the uptime to 0; the sessions in `keeps` are back already."""
    kept = {name: scene.world.sessions[name] for name in keeps}
    scene.world.sessions.clear()
    scene.world.sessions.update(kept)
    scene.world.started_at = scene.world.host.now()


@pytest.fixture
def seen_before(scene):
    scene.call_roll()
    scene.passes(20)


def test_after_a_restart_what_is_not_back_yet_is_not_missing(scene, seen_before):
    accounts = scene.accounts(3)
    restart(scene, keeps=["alice"])

    findings = scene.call_roll().findings

    assert [(str(one.kind), one.held) for one in findings] == [("missing", True)] * 3
    assert [story(account) for account in accounts] == [[]] * 3
    assert scene.open_incidents() == []


def test_while_it_boots_unseen_accounts_expire_with_that_reason(scene, seen_before):
    [dana] = scene.accounts(1)
    restart(scene)
    for _ in range(3):
        scene.tick()

    assert scene.says(dana) == [(Status.UNKNOWN, Reason.BOOTING)]


def test_a_session_on_its_way_reads_connecting_and_not_that_a_human_must_scan(scene, seen_before):
    dana = scene.an_account("dana")
    restart(scene, keeps=["dana", "alice"])
    scene.world.sessions["dana"].status = "qr_scanning"

    scene.call_roll()

    assert scene.says(dana) == [(Status.CONNECTING, Reason.BOOTING)]


def test_one_that_never_comes_back_is_lost_after_the_grace(scene, seen_before):
    dana = scene.an_account("dana")
    restart(scene, keeps=["alice"])
    for _ in range(6):
        scene.tick()

    assert scene.says(dana) == [(Status.DISCONNECTED, Reason.MISSING)]
    assert story(dana) == [("connected", "unknown"), ("unknown", "disconnected")]


def test_one_that_was_back_and_is_lost_again_is_told_without_waiting_for_the_others(
    scene, seen_before
):
    back, eve = scene.an_account("back"), scene.an_account("eve")
    restart(scene, keeps=["alice", "back"])
    scene.tick()
    scene.loses(back)

    scene.tick()

    assert scene.says(back) == [(Status.DISCONNECTED, Reason.MISSING)]
    assert scene.says(eve) == [(Status.UNKNOWN, Reason.BOOTING)]


def test_but_what_dies_with_a_second_boot_waits_as_the_others_do(scene, seen_before):
    back, _ = scene.an_account("back"), scene.an_account("eve")
    restart(scene, keeps=["alice", "back"])
    scene.tick()
    restart(scene, keeps=["alice"])

    report = scene.call_roll()

    assert all(finding.held for finding in report.findings)
    assert story(back) == []


def test_nor_is_half_of_what_was_back_told_at_once(scene, seen_before):
    accounts = scene.accounts(8)
    restart(scene, keeps=["alice", *(one.session_id for one in accounts[:7])])
    scene.tick()
    scene.loses(*accounts[:5])

    report = scene.call_roll()

    assert all(finding.held for finding in report.findings)
    assert Status.DISCONNECTED not in [word for word, _ in scene.says(*accounts)]


def test_a_targeted_read_that_finds_nothing_while_it_boots_condemns_nobody(scene, seen_before):
    dana = scene.an_account("dana")
    restart(scene, keeps=["alice"])
    scene.call_roll()

    assert targeted_read.confirm(scene.gateway.pk, "dana") is None
    assert story(dana) == []


def test_of_what_is_wanted_stopped_it_says_that_it_stopped(scene, seen_before):
    dana, eve = scene.an_account("dana", wanted=Wanted.STOPPED), scene.an_account("eve")
    restart(scene, keeps=["alice"])
    scene.call_roll()
    targeted_read.confirm(scene.gateway.pk, "dana")

    assert scene.says(dana) == [(Status.STOPPED, Reason.AS_WANTED)]
    assert story(eve) == []
