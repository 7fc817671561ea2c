"""Short words for what tests do with a simulated gateway."""

from __future__ import annotations

import json

import httpx

from simulator.served.transport import transport
from simulator.world import faults
from simulator.world.seeds import seed
from simulator.world.world import World

NUMBER = "62811801641"


def connected(world: World, session_id: str = "s", **fields: object) -> str:
    """A session that has been connected for long."""
    given = {"workspace_id": 1, "phone_number": NUMBER, "state": "connected"}
    seed(world, given | {"session_id": session_id} | fields)
    world.settle()
    return session_id


def waiting(world: World, session_id: str = "s") -> str:
    """A session that shows a QR code."""
    world.create(session_id, 1)
    world.settle()
    return session_id


def scanned(world: World, session_id: str = "s", phone_number: str = NUMBER) -> str:
    waiting(world, session_id)
    faults.scan(world, session_id, phone_number=phone_number)
    return session_id


def ask(
    world: World,
    method: str,
    path: str,
    body: object = None,
    *,
    seconds: float = 60,
    headers: dict[str, str] | None = None,
) -> tuple[int, object]:
    """Status and answer of one raw call."""
    request = httpx.Request(
        method,
        f"http://localhost:3001{path}",
        content=b"" if body is None else json.dumps(body).encode(),
        headers=headers,
        extensions={"timeout": httpx.Timeout(seconds).as_dict()},
    )
    response = transport(world).handle_request(request)
    response.read()
    try:
        return response.status_code, json.loads(response.content)
    except ValueError:
        return response.status_code, response.text


def control(world: World, path: str, body: object = None, method: str = "POST") -> object:
    """Make one control call that succeeds."""
    headers = {"X-Control-Key": world.settings.control_key}
    status, answer = ask(world, method, f"/_control/{path}", body or {}, headers=headers)
    assert status == 200, answer
    return answer


def says(world: World, session_id: str = "s") -> str:
    return world.sessions[session_id].status
