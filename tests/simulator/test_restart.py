"""The simulated process ends and begins: memory lost, logins kept, sessions restored in a row."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from simulator import StillHost, World, still_world
from simulator.state.host import LiveHost
from simulator.state.settings import Failure, Pace
from simulator.world import faults, process, state_file
from simulator.world.traffic import TrafficSource
from tests.simulator.simulated import NUMBER, connected, control, says, waiting

ACTIVE = "/api/whatsapp/accounts/active"


class AskedBackend:
    """A backend that records the gateway's questions, and answers them."""

    def __init__(self, *, sessions=(), offered=(), tries_without_answer=0):
        self.calls = []
        self.sessions = sessions
        self.offered = offered
        self.tries_without_answer = tries_without_answer

    def __call__(self, method, path, body, bearer):
        self.calls.append((method, path, body, bearer))
        if self.tries_without_answer:
            self.tries_without_answer -= 1
            raise ConnectionRefusedError
        if path == ACTIVE:
            return 200, {"success": True, "sessions": list(self.sessions), "count": 1}
        if path.endswith("accounts-for-cleanup"):
            return 200, {"success": True, "data": list(self.offered), "count": 1}
        return 200, {"success": True}


def paced(backend, **options):
    """A world in which things take their time."""
    world = still_world(backend, **options)
    world.settings = replace(world.settings, pace=Pace(restore=2.0))
    return world


def test_sessions_come_back_one_after_another(backend):
    world = paced(backend)
    for name in ("a", "b", "c"):
        connected(world, name)
    process.restart(world)

    held = []
    for _ in range(5):
        held.append(list(world.sessions))
        world.advance(2)
    world.advance(10)

    assert held[:3] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert [one.status for one in world.sessions.values()] == ["connected"] * 3
    connected_at = [one.connected_at for one in world.sessions.values()]
    assert connected_at == sorted(connected_at)
    assert len(set(connected_at)) == 3


def test_without_a_login_a_restored_session_shows_a_qr(world, backend):
    waiting(world)
    process.restart(world)

    assert says(world) == "qr_scanning"
    assert backend.events == ["qr_code_generated"] * 2


def test_a_dead_browser_is_cured_by_a_restart(world):
    connected(world)
    faults.crash(world, "s", honest=False)
    process.restart(world)

    assert world.sessions["s"].is_alive


def test_what_the_process_was_about_to_do_dies_with_it(backend):
    world = paced(backend)
    waiting(world)
    faults.scan(world, "s", phone_number="15550100001")
    world.delete("s")
    control(world, "webhooks", {"delay_seconds": 5})
    connected(world, "t", announce=True)
    process.restart(world)
    world.faults.webhooks.delay_seconds = 0
    backend.requests.clear()
    world.advance(60)

    assert {body["data"]["session_id"] for body in backend.bodies} == {"t"}
    assert backend.events == ["session_authenticated", "session_ready"]


def test_it_may_be_away_for_a_while(world, client):
    connected(world)
    process.restart(world, down_seconds=30)
    world.advance(29)
    assert world.state == "stopped"
    world.advance(1)

    assert client.health(deadline_seconds=5).uptime_seconds == 0
    assert world.sessions["s"].is_alive


def test_a_start_ends_a_restart_that_has_it_down(world):
    connected(world)
    process.restart(world, down_seconds=30)
    process.start(world)
    world.advance(60)

    assert world.sessions["s"].is_alive
    assert world.uptime_seconds() == 60


def test_dying_again_before_all_were_back_forgets_nobody(backend):
    world = paced(backend)
    for name in ("a", "b", "c"):
        connected(world, name)
    process.restart(world)
    world.advance(3)
    process.restart(world, down_seconds=5)
    process.restart(world)
    world.advance(60)

    assert sorted(one.session_id for one in world.sessions.values() if one.is_alive) == [
        "a",
        "b",
        "c",
    ]


