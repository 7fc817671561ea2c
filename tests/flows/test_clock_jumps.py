"""The machine's clock is set: an hour back, an hour ahead. What stands in the rows is then from the
future, or old at once; nothing may wait for the hour to pass."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.alerts.outbox import tell_channel
from accounts.incidents.incidents import open_incident
from accounts.models import Account, Gateway, Incident
from accounts.store.clock import database_now
from reconciliation.rollcall.lease import take_lease, take_lease_on_schedule
from reconciliation.tasks import call_roll
from simulator.world import faults, process
from tests.accounts.alerts.receivers import HookServer, a_channel, serving
from tests.simulator.simulated import connected
from webhooks.models import Delivery
from webhooks.tasks import flush_passages, sweep_pending, watch_routes

HOUR = timedelta(hours=1)
AHEAD, BACK = HOUR, -HOUR
both = pytest.mark.parametrize("jump", [AHEAD, BACK], ids=["ahead", "back"])


@pytest.fixture
def well(story):
    """An account that is connected, with recent proof."""
    connected(story.world, "s")
    story.register("s")
    story.live(40)
    assert story.state()[0] == "connected"
    return story


def the_loss() -> Delivery:
    return Delivery.objects.get(event="session_disconnected")


def set_clock(story, jump: timedelta) -> None:
    story._passed += jump


@both
def test_a_session_lost_right_after_is_found(well, jump):
    set_clock(well, jump)
    well.world.faults.webhooks.silent = True
    faults.lose(well.world, "s")
    well.live(60)
    assert well.state()[0] != "connected"
    well.live(240)  # a clock that was set looks like a boot, whose grace must pass
    assert well.state()[:2] == ("disconnected", "missing")


@both
def test_an_account_that_is_well_is_never_called_lost(well, jump):
    set_clock(well, jump)
    well.live(60)
    assert well.state()[0] == "connected"
    assert not well.account().transitions.filter(to_status="disconnected").exists()


@both
def test_a_word_that_nobody_can_see_any_more_expires(well, jump):
    set_clock(well, jump)
    process.stop(well.world)
    well.live(60)
    assert well.state()[0] == "unknown"


@both
def test_readers_say_it_even_when_nothing_of_ours_runs(well, jump):
    set_clock(well, jump)
    now = database_now() + well._passed
    account = well.account()
    assert account.shown_status(now) == "unknown"
    assert list(Account.objects.with_shown_status(now).values_list("shown", flat=True)) == [
        "unknown"
    ]


def test_a_lease_from_before_the_jump_holds_nobody_up(well):
    gateway = Gateway.objects.get()
    assert take_lease(gateway.pk)
    set_clock(well, BACK)
    assert take_lease_on_schedule(gateway.pk)


def test_two_schedules_are_still_harmless_after_it(well):
    set_clock(well, BACK)
    pk = Gateway.objects.get().pk
    lease = take_lease_on_schedule(pk)
    assert lease and take_lease(pk) is None
    lease.release()
    assert take_lease_on_schedule(pk) is None


@both
def test_a_webhook_counts(well, jump):
    """Signed by a gateway whose clock was set as well."""
    set_clock(well, jump)
    well.world.faults.webhooks.clock_skew_seconds = jump.total_seconds()
    faults.disconnect(well.world, "s", reason="NAVIGATION")
    assert the_loss().state == "applied"
    assert well.state()[0] == "disconnected"


def test_a_pending_webhook_is_tried_again_at_once(well):
    faults.disconnect(well.world, "s", reason="NAVIGATION")
    set_clock(well, BACK)
    row = the_loss()
    Delivery.objects.filter(pk=row.pk).update(
        state="pending", next_attempt_at=database_now(), received_at=database_now()
    )
    sweep_pending()
    row.refresh_from_db()
    assert row.state != "pending"


@both
def test_the_route_s_figures_go_on(well, jump):
    flush_passages()
    set_clock(well, jump)
    well.world.faults.webhooks.clock_skew_seconds = jump.total_seconds()
    faults.disconnect(well.world, "s", reason="NAVIGATION")
    flush_passages()
    watch_routes()
    call_roll(Gateway.objects.get().pk)
    assert {incident.kind for incident in well.incidents()} <= {"slow"}


def test_a_notice_waits_for_no_lease_from_before_the_jump(well):
    with serving(HookServer()) as hook:
        channel = a_channel("hook", target=hook.url, sending_until=database_now() + HOUR)
        gateway_id = Gateway.objects.get().pk
        open_incident(Incident.Kind.MISROUTED, gateway_id=gateway_id, text="to /wrong")
        tell_channel(channel.pk)
        assert hook.taken
