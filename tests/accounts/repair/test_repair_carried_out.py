"""Carrying out a start, step by step, at a gateway that obeys, refuses, hangs or dies. A read
decides, never the gateway's answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError

from accounts.models import Account, GatewaySecret, Repair
from accounts.repair import repairs, starts
from accounts.words.status import Status
from gateways import registry
from gateways.base import Reason, Step
from simulator import still_world
from simulator.served.transport import transport
from simulator.state.sessions import Browser
from simulator.world import faults, process
from tests.cast import NOBODY
from tests.simulator.simulated import connected, says

OPERATOR, ROLLCALL = Repair.Asker.OPERATOR, Repair.Asker.ROLLCALL
State = Repair.State


@pytest.fixture
def world(cast):
    world = still_world(lambda *request: 200)
    secret = GatewaySecret(gateway=cast.gateway, purpose="api_key")
    secret.secret = "test-key"
    secret.save()
    with registry.use_transport(NOBODY, transport(world)):
        yield world


@pytest.fixture
def alice(cast, world, rung):
    connected(world, "alice", phone_number="62811801641", workspace_id=cast.acme.pk)
    return cast.alice


@pytest.fixture
def lost(alice, world):
    """Kill Alice's browser and let the row show it."""
    faults.crash(world, "alice", honest=True)
    Account.objects.filter(pk=alice.pk).update(
        status=Status.DISCONNECTED, status_reason=Reason.BROWSER_GONE
    )
    return alice


def comes_up(world, account) -> None:
    world.reconnect(account.session_id, account.workspace_id)
    world.settle()


def start(account, by=OPERATOR) -> Repair:
    repairs.ask(account, by=by, actor="olga")
    return carried_out(account)


def carried_out(account) -> Repair:
    starts.carry_out_due(account.gateway_id)
    account.refresh_from_db()
    return account.repairs.first()


def look_again(repair: Repair) -> Repair:
    starts.sweep()
    starts.look(repair.pk)
    repair.refresh_from_db()
    return repair


def later(repair: Repair, **fields) -> None:
    """Move its begin back by this much time."""
    moved = {name: getattr(repair, name) - ago for name, ago in fields.items()}
    Repair.objects.filter(pk=repair.pk).update(**moved)
    repair.refresh_from_db()


def how(repair: Repair) -> tuple[str, str]:
    return repair.state, repair.outcome


# --- one that obeys -----------------------------------------------------------------------------
def test_it_succeeds_because_a_read_shows_it(lost, world):
    repair = start(lost)
    assert how(repair) == (State.SUCCEEDED, "a read shows it connected")
    assert repair.steps == ["restart"]
    assert repair.started_at <= repair.finished_at and repair.lease_until is None
    assert lost.status == Status.CONNECTED
    assert says(world, "alice") == "connected" and "alice" in world.logins


def test_an_answer_is_no_success(lost, world):
    """The gateway reports success, and the session then asks for a scan."""
    world.logins.clear()
    repair = start(lost)
    assert repair.state == State.UNCLEAR
    later(repair, lease_until=timedelta(minutes=5))
    assert how(look_again(repair)) == (State.FAILED, "it asks for a scan of its QR code")
    assert Account.objects.get(pk=lost.pk).status == Status.QR_SCANNING


def test_a_qr_code_that_was_seen_ends_the_wait(lost, world, cast):
    world.logins.clear()
    repair = start(lost)
    Account.objects.filter(pk=lost.pk).update(qr_seen_at=repair.started_at)
    assert look_again(repair).state == State.FAILED


# --- one that does not --------------------------------------------------------------------------
def test_nobody_listens_there(lost, world):
    process.stop(world)
    repair = start(lost)
    assert repair.state == State.FAILED
    assert "Connection refused" in repair.outcome


def test_without_a_key_nothing_is_asked(lost):
    GatewaySecret.objects.all().delete()
    repair = start(lost)
    assert repair.state == State.FAILED
    assert "no active API key" in repair.outcome


def test_no_answer_is_no_failure_and_a_read_decides(lost, world):
    """The browser comes up after the deadline."""
    process.freeze(world)
    repair = start(lost)
    assert repair.state == State.UNCLEAR and repair.outcome
    assert look_again(repair).state == State.UNCLEAR
    process.thaw(world)
    comes_up(world, lost)
    assert how(look_again(repair)) == (State.SUCCEEDED, "a read shows it connected")


def test_no_answer_and_nothing_happens_fails_once_it_can_no_longer_happen(lost, world):
    process.freeze(world)
    repair = start(lost)
    process.thaw(world)
    assert look_again(repair).state == State.UNCLEAR
    later(repair, lease_until=timedelta(minutes=5), started_at=timedelta(minutes=5))
    assert look_again(repair).state == State.FAILED
    assert "disconnected" in repair.outcome


def test_an_old_word_of_the_gateway_is_no_success(alice, world):
    """Killed browser, no answer to the start, and the gateway still says connected."""
    faults.crash(world, "alice", honest=False)
    process.freeze(world)
    repair = start(alice)
    process.thaw(world)
    world.sessions["alice"].connected_at -= timedelta(hours=1)
    assert look_again(repair).state == State.UNCLEAR
    later(repair, lease_until=timedelta(minutes=5))
    assert look_again(repair).state == State.FAILED
    assert "as it did before" in repair.outcome