def test_a_reset_in_the_middle_of_a_restart_brings_nobody_back(world):
    connected(world)
    process.restart(world, down_seconds=30)
    control(world, "reset", {"sessions": True})
    world.advance(60)

    assert (world.state, world.sessions) == ("running", {})


def test_a_reset_while_sessions_come_back_brings_no_other_back(backend):
    world = paced(backend)
    for name in ("a", "b", "c"):
        connected(world, name)
    process.restart(world)
    world.advance(3)
    control(world, "reset", {"sessions": True})
    world.advance(60)

    assert world.sessions == {}


def test_a_session_that_is_coming_back_is_named_once(backend):
    world = paced(backend)
    for name in ("a", "b"):
        connected(world, name)
    process.restart(world)
    world.advance(1)
    process.restart(world, down_seconds=5)

    assert world.restoring == [("a", 1), ("b", 1)]


def test_it_asks_the_backend_what_should_run(backend):
    asked = AskedBackend(sessions=[{"session_id": "b", "workspace_id": 2, "id": 7}])
    world = still_world(backend, backend=asked)
    connected(world, "a")
    connected(world, "b", workspace_id=2, phone_number="15550100002")
    process.restart(world)

    assert asked.calls == [("GET", ACTIVE, None, False)]
    assert set(world.sessions) == {"b"}
    assert world.sessions["b"].workspace_id == 2
    assert set(world.logins) == {"a", "b"}


def test_it_asks_three_times_and_then_restores_what_it_held(backend):
    asked = AskedBackend(tries_without_answer=5)
    world = still_world(backend, backend=asked)
    connected(world, "a")
    process.restart(world)

    assert len(asked.calls) == 3
    assert set(world.sessions) == {"a"}
    assert any("no answer from the backend" in note for note in world.notes)


def test_a_session_that_cannot_be_restored_is_reported(backend):
    asked = AskedBackend(
        sessions=[
            {"session_id": "a", "workspace_id": 1},
            {"session_id": "b", "workspace_id": 1},
        ]
    )
    world = still_world(backend, backend=asked)
    connected(world, "a")
    connected(world, "b", phone_number="15550100002")
    process.restart(world, failing=["a"])

    method, path, body, bearer = asked.calls[-1]
    assert (method, path) == ("POST", "/api/whatsapp/sessions/a/mark-disconnected")
    assert (body["workspace_id"], bool(body["reason"]), bearer) == (1, True, False)
    assert set(world.sessions) == {"b"}


def test_two_hundred_sessions_come_back(world):
    for number in range(200):
        connected(world, f"s{number}", phone_number=str(15550100000 + number))
    process.restart(world)

    assert sum(one.is_alive for one in world.sessions.values()) == 200
    assert world.restoring == []


def account(world, session_id, *, status, days):
    seen = world.host.now() - timedelta(days=days)
    return {
        "id": 7,
        "session_id": session_id,
        "status": status,
        "last_activity_at": seen.isoformat(),
    }


@pytest.mark.parametrize(
    ("status", "days", "is_stale"),
    [
        ("connected", 6.9, False),
        ("connected", 7.1, True),
        ("disconnected", 2.9, False),
        ("disconnected", 3.1, True),
        ("failed", 0.9, False),
        ("failed", 1.1, True),
        ("qr_scanning", 7.1, True),
    ],
)
def test_the_clean_up_deletes_the_logins_it_judges_stale(backend, status, days, is_stale):
    asked = AskedBackend()
    world = still_world(backend, backend=asked)
    connected(world, "s")
    asked.offered = [account(world, "s", status=status, days=days)]

    assert control(world, "cleanup") == {
        "deleted": ["s"] if is_stale else [],
        "spared": [] if is_stale else ["s"],
    }
    assert set(world.logins) == (set() if is_stale else {"s"})


