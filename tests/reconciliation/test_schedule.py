"""Beat starts roll calls, each gateway has its own moment, and a status changed by a claim is read
at once."""

from __future__ import annotations

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Gateway
from accounts.store import enqueue
from accounts.words.status import Source, Status
from config.celery import app
from reconciliation import tasks
from reconciliation.models import Run
from reconciliation.tasks import seconds_until_phase
from simulator.world import faults
from simulator.world.world import ProcessState
from tests.cast import see, story


@given(st.integers(1, 10_000), st.floats(0, 2e9))
def test_a_gateways_moments_are_one_period_apart(gateway_id, now):
    wait = seconds_until_phase(gateway_id, period_seconds=20, now_seconds=now)
    after = seconds_until_phase(gateway_id, period_seconds=20, now_seconds=now + wait + 5)

    assert 0 <= wait <= 20
    assert after == pytest.approx(15, abs=0.01)


@pytest.mark.parametrize("count", [10, 100])
def test_the_moments_of_many_are_spread_evenly(count):
    moments = sorted(
        seconds_until_phase(pk, period_seconds=20, now_seconds=0) for pk in range(1, count + 1)
    )
    gaps = [after - before for before, after in zip(moments, moments[1:], strict=False)]

    assert max(gaps) < 2 * 20 / count


@pytest.fixture
def rung(monkeypatch):
    """Record the requested roll calls, as (gateway, in how many seconds)."""
    calls = []

    def remember(args, *, countdown, expires=None):
        calls.append((args[0], countdown))
        assert expires is None or expires > countdown

    monkeypatch.setattr(tasks.call_roll, "apply_async", remember)
    return calls


def test_ticks_every_5_seconds_miss_no_gateways_moment(scene, rung, monkeypatch):
    for number in range(30):
        Gateway.objects.create(name=f"gateway-{number}", base_url="http://127.0.0.1:1")
    clock = [0.0]
    monkeypatch.setattr("reconciliation.tasks.time.time", lambda: clock[0])
    moments = set()
    for tick in range(0, 60, settings.ROLL_CALL_TICK_SECONDS):
        clock[0] = float(tick)
        rung.clear()
        tasks.call_every_roll()
        moments |= {(pk, round(tick + countdown, 3)) for pk, countdown in rung}

    for gateway in Gateway.objects.all():
        mine = sorted(moment for pk, moment in moments if pk == gateway.pk)
        assert 3 <= len(mine) <= 4
        gaps = [after - before for before, after in zip(mine, mine[1:], strict=False)]
        assert gaps == pytest.approx([20] * len(gaps))


def test_a_moment_that_is_rung_twice_is_one_pass(scene):
    tasks.call_roll(scene.gateway.pk)
    tasks.call_roll(scene.gateway.pk)

    assert Run.objects.count() == 1


def test_gateways_that_hang_leave_threads_for_sweeps_and_reads(scene, rung):
    """A roll call too many frees its thread at once, and runs a little later."""
    hanging = [tasks._room.acquire(blocking=False) for _ in range(tasks.PASSES_AT_ONCE)]
    tasks.call_roll(scene.gateway.pk)
    tasks.call_roll(scene.gateway.pk, times_put_off=20)  # enqueued again by then
    for _ in hanging:
        tasks._room.release()

    assert Run.objects.count() == 0
    assert rung == [(scene.gateway.pk, tasks.PUT_OFF_SECONDS)]
    tasks.call_roll(scene.gateway.pk)
    assert Run.objects.count() == 1


def test_a_gateway_that_is_gone_is_no_error(scene):
    tasks.call_roll(0)


def test_every_tick_of_the_schedule_names_a_task_and_expires():
    app.loader.import_default_modules()
    assert len(app.conf.beat_schedule) >= 6
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] <= max(5, entry["schedule"])


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.CLAIM])
def test_a_claim_that_is_not_true_is_undone_by_a_read_at_once(
    scene, django_capture_on_commit_callbacks, source
):
    with django_capture_on_commit_callbacks(execute=True):
        see(scene.cast.alice, Status.DISCONNECTED, at=scene.database_now(), source=source)

    assert story(scene.cast.alice) == [("connected", "disconnected"), ("disconnected", "connected")]
    assert scene.cast.alice.transitions.first().source == Source.READ


def test_a_claim_of_life_is_read_as_well(scene, django_capture_on_commit_callbacks):
    dana = scene.an_account("dana", status=Status.DISCONNECTED)
    faults.lie(scene.world, "dana", status="qr_scanning")
    with django_capture_on_commit_callbacks(execute=True):
        see(dana, Status.CONNECTED, at=scene.database_now())

    assert story(dana)[-1] == ("connected", "qr_scanning")


def test_a_claim_that_changes_nothing_asks_for_no_read(scene, monkeypatch):
    calls = []
    monkeypatch.setattr(enqueue, "_send", lambda *call: calls.append(call))
    see(scene.cast.alice, Status.CONNECTED, at=scene.database_now())

    assert calls == []


def test_where_the_read_fails_the_claim_stands_until_the_roll_call(
    scene, django_capture_on_commit_callbacks
):
    scene.world.state = ProcessState.STOPPED
    with django_capture_on_commit_callbacks(execute=True):
        see(scene.cast.alice, Status.DISCONNECTED, at=scene.database_now())
    assert story(scene.cast.alice) == [("connected", "disconnected")]
    scene.world.state = ProcessState.RUNNING

    scene.call_roll()

    assert scene.says(scene.cast.alice) == [(Status.CONNECTED, "")]


def test_a_gateway_that_is_only_observed_is_judged_and_shown_the_same(scene):
    Gateway.objects.filter(pk=scene.gateway.pk).update(mode=Gateway.Mode.OBSERVE)
    scene.loses(scene.cast.alice)
    scene.holds("stranger")
    held = set(scene.world.sessions)
    for _ in range(3):
        scene.tick()

    assert story(scene.cast.alice) == [("connected", "disconnected")]
    assert scene.open_findings() == {("unclaimed", "stranger")}
    assert set(scene.world.sessions) == held
