"""What fate does to a session, what the gateway says of it, and what is true."""

from __future__ import annotations

import pytest

from gateways.base import BadAnswer, ConnectionRefused, Rejected, State, TimedOut
from simulator.state.sessions import Truth
from simulator.state.settings import Failure
from simulator.world import faults, process
from tests.simulator.simulated import NUMBER, connected, control, says, scanned, waiting


def state(client, session_id="s"):
    session = client.read_session(session_id, deadline_seconds=5)
    return session and session.state


def listed(client):
    return client.list_sessions(deadline_seconds=5)


def test_a_scan_authenticates_then_connects_with_the_number(world, client, backend):
    waiting(world)
    faults.scan(world, "s", phone_number="+62 811-801-641")

    assert backend.events == ["qr_code_generated", "session_authenticated", "session_ready"]
    assert backend.bodies[-1]["data"]["phone_number"] == NUMBER
    assert client.read_session("s", deadline_seconds=5).phone_number == NUMBER
    assert set(world.logins) == {"s"}


@pytest.mark.parametrize("number", ["", "12", "null"])
def test_a_scan_needs_a_number(world, number):
    waiting(world)
    with pytest.raises(Failure, match="7 to 15 digits"):
        faults.scan(world, "s", phone_number=number)


def test_only_a_session_that_shows_a_qr_can_be_scanned(world):
    connected(world)
    with pytest.raises(Failure, match="shows no QR code"):
        faults.scan(world, "s", phone_number=NUMBER)


def test_a_qr_is_renewed_every_minute_until_it_is_scanned(world, backend):
    waiting(world)
    world.advance(125)
    faults.scan(world, "s", phone_number=NUMBER)
    world.advance(600)

    codes = [body["data"] for body in backend.bodies if body["event"] == "qr_code_generated"]
    assert [(one["qr_count"], one["is_regeneration"]) for one in codes] == [
        (1, False),
        (2, True),
        (3, True),
    ]
    assert len({one["qr_code"] for one in codes}) == 3


def test_unlinking_ends_in_a_fresh_qr_with_the_old_number_still_there(world, client, backend):
    connected(world)
    faults.unlink(world, "s")

    session = client.read_session("s", deadline_seconds=5)
    assert backend.events == ["session_disconnected", "qr_code_generated"]
    assert backend.bodies[0]["data"]["reason"] == "LOGOUT"
    assert (session.state, session.phone_number) == (State.QR_SCANNING, NUMBER)
    assert session.connected_at is not None
    assert set(world.logins) == set()


@pytest.mark.parametrize("mishap", [faults.crash, faults.hang])
def test_as_shipped_a_broken_browser_goes_unnoticed(world, client, backend, mishap):
    connected(world)
    mishap(world, "s", honest=False)
    world.advance(3600)

    assert backend.events == []
    assert state(client) is State.CONNECTED
    assert listed(client).sessions[0].state is State.CONNECTED
    assert not world.sessions["s"].is_alive


@pytest.mark.parametrize("mishap", [faults.crash, faults.hang])
def test_an_honest_gateway_tells_at_once(world, client, backend, mishap):
    connected(world)
    mishap(world, "s", honest=True)

    assert backend.events == ["session_disconnected"]
    assert state(client) is State.DISCONNECTED


def test_a_hung_browser_can_go_on(world):
    connected(world)
    faults.hang(world, "s", honest=False)
    faults.resume(world, "s")

    assert world.sessions["s"].is_alive
    with pytest.raises(Failure, match="not hung"):
        faults.resume(world, "s")


def test_a_silently_lost_session_is_gone_and_its_login_is_not(world, client, backend):
    connected(world)
    faults.lose(world, "s")

    assert backend.events == []
    assert state(client) is None
    assert listed(client).sessions == ()
    assert listed(client).complete
    assert set(world.logins) == {"s"}


def test_a_conflict_is_followed_by_a_false_reconnected(world, client, backend):
    connected(world)
    faults.disconnect(world, "s", reason="CONFLICT")
    world.advance(60)

    assert backend.events == ["session_disconnected", "session_reconnected"]
    assert state(client) is State.DISCONNECTED


def test_any_other_loss_is_told_with_its_reason(world, client, backend):
    connected(world)
    faults.disconnect(world, "s", reason="TOS_BLOCK")

    assert backend.bodies[0]["data"]["reason"] == "TOS_BLOCK"
    assert state(client) is State.DISCONNECTED


def test_the_gateway_gives_up(world, client, backend):
    connected(world)
    faults.give_up(world, "s")

    assert backend.events == ["session_reconnect_failed"]
    assert state(client) is State.DISCONNECTED


