"""The control interface, and its page in docs/."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from simulator import still_world
from simulator.served.control import GATEWAY_VERBS, LIST_FAULTS, SESSION_VERBS
from tests.simulator.simulated import NUMBER, ask, connected, control, waiting

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
KEY = {"X-Control-Key": "test-control"}


@pytest.mark.parametrize("headers", [{}, {"X-Control-Key": "wrong"}, {"X-API-Key": "test-key"}])
def test_it_needs_its_own_key(world, headers):
    status, answer = ask(world, "GET", "/_control/world", headers=headers)

    assert (status, set(answer)) == (401, {"error"})


def test_without_a_key_of_its_own_nobody_has_control(backend):
    world = still_world(backend, control_key="")

    assert ask(world, "GET", "/_control/world", headers={"X-Control-Key": ""})[0] == 401


def test_it_answers_while_the_gateway_does_not(world):
    for verb in ("stop", "freeze"):
        control(world, f"gateway/{verb}")
        assert control(world, "world", method="GET")["gateway"]["state"] != "running"


def test_the_world_shows_what_is_true_beside_what_is_said(world):
    connected(world)
    control(world, "sessions/s/crash")
    truth = control(world, "world", method="GET")

    (session,) = truth["sessions"]
    assert (session["says"], session["alive"], session["browser"]) == ("connected", False, "dead")
    assert truth["logins"] == ["s"]


def test_sessions_are_seeded_in_any_state(world):
    states = ["qr_scanning", "authenticated", "connected", "disconnected", "error"]
    made = control(
        world,
        "sessions",
        {
            "sessions": [
                {
                    "session_id": f"s-{state}",
                    "workspace_id": 2,
                    "phone_number": NUMBER,
                    "state": state,
                    "connected_at": "2026-11-22T11:51:30.331Z",
                }
                for state in states
                if state != "authenticated"
            ]
        },
    )["sessions"]

    assert [one["says"] for one in made] == [one for one in states if one != "authenticated"]
    assert made[1]["connected_at"] == "2026-11-22T11:51:30.331Z"
    assert set(world.logins) == {"s-connected", "s-disconnected", "s-error"}


def test_a_seeded_session_without_an_id_gets_one(world):
    (made,) = control(world, "sessions", {"workspace_id": 3})["sessions"]

    assert re.fullmatch(r"webjs_3_\d{10}_[A-Za-z0-9]{8}", made["session_id"])


def test_seeding_is_silent_unless_announced(world, backend):
    connected(world, "quiet")
    assert backend.events == []
    connected(world, "loud", announce=True)
    assert backend.events == ["session_ready"]


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("sessions", {}, 400, "workspace_id is missing"),
        ("sessions", {"workspace_id": "1"}, 400, "workspace_id must be a number"),
        ("sessions", {"workspace_id": 1, "state": "happy"}, 400, "state must be one of"),
        ("sessions", {"workspace_id": 1, "state": "connected"}, 400, "phone_number"),
        ("sessions", {"workspace_id": 1, "connected_at": "soon"}, 400, "connected_at"),
        ("sessions", {"sessions": 5}, 400, "list of objects"),
        ("sessions/s/scan", {}, 400, "phone_number is missing"),
        ("sessions/s/crash", {"honest": "yes"}, 400, "honest must be true or false"),
        ("sessions/s/crash", {"onest": True}, 400, "unknown field: onest; known: honest"),
        ("sessions/s/explode", {}, 404, "there are scan, unlink"),
        ("sessions/nobody/crash", {}, 404, "no such session"),
        ("sessions/s/resume", {}, 409, "not hung"),
        ("gateway/explode", {}, 404, "there are stop, start"),
        ("gateway/thaw", {}, 409, "not frozen"),
        ("gateway/restart", {"failing": "s"}, 400, "list of texts"),
        ("list", {"fault": "odd"}, 400, "fault must be empty or one of"),
        ("webhooks", {"drop": -1}, 400, "whole number"),
        ("webhooks", {"dorp": 1}, 400, "unknown field: dorp"),
        ("traffic", {"often": True}, 400, "unknown field"),
        ("cleanup", {}, 409, "without a backend"),
        ("nothing", {}, 404, "there is no POST"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong_and_does_nothing(world, path, body, status, why):
    connected(world)
    before = control(world, "world", method="GET")
    answer = ask(world, "POST", f"/_control/{path}", body, headers=KEY)

    assert answer[0] == status
    assert why in answer[1]["error"]
    assert control(world, "world", method="GET") == before


def test_a_body_that_is_no_json_is_told_so(world):
    assert ask(world, "POST", "/_control/list", [1], headers=KEY)[0] == 400


def test_a_reset_heals_the_gateway_and_keeps_its_sessions(world, client):
    connected(world)
    control(world, "list", {"fault": "empty"})
    control(world, "webhooks", {"silent": True})
    control(world, "gateway/stop")
    control(world, "reset")

    listing = client.list_sessions(deadline_seconds=5)
    assert len(listing.sessions) == 1
    assert not world.faults.webhooks.silent

    control(world, "reset", {"sessions": True})
    assert (world.sessions, world.logins) == ({}, {})


def test_the_page_names_everything_there_is():
    page = PAGE.read_text()
    for name in (*SESSION_VERBS, *GATEWAY_VERBS, *LIST_FAULTS):
        assert f"`{name}" in page or f"/{name}" in page, name


def lines_of_the_page():
    """Return every curl line of the page: method, path, body."""
    found = []
    for line in PAGE.read_text().replace("\\\n", " ").splitlines():
        if not line.startswith("control "):
            continue
        _, path, *rest = shlex.split(line)
        found.append((path, json.loads(rest[0]) if rest else None))
    return found


@pytest.mark.parametrize(
    ("path", "body"), lines_of_the_page(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_line_of_the_page_works(backend, path, body):
    asked = still_world(backend, backend=lambda *call: (200, {"data": [], "sessions": []}))
    session_id = "webjs_1_1763264318_rCdIqxMG"
    (waiting if "/scan" in path else connected)(asked, session_id)
    if path.endswith("resume"):
        control(asked, f"sessions/{session_id}/hang")
    if path.endswith("thaw"):
        control(asked, "gateway/freeze")
    control(asked, path, body, method="GET" if path == "world" else "POST")


@pytest.mark.parametrize("kind", ["webjs", "wwebjs_api", "waha", "evolution", "wppconnect"])
def test_a_session_named_by_its_lid_keeps_it_over_a_restart(kind):
    world = still_world(lambda *request: 200, kind=kind)
    connected(world, "s")

    control(world, "sessions/s/show_lid", {"lid": "100000000000783"})
    world.sessions["s"].lid = None
    world.become_ready(world.sessions["s"])

    assert world.sessions["s"].own_id() == "100000000000783@lid"
    assert world.sessions["s"].phone_number == NUMBER


@pytest.mark.parametrize("lid", ["", "abc", "1@lid"])
def test_a_lid_is_digits(world, lid):
    connected(world)
    status, _ = ask(world, "POST", "/_control/sessions/s/show_lid", {"lid": lid},
                    headers={"X-Control-Key": world.settings.control_key})  # fmt: skip
    assert status == 400
