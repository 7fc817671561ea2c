"""Acts that speak to a gateway: it does them, or a clear message says why not."""

from __future__ import annotations

import pytest

from accounts.models import Account, GatewaySecret
from accounts.repair.starts import carry_out_due
from accounts.words.status import Status, Wanted
from reconciliation.models import Run
from simulator.world import faults, process
from tests.dashboard.pages import act, ask, page_of, told, words
from tests.simulator.simulated import connected, says


@pytest.fixture
def alice(world, cast):
    """Alice's account, with her session on the simulated gateway."""
    fields = {"phone_number": cast.alice.phone_number, "workspace_id": cast.acme.pk}
    connected(world, "alice", **fields)
    return cast.alice


def test_a_roll_call_now_reads_the_gateway_and_mends_the_rows(operator, cast, alice, world):
    done = act(operator, "roll-call", alice)
    cast.bob.refresh_from_db()
    assert cast.bob.status == Status.DISCONNECTED
    assert Run.objects.get().sessions_listed == 1
    assert told(done) == [
        "Called the roll for 1. whatsapp-1: 1 sessions listed, differences: 1 missing."
    ]


def test_one_gateway_is_read_once_for_all_its_accounts(operator, cast, alice):
    act(operator, "roll-call", alice, cast.bob, cast.charlie)
    assert Run.objects.count() == 1


def test_a_roll_call_of_a_gateway(admin, cast, alice):
    done = act(admin, "roll-call", cast.gateway, model="gateway")
    assert "whatsapp-1: 1 sessions listed" in told(done)[0]


def test_a_restart_waits_for_its_turn_and_starts_the_browser_again(operator, alice, world):
    faults.crash(world, "alice", honest=True)
    assert says(world, "alice") == "disconnected"
    assert told(act(operator, "restart", alice)) == [
        "Restart queued: 1. 62811801641: next in line."
    ]
    assert "asked for by maria, waiting for its turn: next in line" in words(
        operator.get(page_of(alice))
    )
    carry_out_due(alice.gateway_id)
    assert says(world, "alice") == "connected"
    text = words(operator.get(page_of(alice)))
    assert "Start of its session: succeeded" in text
    assert "restart · a read shows it connected" in text


def test_unlinking_ends_the_session_and_says_beforehand_what_is_lost(operator, alice, world):
    assert "somebody must scan a QR code" in words(ask(operator, "unlink", alice))
    assert told(act(operator, "unlink", alice)) == ["Unlinked 1."]
    alice.refresh_from_db()
    assert alice.wanted == Wanted.STOPPED
    assert "alice" not in world.sessions


@pytest.mark.parametrize("verb", ["unlink", "roll-call"])
def test_a_gateway_that_refuses_gets_a_clear_message(operator, alice, world, verb):
    process.stop(world)
    [message] = told(act(operator, verb, alice))
    assert "1 refused: " in message
    assert "refused" in message.partition("1 refused: ")[2].lower()


@pytest.mark.parametrize("verb", ["unlink", "roll-call"])
def test_a_gateway_that_hangs_gets_a_clear_message(operator, alice, world, verb):
    process.freeze(world)
    [message] = told(act(operator, verb, alice))
    assert "1 refused: " in message
    assert "answer" in message


def test_what_went_wrong_stands_in_the_history(operator, alice, world):
    process.stop(world)
    act(operator, "unlink", alice)
    assert "Unlink session (needs a new scan): refused: " in words(operator.get(page_of(alice)))


def test_what_went_wrong_with_a_start_stands_in_the_timeline(operator, alice, world):
    process.stop(world)
    act(operator, "restart", alice)
    carry_out_due(alice.gateway_id)
    text = words(operator.get(page_of(alice)))
    assert "Start of its session: failed" in text
    assert "Connection refused" in text


def test_a_second_restart_at_once_is_told_when_it_may_be(operator, alice, world):
    act(operator, "restart", alice)
    carry_out_due(alice.gateway_id)
    [message] = told(act(operator, "restart", alice))
    assert "1 refused: 62811801641: it was started just now: again in" in message


def test_a_gateway_without_a_key_says_how_to_give_it_one(operator, alice):
    GatewaySecret.objects.all().delete()
    [message] = told(act(operator, "unlink", alice))
    assert "has no active API key: ./run manage gateway_add" in message


def test_a_secret_that_cannot_be_opened_says_so(operator, alice):
    GatewaySecret.objects.update(sealed="not sealed by us")
    [message] = told(act(operator, "unlink", alice))
    assert "FIELD_KEYS" in message


def test_what_is_wanted_stopped_is_not_restarted(operator, alice):
    Account.objects.filter(pk=alice.pk).update(wanted=Wanted.STOPPED)
    assert "set it to keep running first" in words(ask(operator, "restart", alice))


def test_what_one_refuses_does_not_stop_the_others(operator, cast, alice, world):
    other = cast.an_account("elsewhere", Status.CONNECTED, gateway=cast.other_gateway)
    [message] = told(act(operator, "unlink", other, alice))
    assert message.startswith("Unlinked 1, 1 refused: ")
    assert "alice" not in world.sessions


def test_what_cannot_be_paused_is_greyed_with_its_reason(operator, alice):
    text = words(operator.get(page_of(alice)))
    assert "Pause session (stays linked): a gateway of kind webjs deletes the login" in text


def test_a_quarantine_is_lifted_where_there_is_one(operator, cast, alice):
    assert "Lift quarantine" not in words(operator.get(page_of(alice)))
    Account.objects.filter(pk=alice.pk).update(quarantined_until=cast.ago(-3600), strikes=3)
    assert "Lift quarantine" in words(operator.get(page_of(alice)))
    assert told(act(operator, "lift-quarantine", alice)) == ["Lifted 1."]
    alice.refresh_from_db()
    assert (alice.quarantined_until, alice.strikes) == (None, 0)