def test_a_lie_changes_what_is_said_and_not_what_is(world, client):
    connected(world)
    faults.disconnect(world, "s", reason="NAVIGATION")
    faults.lie(world, "s", status="connected")

    assert state(client) is State.CONNECTED
    assert world.sessions["s"].truth is Truth.DISCONNECTED


def test_a_false_reconnected_to_order(world, backend):
    connected(world)
    faults.crash(world, "s", honest=True)
    faults.claim_reconnected(world, "s")
    faults.report_error(world, "s", error="phone_extraction_failed")

    assert backend.events == ["session_disconnected", "session_reconnected", "session_error"]
    assert says(world) == "disconnected"


def test_a_live_session_can_be_missing_from_the_list(world, client):
    connected(world)
    faults.set_listed(world, "s", listed=False)

    assert listed(client).sessions == ()
    assert state(client) is State.CONNECTED
    assert client.health(deadline_seconds=5).sessions_held == 0


def test_only_the_living_speak(world, backend):
    connected(world)
    faults.speak(world, "s")
    faults.speak(world, "s", sent=True)
    faults.acknowledge(world, "s")
    assert backend.events == ["message_received", "message_sent", "message_delivered"]

    faults.crash(world, "s", honest=False)
    with pytest.raises(Failure, match="cannot speak"):
        faults.speak(world, "s")


def test_a_message_can_bring_megabytes(world, backend):
    connected(world)
    faults.speak(world, "s", megabytes=3)

    assert 3_000_000 < len(backend.requests[0][3]) < 3_300_000


@pytest.mark.parametrize("verb", [faults.unlink, faults.lose, faults.acknowledge])
def test_nothing_happens_to_a_session_that_is_not_there(world, verb):
    with pytest.raises(Failure, match="no such session"):
        verb(world, "nobody")


def test_a_stopped_gateway_refuses_and_a_started_one_remembers(world, client):
    connected(world)
    process.stop(world)
    with pytest.raises(ConnectionRefused):
        listed(client)

    process.start(world)
    assert state(client) is State.CONNECTED


def test_a_frozen_gateway_never_answers_until_it_thaws(world, client, backend):
    connected(world)
    process.freeze(world)
    faults.disconnect(world, "s", reason="NAVIGATION")
    with pytest.raises(TimedOut, match="no answer within"):
        listed(client)
    assert backend.events == []

    process.thaw(world)
    assert backend.events == ["session_disconnected"]
    assert state(client) is State.DISCONNECTED
    with pytest.raises(Failure, match="not frozen"):
        process.thaw(world)


def test_an_answer_that_takes_longer_than_the_caller_waits_is_a_timeout(world, client):
    connected(world)
    faults.hang(world, "s", honest=False)

    with pytest.raises(TimedOut):
        client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=10)
    with pytest.raises(Rejected):
        client.restart_session("s", workspace_id=1, account_id=1, deadline_seconds=20)


def two(world):
    connected(world, "a")
    connected(world, "b", phone_number="15550100002")


@pytest.mark.parametrize(
    ("fault", "keeps", "names", "why"),
    [
        ("empty", 0, [], ""),
        ("partial", 1, ["a"], ""),
        ("partial_wrong_total", 1, ["a"], "it says 2, but lists 1"),
        ("no_total", 0, ["a", "b"], "it does not say how many there are (no total)"),
        ("unreadable_entry", 0, ["a"], "entry 1 cannot be read: session_id is missing"),
    ],
)
def test_a_list_can_be_wrong(world, client, fault, keeps, names, why):
    two(world)
    control(world, "list", {"fault": fault, "keeps": keeps})

    assert [session.session_id for session in listed(client).sessions] == names
    assert listed(client).why_incomplete == why
    assert client.health(deadline_seconds=5).sessions_held == 2
    assert state(client, "b") is State.CONNECTED


@pytest.mark.parametrize(
    ("fault", "error"), [("html", BadAnswer), ("truncated", BadAnswer), ("error", Rejected)]
)
def test_a_list_can_be_no_list_at_all(world, client, fault, error):
    two(world)
    control(world, "list", {"fault": fault})

    with pytest.raises(error):
        listed(client)
    control(world, "list", {"fault": ""})
    assert len(listed(client).sessions) == 2


def test_health_can_agree_with_a_wrong_list(world, client):
    two(world)
    control(world, "list", {"fault": "partial", "keeps": 1, "health_agrees": True})

    assert client.health(deadline_seconds=5).sessions_held == 1


def test_a_scan_by_another_phone_is_told_with_that_number(world, backend):
    scanned(world, phone_number=NUMBER)
    faults.unlink(world, "s")
    faults.scan(world, "s", phone_number="15550109999")

    assert backend.bodies[-1]["data"]["phone_number"] == "15550109999"