def test_the_clean_up_touches_only_what_the_backend_offers_and_reports_it(backend):
    asked = AskedBackend()
    world = still_world(backend, backend=asked)
    connected(world, "kept")
    connected(world, "removed", phone_number="15550100002")
    asked.offered = [account(world, "removed", status="disconnected", days=30)]
    process.clean_up(world)

    assert set(world.logins) == {"kept"}
    assert [(method, path, bearer) for method, path, _, bearer in asked.calls] == [
        ("GET", "/api/whatsapp/accounts-for-cleanup", True),
        ("PATCH", "/api/whatsapp/accounts/7/status", True),
        ("POST", "/api/whatsapp/cleanup-logs", True),
    ]
    assert set(asked.calls[-1][2]) == {
        "whatsapp_account_id",
        "action",
        "status",
        "reason",
        "metadata",
    }


def test_without_a_backend_there_is_no_clean_up(world):
    with pytest.raises(Failure, match="without a backend"):
        process.clean_up(world)


def test_its_disk_outlives_it(world, backend, tmp_path):
    path = tmp_path / "gateway.json"
    world.save = lambda: state_file.save(world, path)
    connected(world, "a")
    connected(world, "b", workspace_id=2, phone_number="15550100002")
    faults.lose(world, "b")

    reborn = still_world(backend)
    process.restore(reborn, state_file.load(reborn, path).held)
    reborn.settle()

    assert set(reborn.logins) == {"a", "b"}
    assert {one.session_id for one in reborn.sessions.values() if one.is_alive} == {"a"}
    assert path.stat().st_mode & 0o077 == 0


def test_a_start_that_is_cut_short_forgets_nobody(backend, tmp_path):
    path = tmp_path / "gateway.json"
    world = paced(backend)
    world.save = lambda: state_file.save(world, path)
    for name in ("a", "b", "c"):
        connected(world, name)
    process.restart(world)
    world.advance(3)

    found = state_file.load(still_world(backend), path)
    assert sorted(found.held) == [("a", 1), ("b", 1), ("c", 1)]


def test_a_file_of_seeds_is_a_gateway_that_has_been_running_for_long(world, client, tmp_path):
    path = tmp_path / "gateway.json"
    seeds = [
        {"session_id": "a", "workspace_id": 1, "phone_number": NUMBER, "state": "connected"},
        {"session_id": "b", "workspace_id": 2},
    ]
    path.write_text(json.dumps({"seeds": seeds}))

    assert state_file.load(world, path).is_seeded
    listing = client.list_sessions(deadline_seconds=5)
    assert [one.state for one in listing.sessions] == ["connected", "qr_scanning"]


@pytest.mark.parametrize(
    "content", ["", "5", "[]", '{"logins": 5}', '{"seeds": [{}]}', '{"seeds": [5]}']
)
def test_a_broken_state_file_is_named(world, tmp_path, content):
    path = tmp_path / "gateway.json"
    assert state_file.load(world, path).held == []
    path.write_text(content)

    with pytest.raises(ValueError, match="not a simulator's state"):
        state_file.load(world, path)


def test_connected_sessions_speak_now_and_then(world, backend):
    connected(world, "a")
    connected(world, "dead", phone_number="15550100002")
    faults.crash(world, "dead", honest=False)
    control(world, "traffic", {"enabled": True})
    TrafficSource(world).step()
    world.advance(600)

    assert 600 / 40 <= len(backend.requests) <= 600 / 20 + 2
    assert {body["data"]["session_id"] for body in backend.bodies} == {"a"}
    assert set(backend.events) == {"message_received", "message_delivered"}


def test_nobody_speaks_while_the_gateway_is_stopped(world, backend):
    connected(world)
    control(world, "traffic", {"enabled": True, "min_seconds": 1, "max_seconds": 1})
    TrafficSource(world).step()
    process.stop(world)
    world.advance(60)

    assert backend.requests == []


def test_only_a_still_world_can_be_moved_on(backend):
    world = World(still_world(backend).settings, host=LiveHost(), deliver=backend)
    with pytest.raises(TypeError):
        world.advance(1)
    assert isinstance(still_world(backend).host, StillHost)
