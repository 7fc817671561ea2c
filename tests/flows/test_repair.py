"""Rollcall brings sessions back by itself: one, one that will not stay, and a hundred at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, Incident, Repair
from accounts.repair import repairs, starts
from accounts.store import clock
from accounts.words.status import Status
from reconciliation.repair.governor import govern
from simulator.world import faults
from tests.flows.story import NUMBER, Story
from tests.simulator.simulated import connected

TICK_SECONDS = 5
pytestmark = pytest.mark.timeout(240)
ALIVE = "webjs_1_alive"


@pytest.fixture
def alive(story: Story) -> Story:
    """A number that has been connected for long, as Rollcall knows."""
    return with_sessions(story, 1)


def with_sessions(story: Story, count: int) -> Story:
    for number in range(count):
        phone, session_id = str(int(NUMBER) + number), f"{ALIVE}_{number}"
        connected(story.world, session_id, phone_number=phone)
        story.register(session_id, phone=phone)
    run(story, 120)
    return story


def run(story: Story, seconds: int, each_tick: Callable[[], None] = lambda: None) -> None:
    """Time passes as it does with a worker: repair every 5 s, a roll call every 20 s."""
    for _ in range(seconds // TICK_SECONDS):
        story.be_away(TICK_SECONDS)
        if story.passed_seconds % 20 == 0:
            story.look()
        govern()
        starts.sweep()
        while starts.carry_out_due(Gateway.objects.get().pk):
            each_tick()
        for pk in Repair.objects.filter(state=Repair.State.UNCLEAR).values_list("pk", flat=True):
            starts.look(pk)
        each_tick()


def attempts() -> list[str]:
    return list(Repair.objects.order_by("pk").values_list("state", flat=True))


def test_a_killed_browser_is_back_within_a_minute_and_every_step_is_written_down(alive):
    faults.crash(alive.world, f"{ALIVE}_0", honest=True)
    assert alive.state()[:2] == ("disconnected", "browser_gone")
    run(alive, 60)
    assert alive.state()[0] == "connected"
    repair = Repair.objects.get()
    assert (repair.asked_by, repair.reason, repair.state) == (
        "rollcall",
        "browser_gone",
        "succeeded",
    )
    assert repair.finished_at - alive.account().transitions.all()[1].created_at < timedelta(
        seconds=60
    )
    run(alive, 80)
    assert (alive.account().strikes, alive.account().next_step) == (0, None)


def test_one_that_does_not_stay_is_given_up_after_three_tries_and_a_person_lets_it_begin_anew(
    alive,
):
    """Let each start succeed; the session dies a few seconds later: that is no cure."""

    def dies_again() -> None:
        if alive.account().status == Status.CONNECTED and Repair.objects.exists():
            faults.crash(alive.world, f"{ALIVE}_0", honest=True)

    faults.crash(alive.world, f"{ALIVE}_0", honest=True)
    run(alive, 900, dies_again)
    account = alive.account()
    assert attempts() == ["succeeded"] * 3
    assert alive.state()[:2] == ("failed", "repair_gave_up")
    gaps = between([one.started_at for one in Repair.objects.order_by("pk")])
    assert min(gaps) >= 60  # one start a minute, whatever chance says
    said = explain(account, clock.database_now())
    assert "one more try after its quarantine" in said.next_step

    repairs.lift_quarantine(account, actor="maria")
    run(alive, 120)
    assert alive.state()[0] == "connected"
    assert alive.account().quarantined_until is None
    run(alive, 80)
    assert alive.account().strikes == 0


def test_left_alone_it_is_tried_once_more_after_an_hour(alive):
    def dies_again() -> None:
        if alive.account().status == Status.CONNECTED and Repair.objects.exists():
            faults.crash(alive.world, f"{ALIVE}_0", honest=True)

    faults.crash(alive.world, f"{ALIVE}_0", honest=True)
    run(alive, 900, dies_again)
    until = alive.account().quarantined_until
    assert until is not None
    left = int((until - clock.database_now()).total_seconds()) // 20 * 20
    assert 0 < left <= 3600
    alive.be_away(left - 120)
    run(alive, 60)
    assert len(attempts()) == 3
    run(alive, 240)
    assert alive.state()[0] == "connected" and len(attempts()) == 4


def test_a_hundred_that_vanish_at_once_come_back_two_at_a_time_and_one_every_five_seconds(story):
    with_sessions(story, 100)
    most: list[int] = []

    def count() -> None:
        flying = Repair.objects.filter(state__in=Repair.IN_FLIGHT)
        most.append(flying.count())

    for session_id in list(story.world.sessions):
        if session_id.startswith(ALIVE):
            faults.lose(story.world, session_id)
    run(story, 60, count)
    assert not Repair.objects.exists()  # held, until its lists agree
    assert [one.kind for one in story.incidents()] == [Incident.Kind.MASS_LOSS]
    for _ in range(60):
        if Account.objects.filter(status=Status.CONNECTED).count() == 100:
            break
        run(story, 60, count)
    assert Account.objects.filter(status=Status.CONNECTED).count() == 100
    assert max(most) <= 2
    moments = [one.started_at for one in Repair.objects.order_by("started_at") if one.started_at]
    assert len(moments) == 100 and min(between(moments)) >= 5


def between(moments: list[datetime | None]) -> list[float]:
    pairs: Iterator[tuple[datetime | None, datetime | None]] = zip(
        moments, moments[1:], strict=False
    )
    return [(after - before).total_seconds() for before, after in pairs if before and after]