def test_a_session_of_somebody_elses_by_that_name_is_no_success(lost, world, cast):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    repair = starts.claim(lost.gateway_id)
    world.reconnect("alice", cast.globex.pk)
    world.settle()
    later(repair, lease_until=timedelta(minutes=5), started_at=timedelta(seconds=90))
    assert look_again(repair).state == State.UNCLEAR


# --- who carries it out dies --------------------------------------------------------------------
def test_what_a_dead_worker_left_is_read_and_nothing_is_started_twice(lost, world):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    repair = starts.claim(lost.gateway_id)
    comes_up(world, lost)
    later(repair, lease_until=timedelta(minutes=5), started_at=timedelta(seconds=90))
    assert how(look_again(repair)) == (State.SUCCEEDED, "a read shows it connected")


def test_what_a_dead_worker_never_began_fails_in_the_end(lost, world):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    repair = starts.claim(lost.gateway_id)
    later(repair, lease_until=timedelta(minutes=5), started_at=timedelta(seconds=90))
    assert look_again(repair).state == State.UNCLEAR
    assert starts.claim(lost.gateway_id) is None
    later(repair, lease_until=timedelta(minutes=5))
    assert look_again(repair).state == State.FAILED


def test_who_comes_back_after_its_lease_does_nothing_more(lost, world):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    repair = starts.claim(lost.gateway_id)
    Repair.objects.filter(pk=repair.pk).update(state=State.FAILED, outcome="it was read")
    starts.carry_out(repair)
    repair.refresh_from_db()
    assert how(repair) == (State.FAILED, "it was read")
    assert says(world, "alice") == "disconnected"


# --- a look before ------------------------------------------------------------------------------
def test_rollcall_looks_first_and_leaves_what_came_back_alone(lost, world):
    comes_up(world, lost)
    before = world.sessions["alice"]
    assert how(start(lost, by=ROLLCALL)) == (
        State.CANCELLED,
        "nothing was started: a read shows it connected",
    )
    assert world.sessions["alice"] is before


def test_rollcall_starts_nothing_at_a_gateway_that_it_cannot_read(lost, world):
    process.freeze(world)
    repair = start(lost, by=ROLLCALL)
    assert repair.state == State.CANCELLED and "could not be read" in repair.outcome


def test_rollcall_starts_nothing_that_asks_for_a_human_by_now(lost, world):
    world.logins.clear()
    comes_up(world, lost)
    assert start(lost, by=ROLLCALL).state == State.CANCELLED


def test_everybodys_second_attempt_looks_first(lost, world, cast):
    process.stop(world)
    assert start(lost).state == State.FAILED
    process.start(world)
    world.settle()
    comes_up(world, lost)
    Repair.objects.update(started_at=cast.ago(120), finished_at=cast.ago(110))
    assert start(lost).state == State.CANCELLED
    assert start(lost).state == State.SUCCEEDED  # a second request is carried out


def test_after_a_long_wait_everybody_looks_first(lost, world):
    asked = repairs.ask(lost, by=OPERATOR, actor="olga")
    later(asked, asked_at=timedelta(minutes=2))
    comes_up(world, lost)
    assert carried_out(lost).state == State.CANCELLED


def test_who_finds_its_row_locked_gets_its_turn_again(lost, monkeypatch):
    def is_locked(*session, **more):
        raise OperationalError

    with monkeypatch.context() as busy:
        busy.setattr(starts, "confirm", is_locked)
        with pytest.raises(OperationalError):
            start(lost, by=ROLLCALL)
    assert lost.repairs.get().state == State.WAITING
    assert carried_out(lost).state == State.SUCCEEDED


def test_a_persons_first_click_starts_what_the_gateway_calls_connected(alice, world):
    """The gateway may lie."""
    faults.crash(world, "alice", honest=False)
    assert start(alice).state == State.SUCCEEDED
    assert world.sessions["alice"].browser is Browser.RUNNING


# --- the ladder ---------------------------------------------------------------------------------
def test_a_login_is_never_deleted_by_a_step(lost, world):
    repairs.ask(lost, by=OPERATOR, actor="olga", steps=[Step.STOP, Step.START])
    repair = carried_out(lost)
    assert repair.state == State.CANCELLED and "delete the login" in repair.outcome
    assert "alice" in world.logins


def test_a_page_that_left_whatsapp_meanwhile_is_not_restarted(lost, world, cast):
    """A restart at such a gateway would end all its sessions."""
    repairs.ask(lost, by=OPERATOR, actor="olga")
    type(cast.gateway).objects.update(kind="wwebjs_api")
    Account.objects.filter(pk=lost.pk).update(status_reason=Reason.PAGE_GONE)
    repair = carried_out(lost)
    assert repair.state == State.CANCELLED and "helps" in repair.outcome


def test_the_end_of_one_rings_for_the_next(lost, rung, django_capture_on_commit_callbacks):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    rung.clear()
    with django_capture_on_commit_callbacks(execute=True):
        starts.carry_out_due(lost.gateway_id)
    assert rung == [("accounts.tasks.carry_out_repairs", (lost.gateway_id,))] * 2


def test_the_sweeper_rings_for_every_queue(lost, rung, django_capture_on_commit_callbacks):
    repairs.ask(lost, by=OPERATOR, actor="olga")
    with django_capture_on_commit_callbacks(execute=True):
        starts.sweep()
    assert rung == [("accounts.tasks.carry_out_repairs", (lost.gateway_id,))]
